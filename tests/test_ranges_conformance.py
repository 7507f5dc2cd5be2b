"""Every output of onnx's own operator cases lies within its bounds, at stored inputs and near them.

The inputs are known number by number, then lie in boxes around what is stored; then all but the
first are constants. What comes out is what onnxruntime gives, and where it has no such operator
what the case stores, within the case's tolerance.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from msgspec.structs import replace
from onnx import numpy_helper
from soundness import Array, assert_inside

from onnxlint.analyses.ranges.evaluation import Evaluation
from onnxlint.analyses.ranges.range import Range, settled
from onnxlint.analyses.ranges.transfers import transfer_of
from onnxlint.analyses.ranges.world import World
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.file.source import in_memory
from onnxlint.model.graph.graph import Graph

MOST_KNOWN = 4096
"""Elements of an input that are known one by one; of a larger one the hull is."""
SHARDS = 4
KEPT = 2
"""Cases of every operator that are always tried; `make test-all` tries the others, too."""
WITHOUT_TRANSFER = Path(__file__).parent / "golden" / "ranges_without_transfer.txt"
CONTROL = {"If", "Loop", "Scan", "SequenceMap"}
"""What runs bodies has no transfer."""
WAYS = ("points", "boxes", "weights")


@dataclass(frozen=True)
class Case:
    """A case with its inputs by name, and what it stores for each output."""

    name: str
    model: onnx.ModelProto
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    rtol: float


@cache
def cases() -> list[Case]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        collected = collect_testcases(None)
    found = []
    for each in collected:
        if each.model is None or not each.data_sets:
            continue
        inputs, outputs = each.data_sets[0]
        names = [value.name for value in each.model.graph.input]
        made = [value.name for value in each.model.graph.output]
        stored = dict(zip(made, outputs, strict=False))
        fed = dict(zip(names, inputs, strict=False))
        found.append(Case(each.name, each.model, fed, stored, each.rtol))
    return found


def is_tensor(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind not in "OUSc"


def box_of(array: Array, *, widened: bool) -> tuple[Array, Array]:
    """The ends of an input: what is stored, or a tenth more; integers and flags as they are."""
    numbers = array.astype(np.float64)
    if array.size > MOST_KNOWN:
        low, high = np.asarray(np.nanmin(numbers)), np.asarray(np.nanmax(numbers))
    else:
        low, high = numbers, numbers
    if widened and array.dtype.kind == "f" and np.isfinite(numbers).all():
        room = 0.1 * np.abs(numbers).max(initial=0.0)
        ends = [end.astype(array.dtype).astype(np.float64) for end in (low - room, high + room)]
        low, high = ends
    return low, high


def leaf(array: Array, *, widened: bool) -> Range:
    if np.isnan(array.astype(np.float64)).any():
        return replace(Range.constant(array), varies=True)
    whole = array.dtype.kind in "iub"
    return Range(*box_of(array, widened=widened), integer=whole, varies=True)


def with_weights(case: Case) -> Case:
    """The same with all inputs but the first as constants."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    rest = [value for value in model.graph.input[1:] if is_tensor(case.inputs.get(value.name))]
    for value in rest:
        tensor = numpy_helper.from_array(case.inputs[value.name], value.name)
        tensor.data_type = value.type.tensor_type.elem_type
        model.graph.initializer.append(tensor)
        model.graph.input.remove(value)
    names = {value.name for value in rest}
    inputs = {name: array for name, array in case.inputs.items() if name not in names}
    return dataclasses.replace(case, model=model, inputs=inputs)


@contextmanager
def evaluated(model: onnx.ModelProto, leaves: dict[str, Range]) -> Iterator[Evaluation]:
    with suppress(onnx.shape_inference.InferenceError):  # then without
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    with in_memory(model) as source, open_model(source) as opened:
        graph = Graph(opened)
        shapes = Shapes(graph, None, None)
        main = graph.main
        yield Evaluation(World(graph, shapes, leaves), lambda value: value.scope is main)


def feeds(case: Case, *, widened: bool) -> Iterable[dict[str, Any]]:
    """What is stored, the ends of the boxes, and points between."""
    yield case.inputs
    if not widened:
        return
    rng = np.random.default_rng(0)
    for share in (0.0, 1.0, None, None):
        yield {name: between(array, share, rng) for name, array in case.inputs.items()}


