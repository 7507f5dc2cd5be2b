"""What the README says works: its rule passes its own examples, its configuration loads."""

from __future__ import annotations

import re
from pathlib import Path

from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.rules.packs import discover, rules_in_path
from onnxlint.settings import OutputContract
from onnxlint.testing import problems

ROOT = Path(__file__).parent.parent


def block(language: str, number: int = 0, page: str = "README.md") -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def test_rule_of_the_readme(tmp_path):
    path = tmp_path / "large_kernel.py"
    path.write_text(block("python"))
    (rule,) = rules_in_path(path)
    assert problems(rule) == []


def test_pattern_of_the_readme(tmp_path):
    path = tmp_path / "softmaxes.toml"
    path.write_text(block("toml"))
    (rule,) = rules_in_path(path)
    assert problems(rule) == []


def test_rule_of_the_page_on_patterns(tmp_path):
    path = tmp_path / "double_softmax.py"
    path.write_text(block("python", page="docs/patterns.md"))
    (rule,) = rules_in_path(path)
    assert problems(rule) == []


def test_rule_of_the_page_on_fixes(tmp_path):
    path = tmp_path / "cast_to_itself.py"
    path.write_text(block("python", page="docs/fixes.md"))
    (rule,) = rules_in_path(path)
    assert problems(rule) == []


def test_configuration_of_the_readme(tmp_path):
    path = tmp_path / "onnxlint.toml"
    path.write_text(block("toml", 1))
    chosen = plan(load(path), discover(), "before_training/a.onnx").settings
    assert chosen.stage == "init"
    assert chosen.outputs["scores"] == OutputContract(head="sigmoid", range=(0.0, 1.0))


def test_preparation_of_the_readme(tmp_path):
    path = tmp_path / "onnxlint.toml"
    path.write_text(block("toml", 2))
    assert load(path).config.inputs["image"].size == (224, 224)
