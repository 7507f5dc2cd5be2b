"""What every rule prints, for a person to review: tests/snapshots, one file a rule.

    python tools/tests/snapshots.py [--examples] [CODE …]          (or `make snapshots`)

The first part of a file is what the rule's own Bad examples print. The second is every other form
of its messages and hints that the tests reach, its numbers and names left out; those are recorded
by a run of the tests with ONNXLINT_SNAPSHOTS set, and each test compares with them. Run it after a
message was changed, and read the diff.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from onnx import defs

from onnxlint.findings import Diagnostic
from onnxlint.rules.packs import discover
from onnxlint.rules.rule import Rule
from onnxlint.testing import Example, run_rule, saved

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "snapshots"
RELEASES = FOLDER / "releases.json"
"""With which onnx and onnxruntime the forms were recorded: others have other words."""

RECORDING = "ONNXLINT_SNAPSHOTS"
"""The variable that names the folder into which the tests record what rules say."""

ELSEWHERE = (
    "attacks", "docs", "fuzz", "links", "output_safety", "processes", "project", "same_answers",
    "snapshots", "terminal", "trust", "wheel",
)  # fmt: skip
"""Tests whose models are linted in processes of their own, where nothing is recorded."""

FORMS = "\nForms of messages and hints in the tests:\n"

_NAMES = re.compile(r"'[^']*'")
_NUMBERS = re.compile(r"\b\d[\d,.]*(?:e[+-]?\d+)?\b")
_MEMORY = re.compile(r"[\d,]+ MiB")
"""The memory of the machine, which a limit is made from."""

_LISTED = re.compile(r"(#|'…'|OP)(?:, (?:#|'…'|OP|…))+")
_WORDS = re.compile(r"\b[A-Z]\w+\b")
_PATHS = re.compile(r"(?:/[\w.+#-]+){2,}")
_INPUTS = re.compile(r"\(inputs: .*?\)(?= \| hint:|$)")
_NATIVE = re.compile(r"onnxruntime: .*?(?=\)?(?: \| hint:|$))")


def main() -> None:
    """Writes what the examples print, and records the forms of messages in the tests."""
    parser = argparse.ArgumentParser(usage="%(prog)s [--examples] [CODE …]")
    parser.add_argument("--examples", action="store_true", help="leave the forms as they are")
    parser.add_argument("codes", nargs="*", help="codes, or their beginnings")
    chosen = parser.parse_args()
    forms = None if chosen.examples else recorded_by_tests()
    FOLDER.mkdir(exist_ok=True)
    for each in builtin_rules():
        if each.code.startswith(tuple(chosen.codes) or ""):
            said = known_forms(each.code) if forms is None else forms.get(each.code, set())
            (FOLDER / f"{each.code}.txt").write_text(snapshot(each, said))
    if forms is not None:
        RELEASES.write_text(json.dumps(installed(), indent=1) + "\n")


def recorded_by_tests() -> dict[str, set[str]]:
    """The forms of the messages that a run of the tests reaches, by code."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "auto", "tests",
             *(f"--ignore=tests/test_{name}.py" for name in ELSEWHERE)],
            cwd=ROOT, env={**os.environ, RECORDING: folder, "CI": "1"}, check=False,
        )  # fmt: skip
        return recorded(Path(folder))


def installed() -> dict[str, str]:
    """The releases here whose words messages quote."""
    return {name: metadata.version(name) for name in ("onnx", "onnxruntime")}


@cache
def are_comparable() -> bool:
    """Whether the forms were recorded with the releases that are installed."""
    return RELEASES.exists() and json.loads(RELEASES.read_text()) == installed()


def builtin_rules() -> Iterable[Rule]:
    """The project's own rules."""
    return discover().rules


def recorded(folder: Path) -> dict[str, set[str]]:
    """What the processes of a test run recorded, by code."""
    forms = defaultdict[str, set[str]](set)
    for file in sorted(folder.glob("*.json")):
        for code, said in json.loads(file.read_text()).items():
            forms[code].update(said)
    return forms


def snapshot(rule: Rule, forms: Iterable[str]) -> str:
    """The text of a rule's file."""
    said = "".join(f"  {form}\n" for form in sorted(forms))
    return "\n".join(examples(rule)) + FORMS + said


def examples(rule: Rule) -> Iterator[str]:
    """What the rule's Bad examples print."""
    yield f"{rule.code} {rule.name}"
    for number, text in enumerate(rule.documentation.bad, 1):
        example = Example.parse(text)
        with saved(example) as path:
            settings = example.settings_in(path.parent)
            report = run_rule(rule, path, stage=example.stage, settings=settings, **example.options)
            folder = str(path.parent)
        yield f"\nBad {number}:"
        for found in report.findings:
            lines = [f"{found.severity.value} at {found.place}", f"  {found.message}"]
            lines += [f"  hint: {found.hint}"] if found.hint else []
            yield from (f"  {_MEMORY.sub('# MiB', line.replace(folder, ''))}" for line in lines)


def known_forms(code: str) -> set[str]:
    """The forms that the file of a rule lists."""
    file = FOLDER / f"{code}.txt"
    text = file.read_text() if file.exists() else ""
    return {line.strip() for line in text.partition(FORMS)[2].splitlines() if line.strip()}


def form_of(found: Diagnostic) -> str:
    """A message and its hint without what differs from model to model, or between releases."""
    said = f"{found.message} | hint: {found.hint}" if found.hint else found.message
    return without_particulars(" ".join(said.split()))


def without_particulars(text: str) -> str:
    """A text without onnxruntime's own words, paths, names, operators and numbers."""
    text = _INPUTS.sub("(inputs: …)", _NATIVE.sub("onnxruntime: …", text))
    text = _PATHS.sub("PATH", text)
    text = _WORDS.sub(_plain, _NAMES.sub("'…'", text))
    text = _NUMBERS.sub("#", text)
    return _LISTED.sub(r"\1, …", text)


def _plain(word: re.Match[str]) -> str:
    return "OP" if word[0] in _operators() else word[0]


@cache
def _operators() -> frozenset[str]:
    return frozenset(schema.name for schema in defs.get_all_schemas_with_history())


if __name__ == "__main__":
    main()
