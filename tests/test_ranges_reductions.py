"""Bounds of reductions hold for what onnxruntime computes, and are no wider than they must be."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

EXAMPLES = int(os.environ.get("RANGES_EXAMPLES", "6"))
OPS = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"]
WHOLE = ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare"]
FORMS = {
    11: ["axes = [1]", "axes = [-1], keepdims = 0", "axes = [0, 2]", "", "keepdims = 0"],
    20: ["1", "-1", "0, 2", "", "2, 0"],
}


@cache
def old(op: str, form: str, dtype: str) -> Sounding:
    head = '<ir_version: 8, opset_import: ["" : 11]>'
    body = f"z = Reduce{op}<{form}>(x)" if form else f"z = Reduce{op}(x)"
    return Sounding(f"{head} m ({dtype}[B, 3, 4] x) => ({dtype} z) {{ {body} }}")


@cache
def new(op: str, axes: str, dtype: str, noop: int) -> Sounding:
    head = '<ir_version: 9, opset_import: ["" : 20]>'
    count = len(axes.split(",")) if axes else 0
    give = f"a = Constant<value = int64[{count}] {{{axes}}}>() " if count else ""
    slots = "x, a" if count else "x"
    body = f"{give} z = Reduce{op}<noop_with_empty_axes = {noop}, keepdims = {noop}>({slots})"
    return Sounding(f"{head} m ({dtype}[2, 3, 4] x) => ({dtype} z) {{ {body} }}")


CASES = [(op, dtype) for op in OPS for dtype in ("float", "float16", "double")]
CASES += [(op, "int32") for op in WHOLE] + [("Sum", "int64"), ("Mean", "int64")]


@pytest.mark.parametrize(("op", "dtype"), CASES)
@given(
    form=st.sampled_from(FORMS[11]),
    x=st.one_of(boxes(size=4), boxes(), boxes(0, 3), boxes(-1e4, 1e4)),
    seed=st.integers(0, 99),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_with_axes_as_attribute(op, dtype, form, x, seed):
    old(op, form, dtype).check({"x": x}, seed=seed, points=5)


@pytest.mark.parametrize(("op", "dtype"), CASES)
@given(
    axes=st.sampled_from(FORMS[20]),
    noop=st.integers(0, 1),
    x=st.one_of(boxes(size=4), boxes(0, 3), boxes(-(2.0**100), 2.0**100), boxes(0, 2.0**-100)),
    seed=st.integers(0, 99),
)
@settings(max_examples=EXAMPLES, deadline=None)
def test_with_axes_as_input(op, dtype, axes, noop, x, seed):
    most = {"int32": 2e9, "int64": 2.0**62, "float16": 65504}.get(dtype, np.inf)
    x = Box(np.clip(x.low, -most, most), np.clip(x.high, -most, most))
    new(op, axes, dtype, noop).check({"x": x}, seed=seed, points=5)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["float", "float16"])
@pytest.mark.parametrize("axes", ["1", "0"])
def test_of_many_equal_numbers(op, dtype, axes):
    model = Sounding(
        '<ir_version: 8, opset_import: ["" : 11]>'
        f"m ({dtype}[77, 77] x) => ({dtype} z) {{ z = Reduce{op}<axes = [{axes}]>(x) }}"
    )
    for number in (0.1, 3.3, 1e-3, 97.7):
        box = Box(np.float64(number), np.float64(number))
        model.check({"x": box}, points=2)
        model.check({"x": Box(box.low * 0.999, box.high)}, points=4)


def bound(body: str, low, high, dims: str = "B, 4", opset: int = 11):
    head = f'<ir_version: 8, opset_import: ["" : {opset}]>'
    model = Sounding(f"{head} m (float[{dims}] x) => (float z) {{ {body} }}")
    ranges = model.check({"x": Box(np.array(low, float), np.array(high, float))})
    return ranges.of(model.graph.main.values["z"])


@pytest.mark.parametrize(
    ("body", "low", "high", "least", "most"),
    [
        ("z = ReduceMean<axes = [1]>(x)", 1, 2, 1, 2),
        ("z = ReduceMean<axes = [0]>(x)", 1, 2, 1, 2),
        ("z = ReduceSum<axes = [1]>(x)", 1, 2, 4, 8),
        ("z = ReduceSum<axes = [1]>(x)", [0, 0, 1, 2], [1, 0, 1, 5], 3, 7),
        ("z = ReduceL2<axes = [1]>(x)", 1, 2, 2, 4),
        ("z = ReduceL1<axes = [1]>(x)", -1, 2, 0, 8),
        ("z = ReduceMax<axes = [1]>(x)", [0, 0, 1, 2], [1, 0, 1, 5], 2, 5),
        ("z = ReduceLogSumExp<axes = [1]>(x)", 0, 0, np.log(4), np.log(4)),
        ("m = ReduceMax<axes = [1]>(x) d = Sub(x, m) z = ReduceMax<axes = [1]>(d)", -3, 9, 0, 0),
    ],
)
def test_is_no_wider_than_rounding(body, low, high, least, most):
    found = bound(body, low, high)
    assert found.is_finite
    assert abs(found.least - least) < 1e-3 * max(1, abs(least)) and found.least <= least
    assert abs(found.most - most) < 1e-3 * max(1, abs(most)) and found.most >= most


def test_of_channels_keeps_them_apart():
    found = bound("z = ReduceMean<axes = [0], keepdims = 0>(x)", [0, 1, 2, 3], [0, 1, 2, 4])
    assert found.low.shape == (4,)
    assert found.least == 0 and found.low[1] > 0.99


def test_of_an_unknown_number_of_terms_is_above_each():
    found = bound("z = ReduceSum<axes = [0]>(x)", 1, 2)
    assert found.least == 1 and found.most > 1e8 and not found.infinite
