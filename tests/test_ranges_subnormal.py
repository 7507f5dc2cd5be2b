"""Bounds hold where products are subnormal: each is rounded by up to half of the least number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundness import Box, Sounding

COUNT = 32
ONES = ", ".join(["1e-23"] * COUNT)
WEIGHTS = f"w = Constant<value = float[{COUNT}, 1] {{{ONES}}}>()"
BODIES = {
    "matrix product": f"{WEIGHTS} z = MatMul(x, w)",
    "matrix product of two": f"c = Constant<value = int64[4] {{1, 1, {COUNT}, 1}}>() "
    "y = Reshape(x, c) z = MatMul(x, y)",
    "sum of squares": "z = ReduceSumSquare<axes = [3]>(x)",
    "length": "z = ReduceL2<axes = [3]>(x)",
    "length of a window": f"c = Constant<value = int64[3] {{1, 1, {COUNT}}}>() "
    f"y = Reshape(x, c) z = LpPool<kernel_shape = [{COUNT}]>(y)",
    "average": f"c = Constant<value = int64[4] {{1, 1, {COUNT}, 1}}>() "
    "p = Softmax<axis = 3>(x) y = Reshape(x, c) z = MatMul(p, y)",
    "resized": "e = Constant<value = float[0] {}>() "
    "s = Constant<value = float[4] {1.0, 1.0, 3.0, 2.5}>() "
    'z = Resize<mode = "cubic">(x, e, s)',
}


def model(body: str, opset: int = 12) -> Sounding:
    head = f'<ir_version: 7, opset_import: ["" : {opset}, "ai.onnx.ml" : 3]>'
    return Sounding(f"{head} m (float[1, 1, 1, {COUNT}] x) => (float z) {{ {body} }}")


@pytest.mark.parametrize("name", BODIES)
@given(
    number=st.one_of(
        st.floats(2.0**-149, 2.0**-140, width=32), st.floats(2.0**-80, 2.0**-70, width=32)
    ),
    varies=st.booleans(),
)
@example(number=0.9e-22, varies=False)
@example(number=3.2e-23, varies=False)
@example(number=3 * 2.0**-149, varies=False)
@example(number=17 * 2.0**-149, varies=False)
def test_of_products(name, number, varies):
    box = Box(np.float64(0 if varies else number), np.float64(number))
    sounding = model(BODIES[name])
    ranges = sounding.check({"x": box}, points=3)
    sounding.check_run(ranges, {"x": np.full((1, 1, 1, COUNT), number, np.float32)})


@given(number=st.floats(2.0**-80, 2.0**-70, width=32))
@example(number=0.9e-22)
def test_of_linear_models(number):
    text = (
        '<ir_version: 7, opset_import: ["" : 12, "ai.onnx.ml" : 3]>'
        f" m (float[1, {COUNT}] x) => (float z)"
        f" {{ z = ai.onnx.ml.LinearRegressor<coefficients = [{ONES}], targets = 1>(x) }}"
    )
    sounding = Sounding(text)
    ranges = sounding.check({"x": Box(np.float64(0), np.float64(number))}, points=3)
    sounding.check_run(ranges, {"x": np.full((1, COUNT), number, np.float32)})


@pytest.mark.parametrize("small", ["1e-30", "1e-3"])
@given(number=st.one_of(st.floats(2.0**-149, 2.0**-140, width=32), st.floats(0, 1, width=32)))
@example(number=1e-15)
@example(number=2.0**-149)
def test_of_multiples_that_vanished_before_they_grew(small, number):
    k = f"k = Constant<value = float {{{small}}}>()"
    sounding = model(f"{k} n = Mul(x, k) m = Div(n, k) z = Sub(x, m)")
    ranges = sounding.check({"x": Box(np.float64(0), np.float64(number))}, points=3)
    sounding.check_run(ranges, {"x": np.full((1, 1, 1, COUNT), number, np.float32)})


def test_products_of_zeros_are_zero():
    for body in (BODIES["matrix product of two"], BODIES["sum of squares"], BODIES["length"]):
        ranges = model(body).check({"x": Box(np.float64(0), np.float64(0))})
        found = ranges.of(ranges.main.world.graph.main.values["z"])
        assert found.least == found.most == 0
