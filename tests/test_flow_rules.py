"""ARC rules on what decides, repeats, draws, sorts and masks: what their docstrings do not show."""

import pytest
from conftest import findings, severities

from onnxlint.severity import Severity
from onnxlint_rules.arc.data_dependent_shape import data_dependent_shape
from onnxlint_rules.arc.dead_if_branch import dead_if_branch
from onnxlint_rules.arc.decomposed_normalisation import decomposed_normalisation
from onnxlint_rules.arc.loop_in_hot_path import loop_in_hot_path
from onnxlint_rules.arc.masked_softmax_nan import masked_softmax_nan
from onnxlint_rules.arc.random_operator import random_operator
from onnxlint_rules.arc.unguarded_topk import unguarded_topk

WARNING, INFO = Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("n = RandomUniformLike(x) y = Add(x, n)", 1),
        ("n = RandomNormalLike(x) m = RandomNormalLike(x) s = Add(n, m) y = Add(x, s)", 2),
        ("n = Bernoulli(x) y = Where(c, x, n)", 1),
        ("n = RandomNormalLike(x) y = Relu(x) z = Neg(n)", 0),
        ("n = RandomNormalLike(x) s = Shape(n) y = Reshape(x, s)", 0),
        ("n = RandomNormalLike(x) s = Size(n) f = Cast<to = 1>(s) y = Div(x, f)", 0),
        ("y = If(c) < then_branch = a () => (float[N] p) { p = RandomNormalLike(x) },"
         " else_branch = b () => (float[N] q) { q = Relu(x) } >", 1),
    ],
)  # fmt: skip
def test_random_numbers(body: str, count: int) -> None:
    text = f"n (float[N] x, bool c) => (float[N] y) {{ {body} }}"
    assert severities(random_operator, text) == [WARNING] * count


def test_random_numbers_in_a_function_and_their_seed() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    n (float[N] x) => (float[N] y) { y = own.noisy(x) }
    <domain: "own", opset_import: ["" : 21]>
    noisy (a) => (b) { n = RandomNormalLike<seed = 7.0>(a) b = Add(a, n) }"""
    (found,) = findings(random_operator, text)
    assert found.place.scope == "function:own::noisy"
    assert found.message.endswith("(seed 7 only fixes the first run of a session)")


SCORES = """n (float[N, H, T, T] s, bool[N, 1, T, T] m, bool[N, 1, 1, T] p,
 int64[N, 1, 1, 1] length) => (y)
