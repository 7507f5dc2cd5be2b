"""Numbers that are made of sizes and places: exact where sizes are known, sound where not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

from onnxlint.analyses.ranges.range import Range

MOST = 2.0**63


def found(
    body: str, header: str = "float[B, 3, 4] x", sizes: dict[str, int] | None = None
) -> Range:
    """The bound of z, which holds for what runs."""
    sound = Sounding(
        f'<ir_version: 10, opset_import: ["" : 19]> m ({header}) => (int64[] z) {{ {body} }}'
    )
    ranges = sound.check({v.name: Box(np.float64(-2), np.float64(2)) for v in sound.graph.inputs},
                         sizes=sizes)  # fmt: skip
    return ranges.of(sound.graph.main.values["z"])


ONE = "one = Constant<value_ints = [1]>() "


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        ("z = Shape(x)", [1, 3, 4], [MOST, 3, 4]),
        ("z = Shape<start = 1>(x)", [3, 4], [3, 4]),
        ("z = Shape<start = -1, end = 9>(x)", [4], [4]),
        ("z = Size(x)", 12, MOST),
        (ONE + "s = Shape(x) z = Gather(s, one)", [3], [3]),
        ("s = Shape(x) i = Constant<value_int = -1>() z = Gather(s, i)", 4, 4),
        (ONE + "s = Shape(x) i = Constant<value_int = 2>() d = Gather(s, i) a ="
         " Constant<value_ints = [0]>() u = Unsqueeze(d, a) m = Constant<value_ints = [-1]>()"
         " z = Concat<axis = 0>(one, u, m)", [1, 4, -1], [1, 4, -1]),
        (ONE + "s = Shape(x) e = Constant<value_ints = [9]>() z = Slice(s, one, e)",
         [3, 4], [3, 4]),
        (ONE + "s = Shape(x) e = Constant<value_ints = [3]>() d = Slice(s, one, e)"
         " z = Concat<axis = 0>(one, d)", [1, 3, 4], [1, 3, 4]),
        ("s = Shape<start = 2>(x) q = Squeeze(s) a = Constant<value_int = 0>() b ="
         " Constant<value_int = 1>() z = Range(a, q, b)", [0, 1, 2, 3], [0, 1, 2, 3]),
        ("s = Shape<end = 1>(x) q = Squeeze(s) a = Constant<value_int = 0>() b ="
         " Constant<value_int = 1>() z = Range(a, q, b)", 0, MOST),
        ("z = ArgMax<axis = 2>(x)", 0, 3),
        ("z = ArgMin<axis = 1, keepdims = 0>(x)", 0, 2),
        ("z = NonZero(x)", [[0], [0], [0]], [[MOST], [2], [3]]),
        ("k = Constant<value_ints = [2]>() v, z = TopK(x, k)", 0, 3),
    ],
)  # fmt: skip
def test_of_sizes_and_places(body, low, high):
    z = found(body)
    assert (z.low.tolist(), z.high.tolist()) == (low, high)
    assert z.integer


def test_of_a_cache_that_may_be_empty():
    header = "float[B, P, 4] past, float[B, N, 4] x"
    body = "all = Concat<axis = 1>(past, x) z = Shape(past)"
    assert found(body, header).low.tolist() == [1, 0, 4]


def test_of_what_the_graph_computes_the_size_of():
    assert found("n = NonZero(x) z = Shape(n)").low.tolist() == [3, 0]


def test_of_sizes_that_are_used():
    """What a chain of sizes makes is known to what reads it, even beside what is not known."""
    z = found(
        ONE + "s = Shape(x) i = Constant<value_ints = [0, 2]>() p = Gather(s, i)"
        " m = Constant<value_ints = [2]>() e = Slice(p, one, m)"
        " c = Constant<value_ints = [10, 20, 30, 40, 50]>() z = Slice(c, one, e)"
    )
    assert (z.low.tolist(), z.high.tolist()) == ([20, 30, 40], [20, 30, 40])


@cache
def counting(dtype: str) -> Sounding:
    """Inputs have an axis, since numpy makes no arrays of single numbers when it computes."""
    return Sounding(
        f"m ({dtype}[1] x, {dtype}[1] y, {dtype}[1] d) => ({dtype}[N] z)"
        " { a = Squeeze(x) b = Squeeze(y) c = Squeeze(d) z = Range(a, b, c) }"
    )


@pytest.mark.parametrize("dtype", ["float", "double", "int32", "int64"])
@given(x=boxes(), y=boxes(), d=boxes(-2, 2), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_of_steps_from_start_to_limit(dtype, x, y, d, seed):
    small = np.abs(np.array([d.low, d.high])).min() < 0.01 or d.low * d.high <= 0
    steps = Box(np.float64(0.5), np.float64(2)) if small else d
    if "int" in dtype:
        steps = Box(np.float64(1), np.float64(2))
    counting(dtype).check({"x": x, "y": y, "d": steps}, seed=seed)


def test_of_many_small_steps():
    tenth, zero, end = (Box(np.float64(v), np.float64(v)) for v in (0.1, 0.0, 3000.0))
    counting("float").check({"x": zero, "y": end, "d": tenth}, points=1)


TABLE = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize("indices", [(0, 0), (1, 2), (-2, -1), (-1, 1), (0, 3)])
def test_of_a_table_by_numbers_within_bounds(indices):
    numbers = ", ".join(map(str, TABLE.reshape(-1)))
    sound = Sounding(
        f"m (int64[5] x) => (float[] z) {{ t = Constant<value = float[4, 3] {{{numbers}}}>()"
        " z = Gather(t, x) }"
    )
    first, last = indices
    ranges = sound.check({"x": Box(np.float64(first), np.float64(last))})
    z = ranges.of(sound.graph.main.values["z"])
    rows = TABLE if first < 0 <= last else TABLE[[first % 4, last % 4]]
    assert z.low.min(axis=0).tolist() == rows.min(axis=0).tolist()
    assert z.high.max(axis=0).tolist() == rows.max(axis=0).tolist()


@given(
    rows=st.lists(boxes(-5, 4), min_size=3, max_size=3), seed=st.integers(0, 99)
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_of_rows_by_an_interval_for_each(rows, seed):
    low, high = np.array([b.low for b in rows]), np.array([b.high for b in rows])
    chosen().check({"x": boxes_of_rows(), "i": Box(low, high)}, seed=seed)


def boxes_of_rows() -> Box:
    return Box(np.arange(5.0)[:, None] - 2, np.arange(5.0)[:, None] * 3 - 1)


@cache
def chosen() -> Sounding:
    return Sounding("m (float[5, 2] x, int64[3] i) => (float[3, 2] z) { z = Gather(x, i) }")


def test_a_large_table_is_read_where_it_is_used():
    sound = Sounding(
        "m (int64[2] x) => (float[] z) { s = Constant<value_ints = [9000, 3]>()"
        " a = Constant<value = float[1] {0}>() b = ConstantOfShape(s)"
        " r = Constant<value_ints = [5]>()"
        " z = Gather(b, r) }"
    )
    z = sound.check({"x": Box(np.float64(0), np.float64(1))}).of(sound.graph.main.values["z"])
    assert (z.least, z.most) == (0, 0)
