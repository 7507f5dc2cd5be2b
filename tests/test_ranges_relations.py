"""Formulas in primitive nodes: bounds hold for what onnxruntime computes, and are narrow."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

from onnxlint.analyses.ranges.evaluation import Evaluation
from onnxlint.analyses.ranges.world import World
from onnxlint.testing import model_from_text

ONES = Box(np.float64(1), np.float64(1))
EXAMPLES = int(os.environ.get("RANGES_EXAMPLES", "6"))
EPS = " e = Constant<value = float {1e-5}>() "
ONE = " i = Constant<value = float {1.0}>() "
HALF = " h = Constant<value = float {0.5}>() "
TWO = " t = Constant<value = float {2.0}>() "
CENTRED = (
    "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Mul(d, d) v = ReduceMean<axes = [-1]>(q) "
)
FORMULAS = {  # by name: the nodes, and the least and the largest that is proven of inputs to 100
    "layer norm": (EPS + CENTRED + "w = Add(v, e) s = Sqrt(w) z = Div(d, s)", -2.01, 2.01),
    "layer norm by power": (
        EPS + HALF + TWO + "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, t)"
        " v = ReduceMean<axes = [-1]>(q) w = Add(v, e) s = Pow(w, h) z = Div(d, s)", -2.01, 2.01,
    ),
    "layer norm by reciprocal": (
        EPS + CENTRED + "w = Add(e, v) s = Sqrt(w) r = Reciprocal(s) z = Mul(d, r)", -2.01, 2.01,
    ),
    "layer norm by sums": (
        EPS + " n = Constant<value = float {4.0}>() m = ReduceMean<axes = [1]>(x) d = Sub(x, m)"
        " q = Mul(d, d) u = ReduceSum<axes = [1]>(q) v = Div(u, n) w = Add(v, e) s = Sqrt(w)"
        " z = Div(d, s)", -2.01, 2.01,
    ),
    "standard deviation plus epsilon": (
        EPS + CENTRED + "s = Sqrt(v) w = Add(s, e) z = Div(d, w)", -2.01, 2.01,
    ),
    "rms norm": (
        EPS + "q = Mul(x, x) v = ReduceMean<axes = [-1]>(q) w = Add(v, e) s = Sqrt(w)"
        " r = Div(i, s) z = Mul(r, x)" + "", -2.01, 2.01,
    ),
    "unit length": ("l = ReduceL2<axes = [1]>(x) w = Max(l, e) z = Div(x, w)", -1.01, 1.01),
    "unit length, expanded": (
        "k = Shape(x) l = ReduceL2<axes = [1]>(x) w = Clip(l, e) o = Expand(w, k) z = Div(x, o)",
        -1.01, 1.01,
    ),
    "unit length without axis": (
        "l = ReduceL2<axes = [1], keepdims = 0>(x) u = Unsqueeze<axes = [1]>(l) w = Add(u, e)"
        " z = Div(x, w)", -1.01, 1.01,
    ),
    "cosine": (
        "p = Mul(x, y) c = ReduceSum<axes = [1]>(p) f = ReduceL2<axes = [1]>(x)"
        " g = ReduceL2<axes = [1]>(y) b = Mul(f, g) w = Max(b, e) z = Div(c, w)", -1.01, 1.01,
    ),
    "cosine of unit lengths": (
        "f = ReduceL2<axes = [1]>(x) v = Max(f, e) a = Div(x, v) g = ReduceL2<axes = [1]>(y)"
        " w = Max(g, e) b = Div(y, w) p = Mul(a, b) z = ReduceSum<axes = [1]>(p)", -1.01, 1.01,
    ),
    "share of magnitudes": (
        "a = Abs(x) l = ReduceSum<axes = [1]>(a) w = Add(l, e) z = Div(x, w)", -1.01, 1.01,
    ),
    "over the largest": (
        "a = Abs(x) l = ReduceMax<axes = [1]>(a) w = Add(l, e) z = Div(x, w)", -1.01, 1.01,
    ),
    "soft sign": ("a = Abs(x) w = Add(i, a) z = Div(x, w)", -1.01, 1.01),
    "product over squares": (
        "p = Mul(x, y) q = Mul(x, x) r = Mul(y, y) s = Add(q, r) w = Add(s, e) z = Div(p, w)",
        -0.51, 0.51,
    ),
    "part of a sum": (
        "a = Abs(x) b = Abs(y) s = Add(a, b) w = Add(s, e) z = Div(a, w)", 0, 1.001,
    ),
    "difference over sum": (
        "a = Abs(x) b = Abs(y) n = Sub(a, b) s = Add(a, b) w = Add(s, e) z = Div(n, w)",
        -1.001, 1.001,
    ),
    "from least to most": (
        "f = ReduceMin<axes = [1]>(x) g = ReduceMax<axes = [1]>(x) n = Sub(x, f) s = Sub(g, f)"
        " w = Add(s, e) z = Div(n, w)", 0, 1.001,
    ),
    "fraction": ("f = Floor(x) z = Sub(x, f)", 0, 1),
    "above the smaller": ("f = Min(x, y) z = Sub(x, f)", 0, 201),
    "below the larger": ("f = Max(y, x) z = Sub(x, f)", -201, 0),
    "span": ("f = ReduceMin<axes = [1]>(x) g = ReduceMax<axes = [1]>(x) z = Sub(g, f)", 0, 201),
    "gate": ("s = Sigmoid(x) z = Mul(x, s)", -0.28, 100.1),
    "gelu": (
        "r = Constant<value = float {1.41421356}>() d = Div(x, r) f = Erf(d) a = Add(f, i)"
        " b = Mul(x, a) z = Mul(b, h)", -0.172, 100.1,
    ),
    "magnitude and sign": ("a = Abs(x) s = Sign(x) z = Mul(a, s)", -100.1, 100.1),
    "stable softmax": (
        "m = ReduceMax<axes = [1]>(x) d = Sub(x, m) p = Exp(d) s = ReduceSum<axes = [1]>(p)"
        " z = Div(p, s)", 0, 1,
    ),
    "stable softmax by reciprocal": (
        "m = ReduceMax<axes = [1]>(x) d = Sub(x, m) p = Exp(d) s = ReduceSum<axes = [1]>(p)"
        " r = Reciprocal(s) z = Mul(p, r)", 0, 1.001,
    ),
    "stable log-softmax": (
        "m = ReduceMax<axes = [1]>(x) d = Sub(x, m) p = Exp(d) s = ReduceSum<axes = [1]>(p)"
        " l = Log(s) z = Sub(d, l)", -203, 0.001,
    ),
    "logistic": ("p = Exp(x) w = Add(p, i) z = Div(p, w)", 0, 1.001),
    "variance by moments": (
        "q = Mul(x, x) a = ReduceMean<axes = [1]>(q) m = ReduceMean<axes = [1]>(x) p = Mul(m, m)"
        " z = Sub(a, p)", -0.1, 10001,
    ),
}  # fmt: skip


@cache
def sounding(name: str, dtype: str) -> Sounding:
    body = FORMULAS[name][0]
    named = {"e": EPS, "i": ONE, "h": HALF, "t": TWO}
    used = [text for letter, text in named.items() if text not in body and _reads(body, letter)]
    head = '<ir_version: 8, opset_import: ["" : 12]>'
    text = f"{head} m ({dtype}[B, 4] x, {dtype}[B, 4] y) => ({dtype} z) {{ {''.join(used)}{body} }}"
    model = model_from_text(text)
    for node in model.graph.node:  # the text has no halves
        for tensor in (a.t for a in node.attribute if a.HasField("t") and a.t.data_type == 1):
            numbers = onnx.numpy_helper.to_array(tensor)
            half_or = {"float": np.float32, "float16": np.float16, "double": np.float64}[dtype]
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(numbers.astype(half_or))))
    return Sounding(model)


def _reads(body: str, letter: str) -> bool:
    return any(f"{start}{letter}{end}" in body for start in "( " for end in ",)")


NOT_RUN = {("gelu", "double")}  # onnxruntime has no such kernel
CASES = [(name, dtype) for name in FORMULAS for dtype in ("float", "float16", "double")]


@pytest.mark.parametrize(("name", "dtype"), [each for each in CASES if each not in NOT_RUN])
@given(
    x=st.one_of(
        boxes(size=4), boxes(), boxes(-1e3, 1e3), boxes(0, 2.0**-20), boxes(1000, 1001),
        boxes(-(2.0**100), 2.0**100), boxes(0, 2.0**-80),
    ),
    y=boxes(),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=EXAMPLES, deadline=None)
def test_holds(name, dtype, x, y, seed):
    most = 65504 if dtype == "float16" else np.inf
    x = Box(np.clip(x.low, -most, most), np.clip(x.high, -most, most))
    sounding(name, dtype).check({"x": x, "y": y}, seed=seed, points=5)


@pytest.mark.parametrize("name", FORMULAS)
def test_is_narrow(name):
    _, least, most = FORMULAS[name]
    model = sounding(name, "float")
    box = Box(np.float64(-100), np.float64(100))
    if "logistic" in name:
        box = Box(np.float64(-80), np.float64(80))
    found = model.check({"x": box, "y": box}).of(model.graph.main.values["z"])
    assert least - 0.001 <= found.least and found.most <= most + 0.001
    assert not found.nan


WRONG = {
    "another axis": EPS + "l = ReduceL2<axes = [0]>(y) w = Max(l, e) z = Div(x, w)",
    "without epsilon": "l = ReduceL2<axes = [1]>(x) z = Div(x, l)",
    "another value": EPS + "l = ReduceL2<axes = [1]>(y) w = Max(l, e) z = Div(x, w)",
    "moments": EPS + "q = Mul(x, x) a = ReduceMean<axes = [1]>(q) m = ReduceMean<axes = [1]>(x)"
    " p = Mul(m, m) v = Sub(a, p) w = Add(v, e) z = Sqrt(w)",
    "repeated": EPS + "s = ReduceMax<axes = [1]>(y) p = Mul(x, s) c = ReduceSum<axes = [1]>(p)"
    " f = ReduceL2<axes = [1]>(x) g = ReduceL2<axes = [1]>(s) b = Mul(f, g) w = Max(b, e)"
    " z = Div(c, w)",
}


@pytest.mark.parametrize("name", WRONG)
def test_is_not_narrowed_where_it_does_not_hold(name):
    head = '<ir_version: 8, opset_import: ["" : 12]>'
    model = Sounding(f"{head} m (float[B, 4] x, float[B, 4] y) => (float z) {{ {WRONG[name]} }}")
    box = Box(np.float64(-100), np.float64(100))
    found = model.check({"x": box, "y": box}).of(model.graph.main.values["z"])
    assert found.most > 1.5 or found.nan


BOUNDED = [name for name in FORMULAS if "norm" in name or "softmax" in name or "unit" in name]


@pytest.mark.parametrize(
    "name", [each for each in BOUNDED if "log" not in each and "expanded" not in each]
)
def test_is_narrow_whatever_is_fed(name):
    _, least, most = FORMULAS[name]
    model = sounding(name, "float")
    main = model.graph.main
    unknown = Evaluation(World(model.graph, model.shapes, {}), lambda value: value.scope is main)
    found = unknown.of(main.values["z"])
    assert least - 0.001 <= found.least and found.most <= most + 0.001


@pytest.mark.parametrize("fed", [[np.inf, 1, 2, 3], [-np.inf, 1, 2, 3], [np.nan, 1, 2, 3]])
@pytest.mark.parametrize("name", FORMULAS)
def test_holds_for_infinities(name, fed):
    model = sounding(name, "float")
    main = model.graph.main
    ranges = model.ranges({"x": Box(np.float64(0), np.float64(0)), "y": ONES})
    ranges._main = Evaluation(
        World(model.graph, model.shapes, {}), lambda value: value.scope is main
    )
    row = np.array([fed], np.float32)
    model.check_run(ranges, {"x": row, "y": np.ones_like(row)})