<float low = {{-inf}}, float lowest = {{-3.4e38}}, float zero = {{0}}, float half = {{0.5}},
 int64[1] k = {{3}},
 int64 first = {{0}}, int64 last = {{3}}, int64 one = {{1}}>
{{ {0} }}"""
CLOSED = "w = Where({0}, s, low) y = Softmax(w)"
PLACES = "h = Shape<start = 3>(s) t = Squeeze(h) r = Range(first, t, one) "


@pytest.mark.parametrize(
    ("body", "count"),
    [
        pytest.param(CLOSED.format("m"), 1, id="a mask that is fed"),
        pytest.param("v = Where(m, zero, low) w = Add(s, v) y = LogSoftmax(w)", 1, id="added"),
        pytest.param("o = Not(p) v = Where(o, low, zero) w = Add(v, s) y = Softmax(w)", 1),
        pytest.param(CLOSED.format("m") + " z = IsNaN(y)", 0, id="somebody looks for NaN"),
        pytest.param(
            CLOSED.format("m") + " a = MatMul(y, s) z = Where(p, a, zero)", 0, id="replaced later"
        ),
        pytest.param(
            "v = Where(m, zero, low) u = Max(v, lowest) w = Add(s, u) y = Softmax(w)", 0,
            id="clipped between",
        ),
        pytest.param(
            "f = Cast<to = 10>(lowest) h = Cast<to = 10>(s) w = Where(m, h, f) y = Softmax(w)", 1,
            id="float16 makes -inf of the lowest float32",
        ),
        pytest.param(
            "a = Shape(s) f = ConstantOfShape<value = float[1] {-inf}>(a) w = Where(m, s, f)"
            " y = Softmax(w)", 1, id="filled in a computed shape",
        ),
        pytest.param(
            PLACES + "a = Unsqueeze(r, k) c = Greater(r, a) w = Where(c, low, s) y = Softmax(w)", 0,
            id="causal, of sizes alone",
        ),
        pytest.param(PLACES + "c = Less(r, length) " + CLOSED.format("c"), 1, id="a length of 0"),
        pytest.param(PLACES + "c = LessOrEqual(r, length) " + CLOSED.format("c"), 0, id="up to"),
        pytest.param(
            PLACES + "c = LessOrEqual(r, length) d = And(c, p) " + CLOSED.format("d"), 1,
            id="up to, and what is fed",
        ),
        pytest.param(
            PLACES + "c = LessOrEqual(r, length) d = Or(c, p) " + CLOSED.format("d"), 0,
            id="up to, or what is fed",
        ),
        pytest.param(
            "a = Transpose<perm = [0, 1, 3, 2]>(length) c = Equal(length, a) " + CLOSED.format("c"),
            0, id="who carries the same number",
        ),
        pytest.param(
            "v, i = TopK(s, k) b = ReduceMin(v) c = GreaterOrEqual(s, b) " + CLOSED.format("c"), 0,
            id="the best of the scores themselves",
        ),
        pytest.param(
            "f = Cast<to = 6>(m) g = ReduceMax(f) e = Cast<to = 9>(g) o = Not(e) c = Or(m, o) "
            + CLOSED.format("c"), 0, id="a mask that is opened where it is empty",
        ),
        pytest.param(
            CLOSED.format("m") + " x = Where(m, y, low) z = Softmax(x) u = MatMul(z, y)", 1,
            id="two softmaxes with one mask are one finding",
        ),
        pytest.param("f = Cast<to = 1>(m) v = Mul(f, low) w = Add(s, v) y = Softmax(w)", 1,
                     id="0 times -inf"),
        pytest.param(
            "f = Cast<to = 1>(m) c = Less(f, half) w = Where(c, low, s) y = Softmax(w)",
            1,
            id="a threshold is no row of places",
        ),
        pytest.param("w = Where(m, s, lowest) y = Softmax(w)", 0, id="lowest finite"),
    ],
)  # fmt: skip
def test_masked_softmaxes(body: str, count: int) -> None:
    assert severities(masked_softmax_nan, SCORES.format(body)) == [WARNING] * count


@pytest.mark.parametrize(
    ("rows", "count"), [("-inf, -inf, 0, -inf", 1), ("-inf, 0, 0, -inf", 0), ("0, 0, 0, 0", 0)]
)
def test_rows_of_a_constant_mask(rows: str, count: int) -> None:
    added = f"""n (float[N, 2, 2] s) => (float[N, 2, 2] y) <float[2, 2] m = {{{rows}}}>
    {{ w = Add(s, m) y = Softmax(w) }}"""
    chosen = added.replace("Add(s, m)", "Where(c, s, low)").replace(
        f"float[2, 2] m = {{{rows}}}",
        f"bool[2, 2] c = {{{rows.replace('-inf', '2').replace('0', '1').replace('2', '0')}}},"
        " float low = {-inf}",
    )
    assert severities(masked_softmax_nan, added) == [WARNING] * count
    assert severities(masked_softmax_nan, chosen) == [WARNING] * count


def test_inputs_that_mask_are_named() -> None:
    (found,) = findings(masked_softmax_nan, SCORES.format("c = And(m, p) " + CLOSED.format("c")))
    assert found.message == (
        "'m' and 'p' can mask an entire row with -inf, which makes the softmax NaN"
    )
    assert "at Where #" in found.hint


NORM = """<ir_version: 11, opset_import: ["" : {opset}]>
n (float[N, 8] x) => (float[N, 8] y)
<int64[1] axis = {{{axis}}}, float two = {{2}}, float eps = {{0.00001}}>
{{ {body} }}"""
RMS = "p = Mul(x, x) v = ReduceMean(p, axis) a = Add(eps, v) s = Sqrt(a) r = Reciprocal(s) "
LAYER = "m = ReduceMean(x, axis) d = Sub(x, m) q = Pow(d, two) u = ReduceMean(q, axis) " \
        "a = Add(u, eps) s = Sqrt(a) y = Div(d, s)"  # fmt: skip
OTHER_RMS = " o = Pow(y, two) g = ReduceMean(o, axis) b = Add(g, eps) t = Sqrt(b) z = Div(y, t)"


@pytest.mark.parametrize(
    ("opset", "axis", "body", "count"),
    [
        (23, -1, RMS + "y = Mul(r, x)", 1),
        (23, 1, RMS + "y = Mul(r, x)", 1),
        (23, 0, RMS + "y = Mul(r, x)", 0),
        (22, -1, RMS + "y = Mul(r, x)", 0),
        (23, -1, RMS + "z = Relu(x) y = Mul(r, z)", 0),
        (18, -1, LAYER, 1),
        (23, -1, LAYER, 1),
        (18, -1, LAYER.replace("Sub(x, m)", "Sub(m, x)"), 0),
        (23, -1, LAYER + OTHER_RMS, 2),
    ],
)  # fmt: skip
def test_normalisations(opset: int, axis: int, body: str, count: int) -> None:
    text = NORM.format(opset=opset, axis=axis, body=body)
    assert severities(decomposed_normalisation, text) == [INFO] * count


GELU = """n (float[N, 8] x) => (float[N, 8] y)
<float root = {1.4142135}, float one = {1}, float half = {0.5}>
{ d = Div(x, root) f = Erf(d) a = Add(one, f) %s }"""


@pytest.mark.parametrize(
    ("end", "count"),
    [
        ("m = Mul(a, x) y = Mul(m, half)", 1),
        ("m = Mul(half, x) y = Mul(a, m)", 1),
        ("m = Mul(a, half) y = Mul(x, m)", 1),
        ("y = Mul(a, half)", 0),
    ],
)
def test_gelus(end: str, count: int) -> None:
    assert severities(decomposed_normalisation, GELU % end) == [INFO] * count


def test_places_of_a_kind_are_counted() -> None:
    first = "m = Mul(a, x) h = Mul(m, half)"
    again = "d2 = Div(h, root) f2 = Erf(d2) a2 = Add(f2, one) m2 = Mul(a2, h) y = Mul(m2, half)"
    (found,) = findings(decomposed_normalisation, GELU % f"{first} {again}")
    assert (found.measured, found.place.node_index) == (2, 4)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("b, i = TopK(x, k)", [WARNING]),
        ("b, i = TopK<axis = 1>(x, k)", [WARNING]),
        ("b, i = TopK<axis = 0>(x, k)", [WARNING]),
        ("a = Relu(x) b, i = TopK(a, k)", [WARNING]),
        ("b, i = TopK(x, one)", []),
        ("a = Concat<axis = 1>(x, rest) b, i = TopK(a, k)", []),
        ("a = Concat<axis = 1>(x, few) b, i = TopK(a, k)", [INFO]),
        ("a = Pad(x, pads) b, i = TopK(a, k)", []),
        ("p = Concat<axis = 0>(zero, size) a = Pad(x, p) b, i = TopK(a, k)", []),
        ("a = MatMul(x, w) b, i = TopK(a, k)", []),
        ("a = Reshape(x, all) b, i = TopK(a, k)", [INFO]),
        ("z = NonZero(x) b, i = TopK(z, k)", [WARNING]),
        ("b = If(c) < then_branch = t () => (float[N, M] p) { p, i = TopK(x, k) },"
         " else_branch = e () => (float[N, M] q) { q = Relu(x) } >", []),
    ],
)  # fmt: skip
def test_topk(body: str, expected: list[Severity]) -> None:
    text = f"""n (float[N, T] x, float[T, 9] w, float[N, 3] few, float[N, 5] rest, int64[2] size,
    bool c) => (b) <int64[1] k = {{5}}, int64[1] one = {{1}}, int64[4] pads = {{0, 0, 0, 5}},
    int64[2] zero = {{0, 0}}, int64[1] all = {{-1}}>
    {{ {body} }}"""
    assert severities(unguarded_topk, text) == expected


def test_k_as_an_attribute() -> None:
    text = """<ir_version: 4, opset_import: ["" : 9]>
    n (float[N, T] x) => (float[N, 5] y) { y, i = TopK<k = 5>(x) }"""
    (found,) = findings(unguarded_topk, text)
    assert (found.measured, found.limit) == (5, 1)


LOOP = """n (float[4, 2] x, int64 n, bool go, float[2] start, int64 zero) => (y, z)
<float[2, 2] w = {{1, 2, 3, 4}}, int64 one = {{1}}>
{{ y, z = Loop(n, go, start, zero) < body = step
    (int64 i, bool c, float[2] state, int64 count) => (bool c2, float[2] state2, int64 count2)
    {{ c2 = Identity(c) count2 = Add(count, one) {body} }} > }}"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("r = Gather(x, i) h = MatMul(r, w) state2 = Add(state, h)", [WARNING]),
        ("r = Gather(x, count) h = MatMul(r, w) state2 = Add(state, h)", [WARNING]),
        ("h = MatMul(state, w) state2 = Tanh(h)", [INFO]),
        ("r = Gather(x, i) a = Add(r, state) h = MatMul(a, w) state2 = Relu(h)", [INFO]),
        ("r = Gather(x, i) a = MatMul(r, w) h = MatMul(state, w) state2 = Add(a, h)", [WARNING]),
        ("r = Gather(x, i) h = MatMul(x, r) s = ReduceSum(h) state2 = Add(state, s)", []),
        ("r = Gather(x, i) state2 = Add(state, r)", []),
    ],
)
def test_layers_in_loops(body: str, expected: list[Severity]) -> None:
    assert severities(loop_in_hot_path, LOOP.format(body=body)) == expected


