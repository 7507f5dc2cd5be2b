"""The rules about numeric hazards find published faults, and are silent on their repaired twins."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from onnxlint.job import Job
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity

FOLDER = Path(__file__).parent.parent / "fixtures" / "numeric"
PAIRS: list[dict[str, Any]] = tomllib.loads((FOLDER / "cases.toml").read_text())["pairs"]
RULES = tuple(
    made for made in discover().rules if made.family == "NUM" or made.code == "QNT007"
)  # fmt: skip


def report(pair: dict[str, Any], kind: str) -> ModelReport:
    """What the rules say of a model whose inputs have their declared ranges; nothing is run."""
    contracts = {name: InputContract(range=tuple(map(float, given["range"])))
                 for name, given in pair["inputs"].items()}  # fmt: skip
    path = FOLDER / f"{pair['name']}_{kind}.onnx"
    return lint_model(Job(str(path), RULES, Settings(inputs=contracts), {}, static_only=True))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["name"])
def test_a_published_fault_is_found_without_a_run(pair):
    assert pair["code"] in {finding.code for finding in report(pair, "bad").findings}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["name"])
def test_its_repaired_twin_gets_no_warning(pair):
    findings = report(pair, "good").findings
    assert [str(each) for each in findings if each.severity is not Severity.INFO] == []
