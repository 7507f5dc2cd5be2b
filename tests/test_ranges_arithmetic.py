"""Bounds of sums, products, quotients and choices hold for what onnxruntime computes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

PAIRS = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum"]
TYPES = ["float", "float16", "double", "int32", "int64"]


@cache
def sounding(body: str, dtype: str, second: str = "B, 4") -> Sounding:
    text = f"m ({dtype}[B, 4] x, {dtype}[{second}] y) => ({dtype}[B, 4] z) {{ {body} }}"
    return Sounding(text)


@pytest.mark.parametrize(
    ("op", "dtype"), [(o, d) for o in PAIRS for d in TYPES if o != "Sum" or "int" not in d]
)
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_of_two_values(op, dtype, x, y, seed):
    sounding(f"z = {op}(x, y)", dtype).check({"x": x, "y": y}, seed=seed)


RELATED = [
    "z = Sub(x, x)",
    "z = Mul(x, x)",
    "r = Relu(x) z = Sub(r, x)",
    "a = Abs(x) z = Sub(a, x)",
    "n = Neg(x) r = Relu(n) z = Add(r, x)",
    "s = Sub(x, y) z = Sub(x, s)",
    "one = Constant<value_float = 1.0>() c = Sub(one, x) z = Mul(x, c)",
    "m = ReduceMax<axes = [1]>(x) z = Sub(x, m)",
    "m = ReduceMin<axes = [1]>(x) z = Sub(x, m)",
    "m = ReduceMax<axes = [1]>(x) d = Sub(x, m) e = Exp(d)"
    " s = ReduceSum<axes = [1]>(e) z = Div(e, s)",
    "q = Mul(x, x) a = ReduceMean<axes = [1]>(q) m = ReduceMean<axes = [1]>(x)"
    " p = Mul(m, m) d = Sub(a, p) z = Sub(x, d)",
    "c = Greater(x, y) w = Div(x, y) z = Where(c, w, x)",
    "zero = Constant<value_float = 0.0>() c = Greater(x, zero) l = Log(x) z = Where(c, l, zero)",
    "zero = Constant<value_float = 0.0>() c = Equal(x, zero) one = Constant<value_float = 1.0>()"
    " s = Where(c, one, x) z = Div(y, s)",
]


@pytest.mark.parametrize("body", RELATED)
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_of_values_that_hang_together(body, x, y, seed):
    related(body).check({"x": x, "y": y}, seed=seed)


@cache
def related(body: str) -> Sounding:
    header = '<ir_version: 8, opset_import: ["" : 12]>'
    return Sounding(f"{header} m (float[B, 4] x, float[B, 4] y) => (float[B, 4] z) {{ {body} }}")


@pytest.mark.parametrize(
    ("text", "given", "low", "high"),
    [  # a published analysis loses values in these
        ("m (float[B, 10] x) => (float[B, 1] z) { z = ReduceMean<axes = [1]>(x) }",
         Box(np.float64(1), np.float64(2)), 1, 2),
        ("m (float[B, 4] x) => (float[B, 4] z) { two = Constant<value_float = 2.0>()"
         " z = Pow(x, two) }", Box(np.float64(-2), np.float64(3)), 0, 9),
        ("m (float[B, 1, 2] x) => (float[B, 1, 2] z) <float[1] scale = {-2}, float[1] bias = {0},"
         " float[1] mean = {0}, float[1] var = {0.25}> { z = BatchNormalization<epsilon = 0.0>"
         "(x, scale, bias, mean, var) }", Box(np.float64(-1), np.float64(1)), -4, 4),
    ],
)  # fmt: skip
def test_functions_that_others_got_wrong(text, given, low, high):
    sounding = Sounding(f'<ir_version: 8, opset_import: ["" : 12]> {text}')
    found = sounding.check({"x": given}, points=50).of(sounding.graph.outputs[0])
    assert found.least == pytest.approx(low, abs=1e-4)
    assert found.most == pytest.approx(high, abs=1e-4)
