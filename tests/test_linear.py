"""Judging a graph without running it takes time in proportion to its size, whatever its shape.

No clock is asked: the calls of Python functions are counted, at one size and at four times that.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path

import pytest
from attacks.structures import ONCE_SQUARE, STRUCTURES
from msgspec.structs import replace

from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings

SIZE = 100
"""Large enough that what grows outweighs what every model costs."""

MOST_GROWTH = 6.0
"""Of calls, where the size grows four times: a sorted list grows by more than four, a square by
sixteen."""


@cache
def rules():
    """All rules, once."""
    settings = Settings(time_limit=100)
    return plan(load(None), discover(), "model.onnx", settings=settings, static_only=True)


def calls_to_judge(name: str, size: int, folder: Path) -> tuple[int, ModelReport]:
    """How many Python functions are called to judge a structure, and the report."""
    path = folder / f"{name}-{size}.onnx"
    path.write_bytes(STRUCTURES[name](size).SerializeToString())
    count = 0

    def counting(_frame, event, _argument):
        nonlocal count
        count += event == "call"

    job = replace(rules(), path=str(path))
    sys.setprofile(counting)
    try:
        report = lint_model(job)
    finally:
        sys.setprofile(None)
    return count, report


@pytest.mark.parametrize("name", ONCE_SQUARE)
def test_calls_grow_as_the_model_does(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of sizes at the ends of their types
        calls_to_judge(name, 8, tmp_path)  # what is loaded once
        small, report = calls_to_judge(name, SIZE, tmp_path)
        large, _ = calls_to_judge(name, 4 * SIZE, tmp_path)
    assert not report.crashed, report.findings
    assert large < MOST_GROWTH * small, (small, large)
