"""What the README says works: its rule passes its own examples, its configuration loads."""

from __future__ import annotations

import re
from pathlib import Path

from onnxlint.config import load, plan
from onnxlint.packs import discover, rules_in_path
from onnxlint.testing import problems

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_rule_of_the_readme(tmp_path):
    path = tmp_path / "large_kernel.py"
    path.write_text(block("python"))
    (rule,) = rules_in_path(path)
    assert problems(rule) == []


def test_configuration_of_the_readme(tmp_path):
    path = tmp_path / "onnxlint.toml"
    path.write_text(block("toml"))
    chosen = plan(load(path), discover(), "before_training/a.onnx")
    assert chosen.stage == "init"
    assert chosen.heads == {"scores": "sigmoid"}
