"""Bounds of what moves, picks and repeats hold for what onnxruntime gives, box by box."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

EXAMPLES = 4

MOVING = [
    "c = Constant<value_ints = [2, 6]>() z = Reshape(x, c)",
    "c = Constant<value_ints = [0, -1, 2, 2]>() z = Reshape(x, c)",
    "c = Constant<value_ints = [-1]>() z = Reshape(x, c)",
    "c = Constant<value_ints = [3, 4]>() z = Reshape(x, c)",
    "z = Flatten<axis = 1>(x)",
    "z = Flatten<axis = 2>(x)",
    "a = Constant<value_ints = [0, 2]>() u = Unsqueeze(x, a) z = Squeeze(u)",
    "z = Transpose(x)",
    "z = Transpose<perm = [0, 2, 1]>(x)",
    "z = Transpose<perm = [1, 2, 0]>(x)",
    "c = Constant<value_ints = [3, 1, 3, 4]>() z = Expand(x, c)",
    "c = Constant<value_ints = [1, 2, 3]>() z = Tile(x, c)",
    "l = Constant<value_ints = [1, 3, 2]>() t = Transpose<perm = [1, 0, 2]>(x)"
    " b = Concat<axis = 1>(t, t, t) s = Constant<value_ints = [0]>()"
    " e = Constant<value_ints = [3]>() o = Constant<value_ints = [1]>()"
    " c = Slice(b, s, e, o) z = ReverseSequence(c, l)",
    "z = Trilu(x)",
    "k = Constant<value_int = -1>() z = Trilu<upper = 0>(x, k)",
    "c = Constant<value_ints = [2, 2]>() z = CenterCropPad<axes = [1, 2]>(x, c)",
    "c = Constant<value_ints = [5, 4]>() z = CenterCropPad<axes = [1, 2]>(x, c)",
    "z = Concat<axis = 1>(x, x, x)",
    "n = Neg(x) z = Concat<axis = 1>(x, n)",
    "n = Neg(x) z = Concat<axis = -1>(n, x)",
    "a, b = Split<axis = 2>(x) z = Concat<axis = 2>(b, a)",
    "s = Constant<value_ints = [1, 3]>() a, z = Split<axis = 2>(x, s)",
    "s = Constant<value_ints = [1]>() e = Constant<value_ints = [3]>()"
    " a = Constant<value_ints = [2]>() z = Slice(x, s, e, a)",
    "s = Constant<value_ints = [-1, 9]>() e = Constant<value_ints = [-9, -9]>()"
    " a = Constant<value_ints = [2, 1]>() t = Constant<value_ints = [-1, -2]>()"
    " z = Slice(x, s, e, a, t)",
    "i = Constant<value_ints = [3, 0, -1]>() z = Gather<axis = 2>(x, i)",
    "i = Constant<value_int = -2>() z = Gather<axis = 2>(x, i)",
    "d = Shape(x) o = Constant<value_ints = [1, 1, 2]>() i = Sub(d, o) z = Gather<axis = 2>(x, i)",
    "m = ArgMax<axis = 2>(x) z = GatherElements<axis = 2>(x, m)",
    "c = Constant<value = bool[4] {1, 0, 1, 1}>() z = Compress<axis = 2>(x, c)",
    "c = Constant<value = bool[5] {1, 0, 0, 1, 1}>() z = Compress(x, c)",
    "i = Constant<value = int64[2, 3] {0, 1, 2, -1, -2, -3}>() z = GatherND(x, i)",
    "i = Constant<value = int64[1, 2, 1] {0, -1}>() z = GatherND<batch_dims = 1>(x, i)",
    "i = Constant<value = int64[1, 2, 2] {0, 3, -1, 1}>() z = GatherElements<axis = 2>(x, i)",
    "k = Constant<value_ints = [2]>() z, i = TopK(x, k)",
    "k = Constant<value_ints = [3]>() z, i = TopK<largest = 0>(x, k)",
    "k = Constant<value_ints = [2]>() z, i = TopK<axis = 1, sorted = 0>(x, k)",
    "z, i, v, n = Unique(x)",
    "z, i, v, n = Unique<axis = 2>(x)",
    "z = Hardmax(x)",
    "p = Constant<value_ints = [0, 1, 0, 0, 0, 2]>() z = Pad(x, p)",
    "p = Constant<value_ints = [0, 1, -1, 0, -1, 2]>() v = Constant<value_float = 3.0>()"
    " z = Pad(x, p, v)",
    "p = Constant<value_ints = [1, 2]>() a = Constant<value_ints = [2]>()"
    ' z = Pad<mode = "reflect">(x, p, , a)',
    "p = Constant<value_ints = [0, 0, 3, 0, 0, 2]>() z = Pad<mode = \"edge\">(x, p)",
    "p = Constant<value_ints = [0, 0, 3, 0, 0, 2]>() z = Pad<mode = \"wrap\">(x, p)",
    "p = Constant<value_ints = [0, 1, -1, 0, -1, -2]>() z = Pad<mode = \"edge\">(x, p)",
    "i = Constant<value = int64[1, 1, 2] {0, -1}>() u = Constant<value = float[1, 1, 2] {5, -3}>()"
    " z = ScatterElements<axis = 2>(x, i, u)",
    "i = Constant<value = int64[2, 2] {0, 1, 0, -1}>() u = Constant<value = float[2, 4]"
    " {1, 2, 3, 4, 5, 6, 7, 8}>() z = ScatterND(x, i, u)",
]  # fmt: skip

TYPES = ["float", "double", "float16", "int64"]
OF_ALL_TYPES = 17
"""So many of them are tried with every dtype: kernels that only move take all."""


@cache
def sounding(body: str, dtype: str = "float", optimised: bool = False) -> Sounding:
    header = '<ir_version: 10, opset_import: ["" : 17]>' if "axes = [" in body else (
        '<ir_version: 10, opset_import: ["" : 19]>')  # fmt: skip
    if "Split<" in body:
        header = '<ir_version: 10, opset_import: ["" : 17]>'
    if "Pad<mode" in body or "CenterCropPad" in body:
        header = '<ir_version: 10, opset_import: ["" : 21]>'
    return Sounding(f"{header} m ({dtype}[1, 3, 4] x) => ({dtype}[] z) {{ {body} }}",
                    optimised=optimised)  # fmt: skip


@pytest.mark.parametrize("body", MOVING)
@given(x=boxes(size=4), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_what_moves_numbers(body, x, seed):
    sounding(body).check({"x": x}, seed=seed, points=4)


@pytest.mark.parametrize("body", MOVING)
def test_onnxruntime_runs_them(body):
    sound = sounding(body, optimised=True)
    (feed,) = sound.feeds({"x": FOUR}, 1, 0, {})
    assert sound.session.run(["z"], feed)[0].size
    sound.check({"x": FOUR}, points=3)


@pytest.mark.parametrize("dtype", TYPES[1:])
@pytest.mark.parametrize("body", MOVING[:OF_ALL_TYPES:2])
@given(x=boxes(size=4), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_of_other_types(body, dtype, x, seed):
    sounding(body, dtype).check({"x": x}, seed=seed, points=3)


SCATTERED = [
    'i = ArgMax<axis = 2>(x) z = ScatterElements<axis = 2, reduction = "{}">(x, i, y)',
    "i = Constant<value = int64[1, 3, 1] {{0, -1, 1}}>()"
    ' z = ScatterElements<axis = 1, reduction = "{}">(x, i, y)',
    "i = Constant<value = int64[3, 3] {{0, 0, 0, 0, 0, 0, 0, 1, 1}}>()"
    ' c = Constant<value_ints = [3]>() f = Reshape(y, c) z = ScatterND<reduction = "{}">(x, i, f)',
]


@pytest.mark.parametrize("dtype", ["float", "int64"])
@pytest.mark.parametrize("how", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("body", SCATTERED)
@given(x=boxes(size=4), y=boxes(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_what_is_scattered(body, how, dtype, x, y, seed):
    scattered(body.format(how), dtype).check({"x": x, "y": y}, seed=seed, points=4)


LARGE = boxes(-(2.0**127), 2.0**127)


@pytest.mark.parametrize("how", ["add", "mul", "max", "min"])
@pytest.mark.parametrize("body", SCATTERED)
@given(x=LARGE, y=LARGE, seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_scattered_numbers_that_overflow(body, how, x, y, seed):
    scattered(body.format(how), "float").check({"x": x, "y": y}, seed=seed, points=4)


@cache
def scattered(body: str, dtype: str) -> Sounding:
    header = '<ir_version: 10, opset_import: ["" : 18]>'
    return Sounding(
        f"{header} m ({dtype}[1, 3, 4] x, {dtype}[1, 3, 1] y) => ({dtype}[] z) {{ {body} }}"
    )


FOUR = Box(np.array([0.0, -1, -2, -3]), np.array([0.0, 1, 2, 3]))


@pytest.mark.parametrize(
    ("body", "high"),
    [
        ("c = Constant<value_ints = [3, 4]>() z = Reshape(x, c)", [[0, 1, 2, 3]]),
        ("c = Constant<value_ints = [3, 2, 2]>() z = Reshape(x, c)", [[[0, 1], [2, 3]]]),
        ("z = Flatten<axis = 1>(x)", [[0, 1, 2, 3] * 3]),
        ("z = Transpose<perm = [0, 2, 1]>(x)", [[[0], [1], [2], [3]]]),
        ("n = Neg(x) z = Concat<axis = 2>(x, n)", [[[0, 1, 2, 3, 0, 1, 2, 3]]]),
        ("i = Constant<value_ints = [3, 0, -1]>() z = Gather<axis = 2>(x, i)", [[[3, 0, 3]]]),
        ("s = Constant<value_ints = [1, 3]>() a, z = Split<axis = 2>(x, s)", [[[1, 2, 3]]]),
        ("s = Constant<value_ints = [-1]>() e = Constant<value_ints = [-9]>() a ="
         " Constant<value_ints = [2]>() t = Constant<value_ints = [-2]>() z = Slice(x, s, e, a, t)",
         [[[3, 1]]]),
        ("p = Constant<value_ints = [0, 0, 1, 0, 0, 0]>() z = Pad(x, p)", [[[0, 0, 1, 2, 3]]]),
        ("k = Constant<value_ints = [2]>() z, i = TopK(x, k)", [[[3, 2]]]),
    ],
)  # fmt: skip
def test_boxes_stay_apart(body, high):
    found = sounding(body).check({"x": FOUR})
    z = sounding(body).graph.main.values["z"]
    assert found.of(z).high.tolist() == high


HELD = [
    ("z = Hardmax(x)", {-1}),
    ("h = Hardmax(x) z = Transpose<perm = [2, 0, 1]>(h)", {-3}),
    ("h = Hardmax(x) c = Constant<value_ints = [0, 0, 2, 2]>() z = Reshape(h, c)", {-2, -1}),
    ("h = Hardmax(x) c = Constant<value_ints = [0, 0, 2, 2]>() r = Reshape(h, c)"
     " z = Transpose<perm = [2, 0, 1, 3]>(r)", {-4, -1}),
    ("h = Hardmax(x) c = Constant<value_ints = [-1, 4]>() z = Reshape(h, c)", {-1}),
    ("h = Hardmax(x) a = Constant<value_ints = [1, -1]>() z = Unsqueeze(h, a)", {-2}),
    ("h = Hardmax(x) a = Constant<value_ints = [1, -1]>() u = Unsqueeze(h, a)"
     " c = Constant<value_ints = [-1, 4]>() z = Reshape(u, c)", {-1}),
    ("h = Hardmax(x) z = Concat<axis = 1>(h, h)", {-1}),
    ("h = Hardmax(x) i = Constant<value_ints = [0, 0]>() z = Gather<axis = 1>(h, i)", {-1}),
    ("h = Hardmax(x) i = Constant<value_int = 0>() z = Gather<axis = 1>(h, i)", {-1}),
    ("h = Hardmax<axis = 1>(x) i = Constant<value_int = 0>() z = Gather<axis = 2>(h, i)", {-1}),
    ("h = Hardmax(x) i = Constant<value_int = 0>() z = Gather<axis = 2>(h, i)", None),
    ("h = Hardmax(x) c = Constant<value_ints = [3, 3, 4]>() z = Expand(h, c)", {-1}),
    ("h = Hardmax(x) c = Constant<value_ints = [2, 2, 1]>() z = Tile(h, c)", {-1}),
    ("h = Hardmax(x) z = Flatten<axis = 1>(h)", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "axes"), HELD)
@pytest.mark.parametrize("sizes", ["B, L, 4", "1, 3, 4"])
def test_what_holds_along_axes_goes_with_them(body, axes, sizes):
    sound = Sounding(f"m (float[{sizes}] x) => (float[] z) {{ {body} }}")
    found = sound.check({"x": FOUR}).of(sound.graph.main.values["z"])
    if axes is None:
        assert found.total is None
        assert found.anchor is None
    else:
        assert found.total is not None
        assert (found.total.axes, found.total.low, found.total.high) == (axes, 1, 1)
        assert found.anchor is not None
        assert found.anchor.axes == axes


def test_of_a_one_hot_code():
    sound = Sounding(
        "m (int64[2, 3] x) => (float[] z) { d = Constant<value_int = 4>() v = Constant<value ="
        " float[2] {0, 1}>() h = OneHot<axis = 1>(x, d, v) z = Transpose<perm = [1, 0, 2]>(h) }"
    )
    ranges = sound.check({"x": Box(np.float64(-4), np.float64(3))})
    part = ranges.of(sound.graph.main.values["z"]).total
    assert part is not None
    assert (part.axes, part.low, part.high) == ({-3}, 1, 1)
