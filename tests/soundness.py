"""Whether what runs lies within its bounds: every value of a model, at points drawn from boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from hypothesis import strategies as st

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.ranges.evaluation import Evaluation
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.analyses.ranges.world import World
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.file.source import in_memory
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Box:
    """What is fed to an input: anything between two ends, which may differ by element."""

    low: Array
    high: Array

    def of(self, dtype: np.dtype[Any]) -> Box:
        """With ends that the dtype has."""
        if dtype.kind in "iub":
            return Box(np.round(self.low), np.round(self.high))
        return Box(
            *(np.asarray(end).astype(dtype).astype(np.float64) for end in (self.low, self.high))
        )

    def draw(self, rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        """A point inside, often at an end, where functions have their extremes."""
        box = self.of(dtype)
        low, high = np.broadcast_to(box.low, shape), np.broadcast_to(box.high, shape)
        share = rng.random(shape)
        kind = rng.integers(0, 5)
        share = np.where(rng.random(shape) < (0, 0.3, 1, 0.3, 0)[kind], np.round(share), share)
        if kind == 4:  # all alike
            share = np.full(shape, rng.random())
        with np.errstate(over="ignore", invalid="ignore"):
            point = low * (1 - share) + high * share
        point = np.clip(np.round(point) if dtype.kind in "iu" else point, low, high)
        return np.asarray(point.astype(dtype).clip(low.astype(dtype), high.astype(dtype)))


def boxes(
    least: float = -8.0, most: float = 8.0, *, size: int | None = None
) -> st.SearchStrategy[Box]:
    """Boxes between two numbers; with `size` one interval for each of so many along the last axis.

    Ends lie often at 0 and at whole numbers, and both ends often together.
    """
    whole = st.integers(int(np.ceil(least)), int(np.floor(most))).map(float)
    number = st.one_of(
        whole, st.floats(least, most, width=32), st.just(0.0 if least <= 0 <= most else least)
    )
    pair = st.tuples(number, st.one_of(st.just(None), number)).map(
        lambda ends: sorted((ends[0], ends[0] if ends[1] is None else ends[1]))
    )
    if size is None:
        return pair.map(lambda ends: Box(np.float64(ends[0]), np.float64(ends[1])))
    return st.lists(pair, min_size=size, max_size=size).map(
        lambda ends: Box(np.array([e[0] for e in ends]), np.array([e[1] for e in ends]))
    )


class Sounding:
    """A model whose bounds are compared with what runs, for one box after the other."""

    def __init__(self, model: onnx.ModelProto | str, *, optimised: bool = False) -> None:
        proto = model_from_text(model) if isinstance(model, str) else onnx.ModelProto()
        if not isinstance(model, str):
            proto.CopyFrom(model)
        proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
        self._open = ExitStack()
        source = self._open.enter_context(in_memory(proto))
        self.graph = Graph(self._open.enter_context(open_model(source)))
        self.shapes = Shapes(self.graph, None, None)
        names = [v.name for n in self.graph.main.nodes for v in n.outputs if v is not None]
        known = {each.name for each in proto.graph.output}
        for name in names:
            if name not in known:
                proto.graph.output.append(onnx.ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # each session has threads of its own, with their stacks
        if not optimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        self.names = [output.name for output in self.session.get_outputs()]

    def ranges(self, given: Mapping[str, Box]) -> Ranges:
        """The bounds, where inputs lie in these boxes."""
        ranges = Ranges(self.graph, self.shapes, Inputs(), Settings())
        leaves = {}
        for value in self.graph.inputs:
            box, shape = given[value.name], self.shapes.of(value)
            assert shape is not None
            dtype = onnx.helper.tensor_dtype_to_np_dtype(shape.element_type)
            whole, box = dtype.kind in "iub", box.of(dtype)
            ends = (np.asarray(end, np.float64) for end in (box.low, box.high))
            leaves[value.name] = Range(*ends, integer=whole, varies=True)
        main = self.graph.main
        ranges._main = Evaluation(World(self.graph, self.shapes, leaves), lambda v: v.scope is main)
        return ranges

    def check(self, given: Mapping[str, Box], points: int = 8, seed: int = 0,
              sizes: Mapping[str, int] | None = None) -> Ranges:  # fmt: skip
        """Every value at every point lies within its bounds.

        Raises:
            AssertionError: one does not; the message has the value, its bounds and the point.
        """
        ranges = self.ranges(given)
        for feed in self.feeds(given, points, seed, sizes or {}):
            self.check_run(ranges, feed)
        assert not ranges.main.world.malformed
        return ranges

    def feeds(
        self, given: Mapping[str, Box], points: int, seed: int, sizes: Mapping[str, int]
    ) -> Iterable[dict[str, Array]]:
        rng = np.random.default_rng(seed)
        for _ in range(points):
            feed = {}
            for value in self.graph.inputs:
                shape = self.shapes.of(value)
                assert shape is not None and shape.dims is not None
                dims = tuple(d if isinstance(d, int) else sizes.get(d or "", 3) for d in shape.dims)
                dtype = onnx.helper.tensor_dtype_to_np_dtype(shape.element_type)
                feed[value.name] = given[value.name].draw(rng, dtype, dims)
            yield feed

    def check_run(self, ranges: Ranges, feed: Mapping[str, Array]) -> None:
        try:
            results = self.session.run(self.names, dict(feed))
        except onnxruntime.capi.onnxruntime_pybind11_state.Fail:
            return  # a refusal: an index out of range, a division of integers by 0
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
            return
        for name, result in zip(self.names, results, strict=True):
            value = self.graph.main.values[name]
            if isinstance(result, np.ndarray) and result.dtype.kind in "fiub" and result.size:
                assert_inside(value, ranges.of(value), result, feed)


def assert_inside(value: Value, found: Range, result: Array, feed: Mapping[str, Array]) -> None:
    fault = fault_of(found, result)
    if fault is not None:  # to write arrays out takes longer than to compare them
        ends = (found.low.tolist(), found.high.tolist()) if found.low.size < 9 else ""
        told = f"{value!r} by {value.producer!r}: {found!r} {ends}"
        raise AssertionError(f"{fault}: {told}, fed {dict(feed)!r}, gave {result!r}")


def fault_of(found: Range, result: Array) -> str | None:
    """What of a result its bounds exclude."""
    numbers = result.astype(np.float64)
    try:
        shape = np.broadcast_shapes(found.low.shape, found.high.shape, numbers.shape)
    except ValueError:
        shape = ()
    if shape != numbers.shape:
        return f"boxes {found.low.shape} do not fit {numbers.shape}"
    is_nan = np.isnan(numbers)
    if is_nan.any() and not found.nan:
        return "NaN"
    if not (((numbers >= found.low) & (numbers <= found.high)) | is_nan).all():
        return "outside"
    if found.integer and not (np.floor(numbers) == numbers)[np.isfinite(numbers)].all():
        return "not whole"
    if found.nonzero and not numbers.all():
        return "0"
    return None if is_nan.any() else fault_along_axes(found, numbers)


def fault_along_axes(found: Range, numbers: Array) -> str | None:
    total, anchor = found.total, found.anchor
    if anchor is not None:
        there = (numbers >= anchor.low) & (numbers <= anchor.high)
        if not there.any(axis=tuple(anchor.axes)).all():
            return f"anchor {anchor}"
    if total is not None:
        sums = numbers.sum(axis=tuple(total.axes))
        if not ((sums >= total.low) & (sums <= total.high)).all():
            return f"total {total}"
    return None
