"""What was measured of weights in a file holds in the next run, and as long as the file does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from test_report_cache import plain

from onnxlint import report_keys
from onnxlint.analyses.static import remembered
from onnxlint.analyses.static.remembered import MAGIC, WeightMemory
from onnxlint.analyses.static.weights import Weights
from onnxlint.job_pool import run_jobs
from onnxlint.model.file import identity
from onnxlint.model.file.load import open_model
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight
from onnxlint.pipeline import lint, lint_model
from onnxlint.planner import Planner
from onnxlint.report_cache import ReportCache

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a file's ctime is POSIX's")

RANDOM = np.random.default_rng(0).normal(0, 0.3, (16, 16)).astype("float32")


@pytest.fixture(autouse=True)
def every_file_counts(monkeypatch):
    """Files of a test are small, and were written just now."""
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -60.0)
    monkeypatch.setattr(remembered, "LEAST_BYTES", 1)
    monkeypatch.setattr(report_keys, "LEAST_LOOKED_AT", 1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*weights: np.ndarray, end: str = "Relu") -> Path:
    """A model of layers, one a weight, whose data lies in `w.bin`."""
    nodes, stored = [], []
    for at, weight in enumerate(weights):
        stored.append(numpy_helper.from_array(weight, f"w{at}"))
        nodes.append(helper.make_node("Cast", [f"w{at}"], [f"c{at}"], to=1))
        nodes.append(helper.make_node("MatMul", [f"h{at}", f"c{at}"], [f"h{at + 1}"]))
    nodes.append(helper.make_node(end, [f"h{len(weights)}"], ["y"]))
    ends = [helper.make_tensor_value_info(name, 1, ["N", 16]) for name in ("h0", "y")]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    Path("w.bin").unlink(missing_ok=True)
    onnx.save(model, "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    return Path("m.onnx")


def statistics(memory: WeightMemory) -> list:
    with open_model("m.onnx") as model:
        graph = Graph(model)
        weights = Weights.build(graph, Preflight.build(graph), memory)
        found = [weights.of(weight.tensor) for weight in weights.layers()]
    memory.close()
    return found


@pytest.fixture
def unread(monkeypatch):
    """Whoever reads weights now fails."""

    def read(*_):
        raise AssertionError("weights were read again")

    return lambda: monkeypatch.setattr(Tensor, "blocks", read)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ml_dtypes.bfloat16])
def test_statistics_are_recalled_to_the_last_bit(folder, unread, dtype):
    spoilt = RANDOM.copy()
    spoilt[0, :2] = np.nan, -np.inf
    write(RANDOM.astype(dtype), spoilt.astype(dtype), np.zeros_like(RANDOM).astype(dtype))
    first = statistics(WeightMemory(folder / "cache"))
    unread()
    again = statistics(WeightMemory(folder / "cache"))
    assert len(first) == 3
    for one, other in zip(first, again, strict=True):
        for name in one.__struct_fields__:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def test_another_graph_and_other_rules_do_not_read_the_weights_again(folder, unread):
    cache = ReportCache(folder / "cache")
    write(RANDOM, np.repeat(RANDOM[:1], 16, axis=0) * 1e6)
    before = report(cache)
    data = Path("w.bin").stat()
    other = onnx.load("m.onnx", load_external_data=False)
    other.graph.node[-1].op_type = "Tanh"
    Path("m.onnx").write_bytes(other.SerializeToString())
    assert Path("w.bin").stat() == data
    unread()
    changed = report(cache, ignore=("WGT001",))
    assert of_weights(changed) == of_weights(before) != []
    assert changed.error is None
    assert not changed.crashed


def of_weights(found) -> list:
    return [(each.code, each.message) for each in found.findings if each.code.startswith("WGT")]


def report(cache, **given):
    planner = Planner(static_only=True, **given)
    (found,) = run_jobs([planner.job("m.onnx")], lint_model, cache=cache)
    return found


def test_a_file_that_was_written_to_is_read_again(folder):
    cache = ReportCache(folder / "cache")
    write(RANDOM)
    assert not [each for each in report(cache).findings if each.code == "WGT001"]
    spoilt = RANDOM.copy()
    spoilt[3, 3] = np.nan
    with Path("w.bin").open("r+b") as file:
        file.write(spoilt.tobytes())
    os.utime("w.bin", (1, 1))
    assert [each for each in report(cache).findings if each.code == "WGT001"]


def test_a_file_that_has_not_settled_is_not_relied_on(folder, monkeypatch):
    monkeypatch.setattr(identity, "SETTLED_SECONDS", 2.0)
    write(RANDOM)
    statistics(WeightMemory(folder / "cache"))
    assert not (folder / "cache").exists()
    assert identity.identity(Path("w.bin"), time.time() + 60) is not None


def test_what_other_code_measured_is_not_taken(folder, unread):
    write(RANDOM)
    statistics(WeightMemory(folder / "cache"))
    unread()
    with pytest.raises(AssertionError, match="read again"):
        statistics(WeightMemory(folder / "cache", lambda: "other code"))


@pytest.mark.parametrize("damage", [
    lambda data: data[:-1], lambda data: b"", lambda data: MAGIC + b"0" * 64 + b"\n",
    lambda data: data.replace(MAGIC, b"onnxlint-weights-0 "), lambda data: data + b"\0",
])  # fmt: skip
def test_a_damaged_entry_is_ignored(folder, damage):
    write(RANDOM)
    first = statistics(WeightMemory(folder / "cache"))
    (entry,) = (folder / "cache").glob("??/*.weights")
    entry.write_bytes(damage(entry.read_bytes()))
    again = statistics(WeightMemory(folder / "cache"))
    assert [each.mean for each in again] == [each.mean for each in first]


def test_nothing_is_kept_without_a_cache(folder):
    write(RANDOM)
    lint("m.onnx")
    assert not [*folder.glob("**/*.weights")]
    lint("m.onnx", cache=folder / "cache")
    assert [*folder.glob("cache/??/*.weights")]


def test_an_unchanged_model_is_known_without_a_look_at_its_data(folder, monkeypatch):
    cache = ReportCache(folder / "cache")
    write(RANDOM)
    first = report(cache)
    monkeypatch.setattr(
        report_keys, "_digest", lambda file, _: f"{file.name} {file.stat().st_size}"
    )
    looked = cache.look_up(Planner(static_only=True).job("m.onnx"))
    assert looked.report is None  # the model itself is told by its bytes
    monkeypatch.undo()
    monkeypatch.setattr(report_keys, "LEAST_LOOKED_AT", 1)
    monkeypatch.chdir(folder)
    known = cache.look_up(Planner(static_only=True).job("m.onnx")).report
    assert known is not None
    assert plain(known) == plain(first)
    Path("w.bin").touch()
    assert cache.look_up(Planner(static_only=True).job("m.onnx")).report is None