def between(array: Any, share: float | None, rng: np.random.Generator) -> Any:
    if not is_tensor(array) or array.dtype.kind != "f":
        return array
    low, high = box_of(array, widened=True)
    part = rng.random(array.shape) if share is None else share
    with np.errstate(invalid="ignore"):
        inner = low * (1 - part) + high * part
    point = np.broadcast_to(np.where(low == high, low, inner), array.shape)
    return np.clip(point, low, high).astype(array.dtype) if array.size else array


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession | None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options)
    except Exception:  # the pybind errors have no common parent but this: an operator it lacks
        return None


def results(running: onnxruntime.InferenceSession, feed: Any) -> dict[str, Any] | None:
    try:
        got = running.run(None, feed)
    except Exception:  # a type that cannot be fed, or numbers that are refused
        return None
    return dict(zip([output.name for output in running.get_outputs()], got, strict=True))


def unsound(case: Case, way: str) -> tuple[list[str], set[str]]:
    """What lies outside its bounds, told; and the operators that no transfer knows."""
    widened = way != "points"
    case = with_weights(case) if way == "weights" else case
    given = {name: array for name, array in case.inputs.items() if is_tensor(array)}
    leaves = {name: leaf(array, widened=widened) for name, array in given.items() if array.size}
    told: list[str] = []
    with evaluated(case.model, leaves) as evaluation:
        values = evaluation.world.graph.main.values
        found = {name: evaluation.of(values[name]) for name in case.outputs}
        running = session(case.model)
        for feed in feeds(case, widened=widened):
            got = results(running, feed) if running is not None else None
            if got is None and feed is case.inputs:
                got = case.outputs
                found = {name: slack(each, case.rtol, evaluation.world.element_type(values[name]))
                         for name, each in found.items()}  # fmt: skip
            for name, result in (got or {}).items():
                if not is_tensor(result) or not result.size or name not in found:
                    continue
                try:
                    assert_inside(values[name], found[name], result.astype(np.float64), feed)
                except AssertionError as error:
                    told.append(f"{case.name} {way}: {str(error)[:600]}")
        return told[:2], set(evaluation.world.unknown)


def slack(one: Range, rtol: float, element_type: int | None) -> Range:
    """With the tolerance that expected outputs have, which numpy computed."""
    room = rtol * max(1.0, one.magnitude if np.isfinite(one.magnitude) else 1.0) + 1e-6
    if one.integer:
        return one
    return settled(replace(one, low=one.low - room, high=one.high + room, nonzero=False), 11)


def all_unsound(some: Iterable[Case], ways: Iterable[str] = WAYS) -> tuple[list[str], set[str]]:
    told: list[str] = []
    unknown = set[str]()
    for case in some:
        for way in ways:
            found, missing = unsound(case, way)
            told += found
            unknown |= missing
    return told, unknown


@cache
def split_cases() -> tuple[list[Case], list[Case]]:
    """The first cases of each operator, and the others."""
    seen = Counter[str]()
    first, others = [], []
    for case in cases():
        kinds = {node.op_type for node in case.model.graph.node}
        (first if len(kinds) == 1 and seen[min(kinds)] < KEPT else others).append(case)
        seen.update(kinds)
    return first, others


@pytest.mark.parametrize("shard", range(SHARDS))
def test_outputs_lie_within_their_bounds(shard):
    some = split_cases()[0][shard::SHARDS]
    assert len(some) > 30
    told, _ = all_unsound(some)
    assert not told, "\n".join(told)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_other_outputs_lie_within_their_bounds(shard):
    told, _ = all_unsound(split_cases()[1][shard::SHARDS])
    assert not told, "\n".join(told)


def test_operators_without_a_transfer():
    """None but those that are listed."""
    nodes = [node for case in cases() for node in case.model.graph.node]
    own = {node.op_type for node in nodes if not node.domain} - CONTROL
    assert len(own) > 150
    listed = set(WITHOUT_TRANSFER.read_text().split())
    assert {op for op in own if transfer_of(op) is None} <= listed
