"""Bounds of matrix products, convolutions, pools and codes hold for what onnxruntime computes."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

from onnxlint.analyses.ranges.evaluation import Evaluation
from onnxlint.analyses.ranges.world import World
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.file.source import in_memory
from onnxlint.model.graph.graph import Graph
from onnxlint.testing import model_from_text

EXAMPLES = int(os.environ.get("ONNXLINT_EXAMPLES", "6"))
FLOATS = ["float", "float16", "double"]
W = "{1, -2, 0.5, 0, 3, -1, 0.25, 2, -4, 1, 0, -0.125}"
OLD = '<ir_version: 8, opset_import: ["" : {}, "com.microsoft" : 1]>'


@cache
def sounding(body: str, dtype: str, opset: int = 13, x: str = "B, 3, 4") -> Sounding:
    """A model of x and y alike, with a constant matrix and a bias."""
    weights = {"w": ("4, 3", W), "b": ("3", "{1, 0, -2}")}
    return Sounding(
        f"{OLD.format(opset)} m ({dtype}[{x}] x, {dtype}[{x}] y) => ({dtype} z)"
        f" <{stored(weights, dtype)}> {{ {casts(weights, dtype)} {body} }}"
    )


def stored(weights: dict[str, tuple[str, str]], dtype: str) -> str:
    """Constants; of float16, which the text cannot spell, float32."""
    name, mark = ("float", "_") if dtype == "float16" else (dtype, "")
    return ", ".join(f"{name}[{shape}] {each}{mark} = {numbers}"
                     for each, (shape, numbers) in weights.items())  # fmt: skip


def casts(weights: dict[str, tuple[str, str]], dtype: str) -> str:
    """What makes float16 of them."""
    if dtype != "float16":
        return ""
    return " ".join(f"{each} = Cast<to = 10>({each}_)" for each in weights)


AFFINE = [
    "z = MatMul(x, w)",
    "t = Transpose<perm = [0, 2, 1]>(y) z = MatMul(x, t)",
    "t = Transpose<perm = [0, 2, 1]>(y) z = MatMul(t, x)",
    "u = Transpose(w) s = MatMul(x, w) z = MatMul(s, u)",
    "t = Transpose<perm = [0, 2, 1]>(y) s = Softmax(x) z = MatMul(s, t)",
    'z = Einsum<equation = "bij,jk->bki">(x, w)',
    'z = Einsum<equation = "bij,bkj->bik">(x, y)',
    'z = Einsum<equation = "bij->bj">(x)',
]


@pytest.mark.parametrize("body", AFFINE)
@pytest.mark.parametrize("dtype", FLOATS)
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_products(body, dtype, x, y, seed):
    sounding(body, dtype).check({"x": x, "y": y}, seed=seed, points=4)


GEMM = [
    "z = Gemm(x, w)",
    "z = Gemm<alpha = -0.5, beta = 3.0>(x, w, b)",
    "z = Gemm<transA = 1, alpha = 2.0>(x, y)",
    "z = Gemm<transB = 1>(x, y)",
    "z = com.microsoft.FusedMatMul<transB = 1, alpha = -2.0>(x, y)",
    'z = com.microsoft.FusedGemm<activation = "Relu">(x, w, b)',
]


@pytest.mark.parametrize("body", GEMM)
@pytest.mark.parametrize("dtype", ["float", "double"])
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_general_products(body, dtype, x, y, seed):
    if "com." in body and dtype != "float":
        pytest.skip("float only")
    sounding(body, dtype, x="5, 4").check({"x": x, "y": y}, seed=seed, points=4)


WINDOWS = [
    "z = Conv<pads = [1, 0, 0, 1]>(x, c)",
    "z = Conv<group = 2, strides = [1, 2]>(x, g, d)",
    'z = Conv<auto_pad = "SAME_UPPER", dilations = [1, 2]>(x, c, d)',
    "z = Conv(x, y)",
    "z = ConvTranspose<strides = [2, 2]>(x, t)",
    "z = ConvTranspose<group = 2, strides = [2, 1], pads = [0, 1, 0, 1]>(x, g)",
    "z = AveragePool<kernel_shape = [2, 2]>(x)",
    "z = AveragePool<kernel_shape = [2, 3], pads = [1, 1, 1, 1], count_include_pad = 1>(x)",
    "z = AveragePool<kernel_shape = [3, 3], strides = [2, 2], ceil_mode = 1>(x)",
    "z = GlobalAveragePool(x)",
    "z = GlobalMaxPool(x)",
    "z = MaxPool<kernel_shape = [2, 2], pads = [1, 1, 1, 1]>(x)",
    "z, i = MaxPool<kernel_shape = [2, 2], dilations = [2, 2], ceil_mode = 1>(x)",
    "z = LpPool<kernel_shape = [2, 2], p = 3>(x)",
    "z = GlobalLpPool<p = 1>(x)",
]


@cache
def windows(body: str, dtype: str) -> Sounding:
    rng = np.random.default_rng(1)
    numbers = {
        name: ", ".join(map(str, rng.integers(-3, 4, size).tolist()))
        for name, size in (("c", 2 * 4 * 4), ("g", 4 * 2 * 4), ("t", 4 * 2 * 4), ("d", 4))
    }
    many, bias = ("4", numbers["d"]) if "group" in body else ("2", "1, -2")
    weights = {
        "c": ("2, 4, 2, 2", f"{{{numbers['c']}}}"),
        "g": ("4, 2, 2, 2", f"{{{numbers['g']}}}"),
        "t": ("4, 2, 2, 2", f"{{{numbers['t']}}}"),
        "d": (many, f"{{{bias}}}"),
    }
    return Sounding(
        f"{OLD.format(18)} m ({dtype}[1, 4, 5, 5] x, {dtype}[3, 4, 2, 2] y) => ({dtype} z)"
        f" <{stored(weights, dtype)}> {{ {casts(weights, dtype)} {body} }}"
    )


def channels(box: Box) -> Box:
    """Told apart along the second axis."""
    return Box(box.low.reshape(1, -1, 1, 1), box.high.reshape(1, -1, 1, 1))


@pytest.mark.parametrize("body", WINDOWS)
@pytest.mark.parametrize("dtype", ["float", "float16"])
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_windows(body, dtype, x, y, seed):
    windows(body, dtype).check({"x": channels(x), "y": y}, seed=seed, points=4)


CODES = [
    "q = QuantizeLinear(x, s, u) z = DequantizeLinear(q, s, u)",
    "q = QuantizeLinear(x, s, i) z = DequantizeLinear(q, s, i)",
    "q = QuantizeLinear<axis = 2>(x, v, j) z = DequantizeLinear<axis = 2>(q, v, j)",
    "q, a, o = DynamicQuantizeLinear(x) m = MatMulInteger(q, w, o, i) z = Cast<to = 1>(m)",
    "q = QuantizeLinear(x, s, u) p = QLinearMatMul(q, s, u, w, s, i, s, u)"
    " z = DequantizeLinear(p, s, u)",
    "d = DequantizeLinear(w, s, i) z = MatMul(x, d)",
    "q = QuantizeLinear(x, s, u) r = QuantizeLinear(y, s, u)"
    " p = com.microsoft.QLinearAdd(q, s, u, r, s, u, s, u) z = DequantizeLinear(p, s, u)",
    "q = QuantizeLinear(x, s, u) r = QuantizeLinear(y, s, u)"
    " p = com.microsoft.QLinearMul(q, s, u, r, s, u, s, u) z = DequantizeLinear(p, s, u)",
    "q = QuantizeLinear(x, s, u) p = com.microsoft.QLinearSigmoid(q, s, u, e, u)"
    " z = DequantizeLinear(p, e, u)",
    "q = QuantizeLinear(x, s, u) p = com.microsoft.QLinearLeakyRelu<alpha = 0.3>(q, s, u, s, u)"
    " z = DequantizeLinear(p, s, u)",
    "z = com.microsoft.DynamicQuantizeMatMul(x, w, s, i)",
]


@cache
def codes(body: str) -> Sounding:
    return Sounding(
        f"{OLD.format(13)} m (float[B, 3, 4] x, float[B, 3, 4] y) => (float z)"
        " <float s = {0.05}, float e = {0.01}, uint8 u = {100}, int8 i = {3},"
        " float[4] v = {0.1, 0.01, 0.5, 0.02}, int8[4] j = {0, 5, -7, 0},"
        " int8[4, 3] w = {1, -2, 5, 0, 127, -128, 3, 90, 7, -100, 1, 2}>"
        f" {{ {body} }}"
    )


@pytest.mark.parametrize("body", CODES)
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_codes(body, x, y, seed):
    codes(body).check({"x": x, "y": y}, seed=seed, points=4)


def ends_of(model: Sounding, x: Box, y: Box | None = None) -> tuple[float, float]:
    y = y if y is not None else Box(np.float64(0), np.float64(1))
    found = model.ranges({"x": x, "y": y}).of(model.graph.main.values["z"])
    return found.least, found.most


UNIT = Box(np.float64(0), np.float64(1))


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        (sounding("z = MatMul(x, w)", "float"), -5.125, 5.0),
        (sounding("z = Gemm<beta = 2.0>(x, w, b)", "float", x="5, 4"), -9.125, 5.0),
        (sounding("z = Gemm<transB = 1>(x, y)", "float", x="5, 4"), 0.0, 4.0),
        (windows("z = AveragePool<kernel_shape = [2, 2]>(x)", "float"), 0.0, 1.0),
        (windows("z = LpPool<kernel_shape = [2, 2], p = 1>(x)", "float"), 0.0, 4.0),
        (codes("q = QuantizeLinear(x, s, u) z = DequantizeLinear(q, s, u)"), 0.0, 1.0),
    ],
)
def test_no_wider_than_needed(model, low, high):
    found = ends_of(model, UNIT)
    assert found[0] <= low <= high <= found[1]
    assert np.allclose(found, (low, high), rtol=1e-4, atol=1e-4)


def test_what_no_weight_reads_is_the_bias():
    model = Sounding(
        f"{OLD.format(13)} m (float[B, 2] x, float[B, 2] y) => (float z)"
        " <float[2, 3] w = {0, 1, -1, 0, 0, 2}, float[3] b = {5, 0, 0}> { z = Gemm(x, w, b) }"
    )
    endless = Box(np.float64(0), np.float64(np.inf))
    found = model.ranges({"x": endless, "y": UNIT}).of(model.graph.main.values["z"])
    low, high = found.low.reshape(-1), found.high.reshape(-1)
    assert (low[0], high[0]) == pytest.approx((5, 5), rel=1e-5)
    assert low[1] == 0
    assert high[1] == np.inf
    assert low[2] == -np.inf


@pytest.mark.parametrize(
    "body",
    [
        "z = Gemm(x, x, b)",
        "z = MatMul(x, w)",
        "z = Conv(x, w, b)",
        "z = QuantizeLinear(x, b)",
        "z = MatMul(w, w)",
    ],
)
def test_shapes_that_do_not_fit_are_no_crash(body):
    text = (
        "m (float[3, 4] x) => (float z) <float[2, 3] w = {1, 2, 3, 4, 5, 6},"
        f" float[5] b = {{1, 2, 3, 4, 5}}> {{ {body} }}"
    )
    with in_memory(model_from_text(text)) as source, open_model(source) as opened:
        graph = Graph(opened)
        world = World(graph, Shapes(graph, None, None), {})
        value = graph.main.values["z"]
        assert Evaluation(world, lambda each: each.scope is graph.main).of(value).low.ndim <= 2