SCAN = """n (float[2] s, float[4, 2] x) => (float[2] last, float[4, 2] all)
<float[2, 2] w = {{1, 2, 3, 4}}>
{{ last, all = Scan <num_scan_inputs = 1, body = step (float[2] before, float[2] row)
    => (float[2] after, float[2] out) {{ {body} }}> (s, x) }}"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("out = MatMul(row, w) after = Identity(before)", [WARNING]),
        ("h = MatMul(before, w) after = Add(h, row) out = Identity(after)", [INFO]),
        ("after = Add(before, row) out = Identity(after)", []),
    ],
)
def test_layers_in_scans(body: str, expected: list[Severity]) -> None:
    assert severities(loop_in_hot_path, SCAN.format(body=body)) == expected


@pytest.mark.parametrize(
    ("places", "expected"), [(("zero", "one"), [WARNING]), (("zero", "i"), [])]
)
def test_lists_that_are_split(places: tuple[str, str], expected: list[Severity]) -> None:
    text = f"""n (float[N, 4] x, int64 i) => (a, b) <int64 zero = {{0}}, int64 one = {{1}}>
    {{ s = SplitToSequence(x) a = SequenceAt(s, {places[0]}) b = SequenceAt(s, {places[1]}) }}"""
    assert severities(loop_in_hot_path, text) == expected


@pytest.mark.parametrize(
    ("body", "measured"),
    [
        ("u = Unique<axis = 0>(x) y = MatMul(u, w)", 1),
        ("h = MatMul(x, w) y = NonZero(h)", None),
        ("f = NonZero(w) s = Shape(f) r = Expand(x, s) y = MatMul(r, w)", None),
        ("f = NonZero(x) c = Cast<to = 1>(f) t = Transpose(c) y = MatMul(t, w)", 1),
        ("f = NonZero(x) c = Cast<to = 1>(f) t = Transpose(c) h = Gemm(t, w) y = Gemm(h, w)", 2),
        ("f = NonZero(x) c = Cast<to = 1>(f) s = ReduceSum(c) a = Add(x, s) y = Gemm(a, w)", None),
        ("f = NonZero(x) c = Cast<to = 1>(f) t = Transpose(c) y = MatMul(t, x)", None),
    ],
)  # fmt: skip
def test_layers_behind_a_search(body: str, measured: int | None) -> None:
    text = f"""n (float[N, 2] x) => (y) <float[2, 2] w = {{1, 2, 3, 4}}>
    {{ {body} }}"""
    found = findings(data_dependent_shape, text)
    assert [one.measured for one in found] == ([] if measured is None else [measured])


BRANCHES = """n (float[N, 3] x, bool b) => (y)
<int64 one = {{1}}, int64 zero = {{0}}, int64 five = {{5}},
 bool yes = {{1}}>
{{ {condition} y = If(c) < then_branch = t () => (float[N, 3] p) {{ p = Relu(x) }},
    else_branch = e () => (q) {{ {other} }} > }}"""
SAME, FLAT = "q = Tanh(x)", "q = ReduceSum<keepdims = 0>(x)"


@pytest.mark.parametrize(
    ("condition", "other", "expected"),
    [
        ("c = Identity(b)", SAME, []),
        ("c = Identity(b)", FLAT, [WARNING]),
        ("c = Identity(yes)", SAME, [INFO]),
        ("c = Identity(yes)", FLAT, [INFO]),
        ("s = Shape(x) g = Gather(s, one) c = Less(g, five)", SAME, [INFO]),
        ("s = Shape(x) g = Gather(s, zero) c = Less(g, five)", SAME, []),
        ("s = Shape(x) g = Gather(s, one) e = Less(g, five) c = Or(e, yes)", SAME, [INFO]),
        ("s = Shape(x) g = Gather(s, one) e = Less(g, five) c = And(e, b)", SAME, []),
        ("s = Shape<start = 1>(x) m = Mul(s, five) c = Equal(m, one)", SAME, [INFO]),
    ],
)  # fmt: skip
def test_branches(condition: str, other: str, expected: list[Severity]) -> None:
    text = BRANCHES.format(condition=condition, other=other)
    assert severities(dead_if_branch, text) == expected


def test_a_condition_that_a_caller_may_override() -> None:
    text = BRANCHES.format(condition="c = Identity(maybe)", other=SAME)
    assert severities(dead_if_branch, text.replace("bool b)", "bool b, bool maybe = {1})")) == []


@pytest.mark.parametrize("condition", ["Equal(one)", "Gather(one)", "And(word, yes)"])
def test_conditions_that_no_runtime_takes(condition: str) -> None:
    text = BRANCHES.format(condition=f"w = Shape(x) c = {condition}", other=SAME)
    text = text.replace("bool yes", 'string word = {"a"}, bool yes')
    assert findings(dead_if_branch, text) == ()


def test_branches_inside_a_dead_branch_are_not_told() -> None:
    inner = "q = If(b) < then_branch = a () => (p2) { p2 = Relu(x) }," \
            " else_branch = d () => (q2) { q2 = ReduceSum<keepdims = 0>(x) } >"  # fmt: skip
    text = BRANCHES.format(condition="c = Identity(yes)", other=inner)
    (found,) = findings(dead_if_branch, text)
    assert (found.severity, found.place.scope) == (INFO, "")
