"""The numeric fixtures are what they say: each fault shows on its example, its twin's does not."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

FOLDER = Path(__file__).parent.parent / "fixtures" / "numeric"
PAIRS: list[dict[str, Any]] = tomllib.loads((FOLDER / "cases.toml").read_text())["pairs"]
LEAST = {
    "NUM001": 8, "NUM002": 10, "NUM003": 5, "NUM004": 6, "NUM005": 3, "NUM006": 2, "NUM007": 3,
    "NUM008": 4, "NUM009": 4, "QNT007": 2,
}  # fmt: skip
SIZE_LIMIT = 20_000


@cache
def examples() -> dict[str, dict[str, np.ndarray]]:
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(FOLDER / "examples.npz") as stored:
        for key in stored:
            pair, name = key.split("/")
            found.setdefault(pair, {})[name] = stored[key]
    return found


def run(pair: dict[str, Any], kind: str) -> list[np.ndarray] | None:
    """The outputs on the example; nothing where onnxruntime refuses."""
    path = str(FOLDER / f"{pair['name']}_{kind}.onnx")
    feed = examples()[pair["name"]]
    if pair["symptom"] == "hidden":
        with np.errstate(all="ignore"):
            return [value.astype(np.float64) for value in ReferenceEvaluator(path).run(None, feed)]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    try:
        return [np.asarray(value).astype(np.float64) for value in session.run(None, feed)]
    except (Fail, InvalidArgument, RuntimeException):
        return None


def finite(values: list[np.ndarray] | None) -> bool:
    return values is not None and all(np.isfinite(value).all() for value in values)


def alike(pair: dict[str, Any], one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    loose = 3 * pair["loose"]
    return all(
        np.allclose(a, b, rtol=loose, atol=loose) for a, b in zip(one, other, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["name"])
def test_the_fault_shows_and_its_repair_holds(pair):
    bad, good = run(pair, "bad"), run(pair, "good")
    assert finite(good)
    if pair["symptom"] == "refused":
        assert bad is None
    elif pair["symptom"] == "not finite":
        assert bad is not None
        assert not finite(bad)
    else:
        assert not alike(pair, bad, good)


def test_the_examples_lie_in_the_declared_ranges():
    for pair in PAIRS:
        example = examples()[pair["name"]]
        assert example.keys() == pair["inputs"].keys()
        for name, values in example.items():
            low, high = pair["inputs"][name]["range"]
            kept = values.astype(np.float64)
            slack = 1e-6 * abs(high)
            assert low - slack <= kept.min() <= kept.max() <= high + slack, pair["name"]


def test_every_file_belongs_to_a_pair_and_is_small():
    wanted = {f"{pair['name']}_{kind}.onnx" for pair in PAIRS for kind in ("bad", "good")}
    files = {path.name: path for path in FOLDER.glob("*.onnx")}
    assert files.keys() == wanted
    assert not [name for name, path in files.items() if path.stat().st_size > SIZE_LIMIT]


def test_every_code_has_enough_pairs():
    codes = [pair["code"] for pair in PAIRS]
    assert {code: count for code, count in LEAST.items() if codes.count(code) < count} == {}


def test_some_faults_lie_inside_of_branches_loops_and_functions():
    paths = [FOLDER / f"{pair['name']}_bad.onnx" for pair in PAIRS]
    models = [onnx.load(path) for path in paths]
    operators = {node.op_type for model in models for node in model.graph.node}
    assert {"If", "Loop"} <= operators
    assert any(model.functions for model in models)
