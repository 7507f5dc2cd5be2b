"""What the project says of itself is true: codes, changelog, architecture, kinds of tests."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import new_rule
import pytest
from kinds import KIND_OF_FILE

from onnxlint.rules.packs import discover, rules_in_path
from onnxlint.testing import problems

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CODES = (ROOT / "tests" / "golden" / "codes.txt").read_text(encoding="utf-8").splitlines()


def test_no_code_or_name_of_a_rule_is_lost_or_used_again():
    """`make new-rule` adds a line; one of a rule that is gone ends in `(removed in VERSION)`."""
    kept = [line for line in CODES if "(removed in " not in line]
    assert kept == sorted(f"{rule.code} {rule.name}" for rule in discover().rules)
    for words in ([line.split()[part] for line in CODES] for part in (0, 1)):
        assert len(set(words)) == len(words)


def test_fragments_of_the_changelog_are_of_a_known_kind():
    kinds = {kind["directory"] for kind in PYPROJECT["tool"]["towncrier"]["type"]}
    table = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert kinds == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    for path in (ROOT / "changelog.d").glob("+*"):
        assert re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(kinds)})\.md", path.name)


def test_the_changelog_has_an_entry_for_this_version():
    from onnxlint import __version__

    assert f"\n## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_figure_of_the_architecture_is_up_to_date(monkeypatch):
    pytest.importorskip("grimp")
    monkeypatch.syspath_prepend(str(ROOT / "tools" / "docs"))
    import import_graph

    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (drawn,) = import_graph.FIGURE.findall(page)
    assert drawn == import_graph.figure(), "run tools/docs/import_graph.py"


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "changelog.d/README.md"])
def test_what_a_page_for_maintainers_names_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`?make ([a-z-]+)", text)) <= set(targets)
    within = ROOT / "onnxlint"
    for path in re.findall(r"`([\w./-]+(?:/|\.(?:py|toml|md|json)))`", text):
        bases = (ROOT, within, within / "cli", within / "rules", within / "runtime" / "data",
                 ROOT / "rules" / "onnxlint_rules")  # fmt: skip
        path = path.replace("FAMILY", "gra")
        assert any((base / path).exists() for base in bases), path


def test_every_file_of_a_kind_is_there():
    files = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert set(KIND_OF_FILE) <= files


def test_the_workflow_runs_the_sessions_of_noxfile_on_the_supported_pythons():
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", " ".join(PYPROJECT["project"]["classifiers"]))
    assert re.findall(r"session: tests-(3\.\d+)", workflow) == named
    assert re.search(r"PYTHONS = \[(.*)\]", noxfile)[1] == ", ".join(f'"{n}"' for n in named)


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("ACT001", "dead-relus", "taken: ACT001"),
        ("ACT", "dead-relu", "taken: ACT"),
        ("XYZ001", "a-rule", "there is no family XYZ"),
        ("act1", "a-rule", "act1 is not a code"),
        ("ACT", "A_Rule", "A_Rule is not a name"),
    ],
)
def test_a_new_rule_takes_no_code_or_name_that_was_given_out(code, name, said):
    script = ROOT / "tools" / "docs" / "new_rule.py"
    done = subprocess.run([sys.executable, script, code, name], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr


def test_a_new_rule_is_sound_before_a_line_of_it_is_changed(tmp_path):
    file = tmp_path / "my_rule.py"
    file.write_text(new_rule.TEMPLATE.format(code="GRA900", name="my-rule", function=file.stem))
    (made,) = rules_in_path(file)
    assert (made.code, made.name, problems(made)) == ("GRA900", "my-rule", [])
    assert all(words in file.read_text().lower() for words in new_rule.PLACEHOLDERS)


@pytest.mark.docs
def test_no_page_still_says_what_the_scaffold_of_a_rule_said():
    """`make rule` lists them; `make check` leaves this to `make test`."""
    assert new_rule.unfilled() == []
