"""Bounds of functions of single elements hold for what onnxruntime computes."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from soundness import Box, Sounding, boxes

EXAMPLES = int(os.environ.get("EXAMPLES", "2"))

FLOATS = ["float", "float16", "double"]
BOTH = ["float", "float16"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = ["int8", "int16", "int32", "int64", *UNSIGNED]

SIDES = ("LEFT", "RIGHT")

UNARY: dict[str, list[str]] = {
    "Abs": [*FLOATS, "int8", "int32", "int64", "uint8"],
    "Sign": [*FLOATS, "int8", "int64", "uint8"],
    **{f"Is{kind}": FLOATS for kind in ("NaN", "Inf<detect_negative = 0>", "Inf")},
    "BitwiseNot": INTEGERS,
    "Identity": [*FLOATS, "int8", "uint64"],
    "Dropout": FLOATS,
    "Relu": [*FLOATS, "int8", "int32"],
    **dict.fromkeys(
        ["Sin", "Cos", "Ceil", "Floor", "Round", "Exp", "Log", "Sqrt", "Sigmoid", "Tanh",
         "Shrink<lambd = 0.5, bias = 0.25>", "Shrink<lambd = -1.0, bias = -2.0>"], FLOATS),
    "Shrink<lambd = 3.0, bias = 1.5>": ["int8", "int32", "uint8", "int64"],
    **dict.fromkeys(
        ["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Tan", "Sinh", "Cosh", "Erf",
         "LeakyRelu", "LeakyRelu<alpha = -0.5>", "Elu", "Elu<alpha = -0.5>", "Elu<alpha = 2.5>",
         "Selu", "Selu<alpha = -1.0>", "Selu<gamma = -0.5>", "Gelu", 'Gelu<approximate = "tanh">',
         "HardSigmoid", "HardSigmoid<alpha = -0.3, beta = 0.7>", "HardSigmoid<alpha = 0.0>",
         "HardSwish", "Mish", "Softplus", "Softsign", "ThresholdedRelu",
         "ThresholdedRelu<alpha = -2.0>"], BOTH),
    "Celu": ["float"],
    "Celu<alpha = 0.3>": ["float"],
    "Celu<alpha = -0.7>": ["float"],
    "com.microsoft.Gelu": BOTH,
    **dict.fromkeys(
        ["com.microsoft.FastGelu", "com.microsoft.QuickGelu",
         "com.microsoft.QuickGelu<alpha = -1.0>", "com.microsoft.QuickGelu<alpha = 0.0>"], FLOATS),
    "Swish": BOTH,
    "Swish<alpha = -1.5>": BOTH,
    "ai.onnx.ml.Binarizer<threshold = 0.5>": ["float"],
}  # fmt: skip

BINARY: dict[str, list[str]] = {
    "PRelu": BOTH,
    "Mean": BOTH,
    "Pow": [*FLOATS, "int32", "int64"],
    "Mod<fmod = 1>": [*FLOATS, *INTEGERS],
    "Mod": INTEGERS,
    **{f'BitShift<direction = "{side}">': UNSIGNED for side in SIDES},
    **{f"Bitwise{op}": INTEGERS for op in ("And", "Or", "Xor")},
    **{op: [*FLOATS, "int32", "uint8"]
       for op in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")},
    "com.microsoft.BiasGelu": BOTH,
    "com.microsoft.FastGelu": FLOATS,
}  # fmt: skip

TRUTH = ("Is", "Equal", "Less", "Greater")

HEADER = '<ir_version: 10, opset_import: ["" : 24, "com.microsoft" : 1, "ai.onnx.ml" : 3]>'

STRICT = ("Mod", "ai.onnx.ml")
"""What ends a run for some numbers stands in a model of its own."""


def call(op: str, *inputs: str) -> str:
    name, bracket, rest = op.partition("<")
    return f"{name}{bracket}{rest}({', '.join(inputs)})"


@cache
def all_of(table: str, dtype: str, *, strict: bool = False, optimised: bool = False) -> Sounding:
    """A model of every operator that takes the dtype, each on the inputs."""
    ops = [op for op, dtypes in TABLES[table].items()
           if dtype in dtypes and op.startswith(STRICT) == strict]  # fmt: skip
    inputs = ("x", "y")[: 2 if table == "two" else 1]
    body = " ".join(f"z{at} = {call(op, *inputs)}" for at, op in enumerate(ops))
    truth = ops[0].startswith(TRUTH)
    return Sounding(
        f"{HEADER} m ({dtype}[B, 4] x, {dtype}[4] y) => ({'bool' if truth else dtype}[B, 4] z0)"
        f" {{ {body} }}", optimised=optimised
    )  # fmt: skip


TABLES = {"one": UNARY, "two": BINARY}
DTYPES = {table: sorted({dtype for dtypes in ops.values() for dtype in dtypes})
          for table, ops in TABLES.items()}  # fmt: skip


def within(dtype: str, size: int | None = None) -> st.SearchStrategy[Box]:
    """Boxes of usual, tiny, large and huge numbers."""
    if "int" in dtype:
        ends = np.iinfo(dtype)
        low, high = max(ends.min, -(2**62)), min(ends.max, 2**62)
        high = high - 255 if high.bit_length() in (31, 32) else high  # float32 has it
        return st.one_of(boxes(max(-8, low), 8, size=size), boxes(max(low, -1000), min(high, 1000),
                         size=size), boxes(low, high, size=size))  # fmt: skip
    largest = 6e4 if dtype == "float16" else 2.0**127
    return st.one_of(
        boxes(size=size), boxes(-2, 2, size=size), boxes(-(2.0**-20), 2.0**-20, size=size),
        boxes(-110, 110, size=size), boxes(-largest, largest, size=size),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "dtype"), [(table, dtype) for table, dtypes in DTYPES.items() for dtype in dtypes]
)
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_single_elements(table, dtype, data, seed):
    x, y = data.draw(within(dtype, 4)), data.draw(within(dtype))
    all_of(table, dtype).check({"x": x, "y": y}, points=4, seed=seed)


@pytest.mark.parametrize(
    ("table", "dtype"), [("one", "float"), *(("two", dtype) for dtype in [*FLOATS, *INTEGERS])]
)
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_what_may_end_a_run(table, dtype, data, seed):
    x, y = data.draw(within(dtype, 4)), data.draw(within(dtype))
    all_of(table, dtype, strict=True).check({"x": x, "y": y}, points=4, seed=seed)


LIMITS = st.sampled_from([-np.inf, -3.0, -1.0, -0.5, -0.0, 0.0, 0.3, 1.0, 2.0, 90.0, np.inf])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("table", ["one", "two"])
@given(x=st.lists(LIMITS, min_size=4, max_size=4), y=st.lists(LIMITS, min_size=4, max_size=4),
       has_nan=st.booleans())  # fmt: skip
@settings(max_examples=2 * EXAMPLES, deadline=None)
def test_of_infinity_and_nan(table, dtype, x, y, has_nan):
    model = all_of(table, dtype)
    feed = {"x": np.array([x, x], dtype), "y": np.array(y, dtype)}
    given_, leaves = {}, {}
    for name, numbers in feed.items():
        given_[name] = Box(*(np.float64(end(numbers)) for end in (np.min, np.max)))
        numbers.flat[0] = np.nan if has_nan else numbers.flat[0]
    ranges = model.ranges(given_)
    world = ranges._main.world
    leaves = {name: replace(leaf, nan=has_nan) for name, leaf in world.leaves.items()}
    world.leaves.update(leaves)
    model.check_run(ranges, {name: feed[name] for name in world.leaves})


@cache
def related(body: str, inputs: str = "float[B, 4] x, float[4] y", opset: int = 24) -> Sounding:
    header = f'<ir_version: 10, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
    kind = inputs.split("[")[0]
    return Sounding(f"{header} m ({inputs}) => ({kind}[B, 4] w) {{ w = Identity(x) {body} }}")


LOGIC = (
    "a = Less(x, y) b = Greater(x, y) c = Not(a) d = And(a, c) e = Or(a, b) f = Xor(a, b)"
    " g = Xor(a, a) h = Equal(x, x) i = Less(y, y) j = GreaterOrEqual(y, y) k = Equal(a, b)"
    " l = CastLike(x, a) o = Not(l)"
)
MEANS = "a = Mean(x) b = Mean(x, y) c = Mean(y, x, y)"
BITS = "a = BitwiseXor(x, x) b = BitwiseAnd(x, x) c = BitwiseOr(y, x)"
FLOAT_POWERS = " ".join(
    f"k{at} = Constant<value_float = {number}>() p{at} = Pow(x, k{at}) q{at} = Pow(k{at}, x)"
    for at, number in enumerate([2.0, 3.0, 0.5, -1.0, -2.0, 0.0, -0.5, 4.0, 1.5, 1.0])
)
WHOLE_POWERS = " ".join(
    f"k{at} = Constant<value_int = {number}>() p{at} = Pow(x, k{at})"
    for at, number in enumerate([2, 3, -1, 0, 4, -2])
)
MIXED_POWERS = "i = Cast<to = 7>(y) a = Pow(x, i) d = Cast<to = 11>(y) b = Pow(x, d)"
TRAINED = (
    "r = Constant<value_float = 0.3>() z = Constant<value_float = 0.0>()"
    " n = Constant<value_int = 1>() t = Cast<to = 9>(n)"
    " a, m = Dropout(x, r, t) b, o = Dropout(x, z, t) c, p = Dropout(x)"
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        (LOGIC, "float[B, 4] x, float[4] y"),
        (LOGIC, "int64[B, 4] x, int64[4] y"),
        (MEANS, "float[B, 4] x, float[4] y"),
        (MEANS, "float16[B, 4] x, float16[4] y"),
        (BITS, "int32[B, 4] x, int32[4] y"),
        (FLOAT_POWERS, "float[B, 4] x"),
        (WHOLE_POWERS, "float[B, 4] x"),
        (WHOLE_POWERS, "float16[B, 4] x"),
        (WHOLE_POWERS, "int32[B, 4] x"),
        (WHOLE_POWERS, "int64[B, 4] x"),
        (MIXED_POWERS, "float[B, 4] x, float[4] y"),
        (TRAINED, "float[B, 4] x"),
    ],
)
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_variants(body, inputs, data, seed):
    dtype = inputs.split("[")[0]
    model = related(body, inputs)
    model.check({"x": data.draw(within(dtype, 4)), "y": data.draw(boxes())}, points=4, seed=seed)


TARGETS = {"float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
           "bool": 9, "float16": 10, "double": 11, "uint32": 12, "uint64": 13}  # fmt: skip
SMALL = {"e4m3fn": 17, "e4m3fnuz": 18, "e5m2": 19, "e5m2fnuz": 20}


@pytest.mark.parametrize("dtype", [name for name in TARGETS if name != "bool"])
@given(data=st.data(), seed=st.integers(0, 99), has_nan=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_casts(dtype, data, seed, has_nan):
    body = " ".join(f"{name} = Cast<to = {to}>(x)" for name, to in TARGETS.items())
    if dtype == "float":
        body += " " + " ".join(
            f"s{name}{keeps} = Cast<to = {to}, saturate = {keeps}>(x)"
            f" b{name}{keeps} = Cast<to = 1>(s{name}{keeps})"
            for name, to in SMALL.items() for keeps in (0, 1)
        )  # fmt: skip
        body += " i4 = Cast<to = 22>(x) bi4 = Cast<to = 1>(i4)"
        body += " u4 = Cast<to = 21>(x) bu4 = Cast<to = 1>(u4)"
    model = casts(dtype, body)
    box = data.draw(within(dtype, 4))
    ranges = model.ranges({"x": box})
    is_float = "int" not in dtype
    leaves = ranges._main.world.leaves
    leaves["x"] = replace(leaves["x"], nan=has_nan and is_float)
    for feed in model.feeds({"x": box}, 4, seed, {}):
        if has_nan and is_float:
            feed["x"].flat[0] = np.nan
        model.check_run(ranges, feed)


@cache
def casts(dtype: str, body: str) -> Sounding:
    model = related(body, f"{dtype}[B, 4] x")
    small = [name for name in model.names if name[:2] in ("se", "i4", "u4")]
    model.names = [name for name in model.names if name not in small]  # numpy has no such types
    return model


RUNNING = " ".join(
    f"{op[3:].lower()}{axis}{exclusive}{back} ="
    f" {op}<exclusive = {exclusive}, reverse = {back}>(x, k{axis})"
    for op in ("CumSum", "CumProd") for axis in (0, 1) for exclusive in (0, 1) for back in (0, 1)
)  # fmt: skip


@pytest.mark.parametrize("dtype", [*FLOATS, "int32", "int64"])
@pytest.mark.parametrize("rows", ["2", "B"])
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_running_sums_and_products(dtype, rows, data, seed):
    axes = "k0 = Constant<value_int = 0>() k1 = Constant<value_int = -1>()"
    model = related(f"{axes} {RUNNING}", f"{dtype}[{rows}, 4] x", opset=26)
    model.check({"x": data.draw(within(dtype, 4))}, points=4, seed=seed)


@pytest.mark.parametrize("dtype", ["int8", "int32"])
@given(data=st.data(), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_shifts_of_signed_numbers(dtype, data, seed):
    shifts = "".join(f' z{side} = BitShift<direction = "{side}">(x, y)' for side in SIDES)
    model = related(shifts, f"{dtype}[B, 4] x, {dtype}[4] y", opset=28)
    model.check({"x": data.draw(within(dtype, 4)), "y": data.draw(boxes(0, 40))}, 4, seed)


@pytest.mark.parametrize("opset", [7, 10, 11])
@given(x=boxes(size=4), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_old_opsets(opset, x, seed):
    body = "a, m = Dropout<ratio = 0.5>(x) b = Pow(x, x) c = Less(x, a) d = PRelu(x, a) e = Elu(x)"
    related(body, opset=opset).check({"x": x, "y": x}, points=4, seed=seed)


def bound(body: str, low: float, high: float, dtype: str = "float") -> tuple[float, float, bool]:
    model = related(body, f"{dtype}[B, 4] x")
    (value,) = [v for v in model.graph.main.nodes[-1].outputs if v is not None]
    found = model.ranges({"x": Box(np.float64(low), np.float64(high))}).of(value)
    return found.least, found.most, found.nan


@pytest.mark.parametrize(
    ("body", "box", "expected"),
    [
        ("k = Constant<value_float = 2.0>() z = Pow(x, k)", (-2, 3), (0, 9, False)),
        ("k = Constant<value_float = 3.0>() z = Pow(x, k)", (-2, 3), (-8, 27, False)),
        ("k = Constant<value_float = -1.0>() z = Pow(x, k)", (-2, 3), (-np.inf, np.inf, False)),
        ("k = Constant<value_float = 0.5>() z = Pow(x, k)", (-4, 9), (0, 3, True)),
        ("k = Constant<value_float = 2.0>() z = Pow(k, x)", (-1, 3), (0.5, 8, False)),
        ("z = Gelu(x)", (-50, 1), (-0.1699712, 0.8413447, False)),
        ("z = Mish(x)", (-50, 0), (-0.3088434, 0, False)),
        ("z = Swish(x)", (-50, 0), (-0.2784646, 0, False)),
        ("z = HardSwish(x)", (-50, 3), (-0.375, 3, False)),
        ("z = Sigmoid(x)", (-18, 0), (0, 0.5, False)),
        ("z = Tanh(x)", (-0.5, 9), (-0.4621172, 1, False)),
        ("z = Exp(x)", (-np.inf, 0), (0, 1, False)),
        ("z = Exp(x)", (0, 89), (1, np.inf, False)),
        ("z = Sinh(x)", (-2000, -1000), (-np.inf, -3.4028235e38, False)),
        ("z = Log(x)", (0, 1), (-np.inf, 0, False)),
        ("z = Log(x)", (-1, 1), (-np.inf, 0, True)),
        ("z = Sin(x)", (0, 3.2), (-0.0583741, 1, False)),
        ("z = Cos(x)", (-1, 1), (0.5403023, 1, False)),
        ("z = Elu(x)", (-500, 2), (-1, 2, False)),
        ("z = Abs(x)", (-2, 1), (0, 2, False)),
        ("z = Cast<to = 6>(x)", (-1.7, 2.7), (-1, 2, False)),
        ("z = Cast<to = 10>(x)", (0, 1e5), (0, np.inf, False)),
        ("z = Cast<to = 9>(x)", (1, 2), (1, 1, False)),
        ("a = Cast<to = 7>(x) k = Constant<value_int = 5>() z = Mod(a, k)", (-9, 9), (0, 4, False)),
        ("k = Constant<value_float = 4.0>() z = Less(x, k)", (1, 3), (1, 1, False)),
        ("k = Constant<value_float = 4.0>() z = Greater(x, k)", (1, 4), (0, 0, False)),
        ("z = IsNaN(x)", (1, 4), (0, 0, False)),
        ("k = Constant<value_int = 1>() z = CumSum(x, k)", (1, 2), (1, 8, False)),
        ("k = Constant<value_int = 1>() z = CumSum<exclusive = 1>(x, k)", (1, 2), (0, 6, False)),
    ],
)
def test_bounds_are_not_wider_than_rounding(body, box, expected):
    low, high, nan = bound(body, *box)
    assert (low, high) == pytest.approx(expected[:2], rel=2e-5, abs=2e-5)
    assert nan == expected[2]


@pytest.mark.parametrize(
    ("body", "box", "end", "expected"),
    [
        ("z = Exp(x)", (-5, 0), 1, 1.0),
        ("z = Exp(x)", (0, 5), 0, 1.0),
        ("z = Cosh(x)", (-2, 1), 0, 1.0),
        ("z = Cos(x)", (-0.3, 1), 1, 1.0),
        ("z = Elu(x)", (-0.3e3, 1), 0, -1.0),
        ("z = Sqrt(x)", (2, 4), 1, 2.0),
    ],
)
def test_ends_that_the_dtype_has_stay(body, box, end, expected):
    for dtype in BOTH:
        assert bound(body, *box, dtype)[end] == expected
