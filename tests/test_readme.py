"""What the README says works: its rule passes its own examples, its configuration loads."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from fnmatch import fnmatchcase
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


STEP = re.compile(r'```(?:\w+ title="([^"]+)"|(console))\n(.*?)```', re.DOTALL)


def test_tutorial(tmp_path, onnxlint):
    """Its files are written and its commands are run, in the order of the page."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    steps = STEP.findall(text)
    assert len(steps) == text.count("```") / 2
    for title, _, content in steps:
        if title:
            (tmp_path / title).parent.mkdir(exist_ok=True)
            (tmp_path / title).write_text(content, encoding="utf-8")
        else:
            command, *printed = content.splitlines()
            prompt, name, *arguments = shlex.split(command)
            assert (prompt, name) == ("$", "onnxlint")
            done = onnxlint(*arguments)
            expected = "\n".join(printed).replace("[", "[[]").replace("...", "*")
            assert fnmatchcase(done.stdout.strip(), expected), done.stdout + done.stderr


def test_pack_of_the_tutorial(tmp_path, onnxlint):
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    files = {title: content for title, _, content in STEP.findall(page) if title}
    for title, content in files.items():
        (tmp_path / title).parent.mkdir(exist_ok=True)
        (tmp_path / title).write_text(content, encoding="utf-8")
    (tmp_path / "our_rules" / "__init__.py").touch()
    (tmp_path / "onnxlint.toml").unlink()
    project = tomllib.loads(files["pyproject.toml"])["project"]
    ((prefix, module),) = project["entry-points"]["onnxlint.rules"].items()
    installed = tmp_path / f"{project['name']}-{project['version']}.dist-info"
    installed.mkdir()
    facts = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (installed / "METADATA").write_text(facts)
    (installed / "entry_points.txt").write_text(f"[onnxlint.rules]\n{prefix} = {module}\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    listed = onnxlint("rules", "ACME", PYTHONPATH=path).stdout
    assert "4 rules" in listed
    assert "ACME005" in listed
