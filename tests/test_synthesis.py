"""Synthesised inputs obey shape, dtype, table and contract, whatever an input is like."""

from __future__ import annotations

import numpy as np
import pytest
from click import unstyle
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution import run_budget
from onnxlint.analyses.execution.probed_session import Runner
from onnxlint.analyses.execution.worker import WorkerDied
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.report import ModelReport
from onnxlint.reporters.protocol import Outcome, Run, rendered
from onnxlint.reporters.text import Text
from onnxlint.rules.rule import Rule
from onnxlint.runtime.feeds.random_values import _ends, _uniform
from onnxlint.runtime.feeds.synthesis import Meaning, Slot, attempts
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.act.dead_relu import dead_relu
from onnxlint_rules.act.inf_origin import inf_origin
from onnxlint_rules.act.nan_origin import nan_origin
from onnxlint_rules.gra.unused_node import unused_node
from onnxlint_rules.run.execution_failure import execution_failure
from onnxlint_rules.run.no_valid_input import no_valid_input

NEAR_STEPS = [0, -0.0, 1e-9, -1e-9, 1e-45, -1e-45, 0.125, -0.125, 5, -5, 0.99999994, 3e5, -3e5]


def test_noise_is_mapped_by_its_fractional_part():
    drawn = np.random.default_rng(0).standard_normal(10_000, np.float32)
    noise = np.concatenate([drawn, np.array(NEAR_STEPS, np.float32)])
    assert _uniform(noise).tobytes() == (noise * 8 % 1).tobytes()


DIMS = st.lists(st.sampled_from(["batch", "T", "T + 1", 1, 2, 3]), max_size=4).map(tuple)
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
NUMBERS = st.floats(-1e4, 1e4) | st.sampled_from([-np.inf, np.inf, 0.0, 0.1, 1.0, 255.0])
RANGES = st.none() | st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] < ends[1])


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    meaning = draw(st.sampled_from([each for each in Meaning if each is not Meaning.GIVEN]))
    dtypes = {
        Meaning.NOISE: FLOATS, Meaning.POSITIVE: FLOATS, Meaning.PIXEL: ("int8", "uint8"),
        Meaning.TEXT: ("str",), Meaning.MASK: ("bool", *INTEGERS, *FLOATS),
    }.get(meaning, INTEGERS)  # fmt: skip
    return Slot("x", draw(st.sampled_from(dtypes)), draw(DIMS), meaning,
                draw(st.integers(1, 100)), draw(RANGES))  # fmt: skip


@settings(deadline=None)  # some sizes together make a feed of 100 MB
@given(st.lists(slots(), min_size=1, max_size=3), st.integers(1, 5), st.integers(0, 9))
def test_what_is_made_up_is_valid(made: list[Slot], samples: int, seed: int) -> None:
    named = [Slot(f"x{n}", *slot_fields(slot)) for n, slot in enumerate(made)]
    attempt = next(attempts(named, samples, seed))
    sizes, feeds = attempt.sizes, list(attempt.feeds)
    assert {"T", "T + 1"} - {*sizes} or sizes["T + 1"] == sizes["T"] + 1
    for slot in named:
        wanted = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in slot.dims)
        for feed in feeds:
            assert feed[slot.name].shape == wanted
        for feed in [*feeds, *(boundary.feed for boundary in attempt.limits)]:
            check(slot, feed[slot.name])


def slot_fields(slot: Slot) -> tuple[object, ...]:
    return slot.dtype, slot.dims, slot.meaning, slot.bound, slot.range


def check(slot: Slot, array: np.ndarray) -> None:
    assert array.ndim == len(slot.dims)
    assert array.dtype == (object if slot.dtype == "str" else slot.dtype)
    if slot.dtype == "str" or not array.size:
        return
    assert np.isfinite(array.astype(np.float64)).all()
    low, high = float(array.min()), float(array.max())
    if slot.meaning is Meaning.INDEX:
        assert low >= 0
        assert high < slot.bound
    if slot.meaning is Meaning.POSITIVE and slot.range is None:
        assert low > 0
    if slot.meaning is Meaning.MASK and slot.range is None:
        assert set(np.unique(array).tolist()) <= {0, 1}
        assert array.reshape(-1, array.shape[-1] if array.ndim else 1).any(axis=-1).all()
    is_bounded = slot.range is not None and slot.dtype != "bool"
    if is_bounded and slot.meaning is not Meaning.INDEX and has_numbers(slot):
        assert slot.range[0] <= low
        assert high <= slot.range[1]


def has_numbers(slot: Slot) -> bool:
    """Whether any number of the dtype lies in the range."""
    low, high = slot.range
    if slot.dtype in FLOATS:
        largest = float(np.finfo(slot.dtype).max)
        return low <= largest and high >= -largest and high - low > 1e-2 * max(1, abs(low))
    info = np.iinfo(slot.dtype)
    return np.floor(min(high, info.max)) >= np.ceil(max(low, info.min))


@pytest.fixture
def slots_of(write_model):
    def read(text: str, **contracts: InputContract) -> dict[str, Slot]:
        with open_model(str(write_model(text))) as model:
            analyses = Analyses(Settings(inputs=contracts), model)
            try:
                return {slot.name: slot for slot in analyses.get(Inputs).slots}
            finally:
                analyses.close()

    return read


@pytest.mark.parametrize(
    ("inputs", "nodes", "dims"),
    [
        ("float[N, ?] x", "y = MatMul(x, w)", ("N", 5)),
        ("float[?, ?] x", "y = Gemm<transB = 1>(x, w)", ("batch", 7)),
        ("float[N, ?, H, W] x", "y = Conv<group = 2>(x, k)", ("N", 6, "H", "W")),
        ("float[N, ?] x", "y = Relu(x)", ("N", "x[1]")),
        ("float[2, ?, 5] x", "y = Relu(x)", (2, "batch", 5)),
    ],
)
def test_sizes_that_a_weight_tells(inputs, nodes, dims, slots_of):
    text = f"""net ({inputs}) => (float[A, B] y)
    <float[5, 7] w = {{{", ".join("1" * 35)}}}, float[2, 3, 1, 1] k = {{1, 2, 3, 4, 5, 6}}>
    {{ {nodes} }}"""
    assert slots_of(text)["x"].dims == dims


@pytest.mark.parametrize(
    ("nodes", "meaning"),
    [
        ("one = Constant<value = float {1}>() y = Sub(one, x)", Meaning.MASK),
        ("two = Constant<value = float {2}>() y = Sub(two, x)", Meaning.NOISE),
        ("e = Constant<value = float {0.5}>() y = Pow(x, e)", Meaning.POSITIVE),
        ("e = Constant<value = float {2}>() y = Pow(x, e)", Meaning.NOISE),
        ("y = ReduceLogSum(x)", Meaning.POSITIVE),
        ("c = Clip(x) y = Sqrt(c)", Meaning.POSITIVE),
    ],
)
def test_meaning_of_numbers(nodes, meaning, slots_of):
    text = f"net (float[N, T] x) => (float[N, T] y) {{ {nodes} }}"
    assert slots_of(text)["x"].meaning is meaning
    declared = slots_of(text, x=InputContract(range=(-1, 1)))["x"]
    assert (declared.meaning, declared.range) == (Meaning.NOISE, (-1, 1))


@pytest.mark.parametrize(
    ("nodes", "meaning"),
    [
        ("y = ReduceSum(x)", Meaning.MASK),
        ("zero = Constant<value = int64 {0}>() y = Equal(x, zero)", Meaning.MASK),
        ("y = Neg(x)", Meaning.INDEX),
    ],
)
def test_masks_are_known_by_their_use(nodes, meaning, slots_of):
    text = f"net (int64[N, T] x) => (int64[N, T] y) {{ {nodes} }}"
    assert slots_of(text)["x"].meaning is meaning


def test_lengths_are_those_of_the_sequence():
    made = [Slot("wave", "float32", ("batch", "T"), is_signal=True),
            Slot("lengths", "int64", ("batch",), Meaning.LENGTH)]  # fmt: skip
    for attempt in attempts(made, 4, 0):
        for feed in attempt.feeds:
            assert feed["lengths"][0] == feed["wave"].shape[1]
            assert (feed["lengths"] >= feed["wave"].shape[1] // 2).all()


def test_what_is_compared_with_is_fed(slots_of):
    text = """net (int64 sr, float[N, T] input) => (bool a, float[N, T] y)
    { rate = Constant<value = int64 {16000}>() a = Equal(sr, rate) y = Relu(input) }"""
    assert slots_of(text)["sr"].bound == 16000


RESHAPES = [
    ("int64[2] p", "float[2, 6] y", "y = Reshape(x, p)", [2, 6]),
    ("int64[2] p", "float[6, 4] y", "y = Tile(x, p)", [2, 1]),
    ("float[2] p", "float[6, 8] y", "y = Resize(x, , p)", [2, 2]),
    ("int64[2] p", "float[6, 8] y", "y = Resize(x, , , p)", [6, 8]),
    ("int64[2] p", "float[3, 1] y, float[3, 3] z", "y, z = Split<axis = 1>(x, p)", [1, 3]),
    ("int64[2] p", "float[A, B, C, D] y", "y = Unsqueeze(x, p)", [0, 1]),
    ("int64 p", "float[3, 4] y", "y = CumSum(x, p)", 0),
]


@pytest.mark.parametrize(("parameter", "outputs", "node", "numbers"), RESHAPES)
def test_parameters_are_read_off_the_shapes(parameter, outputs, node, numbers, slots_of):
    text = f"net (float[3, 4] x, {parameter}) => ({outputs}) {{ {node} }}"
    made = list(slots_of(text).values())
    (feed, *_) = next(attempts(made, 1, 0)).feeds
    assert feed["p"].tolist() == numbers


UNGUARDED = """net (float[N, 4] x) => (float[N, 4] y) <int64[1] last = {1}>
{ square = Mul(x, x) sum = ReduceSum(square, last) size = Sqrt(sum) y = Div(x, size) }"""


OPSET_17 = '<ir_version: 8, opset_import: ["" : 17]> '
"""Where most reductions have their axes as an attribute."""


def full(*reports: ModelReport) -> str:
    return rendered(Text(Run()), reports, Outcome())


def reported(rule: Rule, text: str, **settings: object) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=Settings(**settings))
    assert report.complete, report
    return report.findings


def test_a_norm_of_zero_is_a_warning(tmp_path, monkeypatch):
    (found,) = reported(nan_origin, UNGUARDED)
    assert (found.severity, found.place.op_type) == (Severity.WARNING, "Div")
    assert "only for synthetic boundary samples: an all-zero sample" in found.message
    assert found.synthetic
    guarded = UNGUARDED.replace("size = Sqrt", "size = Exp")
    assert not reported(nan_origin, guarded)
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    assert not reported(nan_origin, UNGUARDED, data=tmp_path / "x.npy")
    monkeypatch.setattr(run_budget, "FREE_OPERATIONS", 0)
    monkeypatch.setattr(run_budget, "TIMES", 0)
    assert [found.code for found in reported(nan_origin, UNGUARDED)] == ["LNT002"]


def test_numbers_at_the_limits_overflow():
    text = """net (float[N, 4] x) => (float[N, 4] y) <float steep = {25}>
    { s = Mul(x, steep) e = Exp(s) y = Mul(e, x) }"""
    (found,) = reported(inf_origin, text)
    assert (found.severity, found.place.op_type) == (Severity.INFO, "Exp")


def test_limits_are_no_part_of_the_trace():
    text = """net (float[N, 4] x) => (float[N, 4] y) <float low = {-3.9}>
    { under = Less(x, low) a = Cast<to = 1>(under) y = Relu(a) }"""
    (found,) = reported(dead_relu, text)
    assert found.measured == 1.0


OF_SAMPLES = "net (float[N, 2, 8, 8] x) => (float[N, 2, 8, 8] y)"

FLAT = {
    "flat picture": (
        f"""{OF_SAMPLES}
        {{ m = ReduceMean<axes = [2, 3]>(x) a = Sub(x, m) v = ReduceSumSquare<axes = [2, 3]>(a)
        d = Sqrt(v) y = Div(a, d) }}""",
        "Div", "an all-zero sample",
    ),
    "range of a sample": (
        f"""{OF_SAMPLES} {{ l = ReduceMin<axes = [1, 2, 3]>(x) h = ReduceMax<axes = [1, 2, 3]>(x)
        r = Sub(h, l) a = Sub(x, l) y = Div(a, r) }}""",
        "Div", "an all-zero sample",
    ),
    "constant, where zero is taken care of": (
        f"""{OF_SAMPLES} <float none = {{0}}, float one = {{1}}>
        {{ h = ReduceMax<axes = [1, 2, 3]>(x) l = ReduceMin<axes = [1, 2, 3]>(x) z = Equal(h, none)
        r0 = Sub(h, l) r = Where(z, one, r0) a = Sub(x, l) y = Div(a, r) }}""",
        "Div", "a constant sample",
    ),
    "own normalisation": (
        f"{OF_SAMPLES} {{ y = MeanVarianceNormalization<axes = [1, 2, 3]>(x) }}",
        "MeanVarianceNormalization", "an all-zero sample",
    ),
    "padding alone": (
        """net (int64[N, T] ids) => (float[N, 3] y)
        <float[4, 3] e = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, int64 none = {0},
        int64[1] t = {1}, int64[1] l = {2}>
        { p = Equal(ids, none) k = Not(p) m = Cast<to = 1>(k) m1 = Unsqueeze(m, l)
        h = Gather(e, ids) a = Mul(h, m1) s = ReduceSum<keepdims = 0>(a, t)
        c = ReduceSum(m, t) y = Div(s, c) }""",
        "Div", "an all-zero sample",
    ),
    "decided on NaN": (
        """net (float[N, 8] x) => (int64[N, 1] y)
        { n = ReduceL1<axes = [1]>(x) p = Div(x, n) y = ArgMax<axis = 1>(p) }""",
        "Div", "an all-zero sample",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FLAT)
def test_what_flat_samples_do_is_named_with_its_node(name):
    text, op, told = FLAT[name]
    (found,) = reported(nan_origin, OPSET_17 + text)
    assert (found.severity, found.place.op_type) == (Severity.WARNING, op)
    assert found.message.endswith(f"only for synthetic boundary samples: {told}")


def test_a_scalar_beside_a_flat_sample():
    text = f"""{OPSET_17} net (float[N, 4] x, float gain) => (float[N, 4] y)
    {{ n = ReduceL1<axes = [1]>(x) d = Div(x, n) y = Mul(d, gain) }}"""
    (found,) = reported(nan_origin, text)
    assert (found.severity, found.place.op_type) == (Severity.WARNING, "Div")


GUARDED = [
    "e = Max(n, little) y = Div(x, e)",
    "e = Add(n, little) y = Div(x, e)",
    "e = Clip(n, little) y = Div(x, e)",
    "z = Equal(n, none) e = Where(z, little, n) y = Div(x, e)",
    "z = Equal(n, none) d = Div(x, n) y = Where(z, none, d)",
    "d = Div(x, n) b = IsNaN(d) y = Where(b, none, d)",
]


@pytest.mark.parametrize("nodes", GUARDED)
def test_guarded_divisions_are_no_warning(nodes):
    text = f"""{OPSET_17} net (float[N, 4] x) => (float[N, 4] y)
    <float little = {{1e-6}}, float none = {{0}}>
    {{ n = ReduceL1<axes = [1]>(x) {nodes} }}"""
    for rule in (nan_origin, inf_origin, execution_failure):
        assert all(found.severity is Severity.INFO for found in reported(rule, text))


@pytest.mark.parametrize(
    "text",
    [
        "net (float[N, 4] x, float[N, 4] scale) => (float[N, 4] y) { y = Div(x, scale) }",
        "net (float[N, 4] x) => (float[N, 4] y) { y = Log(x) }",
        """net (int64[N, T] ids, int64[N, T] attention_mask) => (float[N, 1] y)
        <float[4, 1] e = {1, 2, 3, 4}, int64[1] t = {1}, int64[1] l = {2}>
        { h = Gather(e, ids) m = Cast<to = 1>(attention_mask) m1 = Unsqueeze(m, l) a = Mul(h, m1)
        s = ReduceSum<keepdims = 0>(a, t) c = ReduceSum(m, t) y = Div(s, c) }""",
        """net (float[N, 4] x, int64[N, 4] near) => (float[N, 4] y)
        { f = Cast<to = 1>(near) y = Div(x, f) }""",
    ],
)
def test_zero_where_the_graph_rules_it_out_is_not_tried(text):
    for rule in (nan_origin, inf_origin):
        assert all(found.severity is Severity.INFO for found in reported(rule, text))


def test_an_infinity_that_a_zero_sample_makes_is_told_once():
    text = f"""{OPSET_17} net (float[N, 4] x) => (float[N, 4] y)
    {{ n = ReduceL1<axes = [1]>(x) r = Reciprocal(n) y = Mul(x, r) }}"""
    assert not reported(nan_origin, text)
    (found,) = reported(inf_origin, text)
    assert (found.severity, found.place.op_type) == (Severity.WARNING, "Reciprocal")


def test_one_step_that_a_free_axis_allows_is_tried():
    text = """net (float[1, steps, 4] x) => (float[1, 1, 4] y)
    <float one = {1}, int64 second = {1}>
    { m = ReduceMean<axes = [1]>(x) a = Sub(x, m) s = ReduceSumSquare<axes = [1]>(a)
    h = Shape(x) t = Gather(h, second) c = Cast<to = 1>(t) c1 = Sub(c, one) y = Div(s, c1) }"""
    text = OPSET_17 + text
    (found,) = reported(nan_origin, text)
    assert found.severity is Severity.WARNING
    assert "boundary samples: a sequence of one step ('steps' = 1)" in found.message
    assert not reported(nan_origin, text.replace("c1 = Sub", "c1 = Max"))


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (
            """net (float[1, steps, 4] x, int64 span) => (int64 y)
            <int64 second = {1}, int64 one = {1}>
            { h = Shape(x) t = Gather(h, second) g = Sub(t, one) y = Div(span, g) }""",
            Severity.WARNING,
        ),
        (
            """net (float[1, steps, 4] x) => (float[A, B] y) <float[4, 4] w = {1, 2, 3, 4, 5, 6,
            7, 8, 9, 1, 2, 3, 4, 5, 6, 7}, int64 second = {1}>
            { s = Squeeze(x) r = Gather<axis = 1>(s, second) z = Relu(s) y = MatMul(z, w) }""",
            Severity.WARNING,
        ),
        (
            """net (float[1, 2, steps] x) => (float[1, 1, fewer] y)
            <float[1, 2, 3] w = {1, 2, 3, 4, 5, 6}> { y = Conv(x, w) }""",
            Severity.INFO,
        ),
        (
            """net (int64 first, int64 steps) => (int64[n] y) <int64 one = {1}, int64 none = {0}>
            { g = Sub(steps, one) d = Div(first, g) r = Range(none, steps, one) y = Mul(r, d) }""",
            Severity.WARNING,
        ),
    ],
)
def test_what_fails_on_one_step_alone(text, severity):
    (found,) = reported(execution_failure, text)
    assert found.severity is severity
    assert "one step ('steps' = 1)" in found.message


def test_a_crash_on_one_step_is_told(monkeypatch):
    asked = Runner.are_finite

    def crashing(self: Runner, feeds: list[dict[str, np.ndarray]]) -> list[bool]:
        if any(feed["x"].shape[1] == 1 for feed in feeds):
            raise WorkerDied("running the model crashed the process (SIGFPE)")
        return asked(self, feeds)

    monkeypatch.setattr(Runner, "are_finite", crashing)
    (found,) = reported(execution_failure, "net (float[1, steps, 4] x) => (float[1, steps, 4] y) "
                                           "{ y = Relu(x) }")  # fmt: skip
    assert found.severity is Severity.WARNING
    assert found.message.endswith("running the model crashed the process (SIGFPE)")


def test_one_step_may_be_usual():
    text = f"""{OPSET_17} net (float[N, steps, 4] x) => (float[N, steps, 4] y)
    {{ m = ReduceMean<axes = [1]>(x) y = Sub(x, m) }}"""
    for rule in (nan_origin, inf_origin, execution_failure):
        assert not reported(rule, text)


def test_what_fails_on_zeros_alone_is_a_warning():
    text = """net (float[1, 3] x) => (int64[2] y) <int64 first = {0}>
    { at = NonZero(x) y = Gather<axis = 1>(at, first) }"""
    (found,) = reported(execution_failure, text)
    assert found.severity is Severity.WARNING
    assert "boundary samples: an all-zero sample (x float32[1, 3]): " in found.message


def test_no_valid_input_names_the_command():
    text = "net (float[N, T] x, int64[2] p) => (float[A, B] y) { y = Reshape(x, p) }"
    (found,) = reported(no_valid_input, text)
    assert "model.onnx --data samples.npz" in found.hint


def test_that_nothing_was_run_is_said_first():
    text = "net (float[N, T] x, int64[2] p) => (float[A, B] y) { y = Reshape(x, p) }"
    with saved(Example.parse(text)) as path:
        unfed = run_rule(no_valid_input, path)
        static = run_rule(unused_node, path)
    fed = replace(unfed, path="fed.onnx", not_executed=None, samples=8, data="synthetic inputs")
    summary = unstyle(full(unfed)).splitlines()[-1]
    assert summary.startswith("model not executed (no valid synthetic input)")
    assert summary.count("not executed") == 1
    summary = unstyle(full(unfed, fed)).splitlines()[-1]
    assert summary.startswith("1 of 2 models not executed; 0 errors")
    assert static.not_executed is None  # nothing was to run
    assert "ran, model not executed" in unstyle(full(static)).splitlines()[-1]


def test_feeds_are_the_same_each_time_and_few_are_kept(monkeypatch):
    monkeypatch.setattr("onnxlint.runtime.feeds.lazy_feeds.KEPT_FEEDS_BYTES", 3 * 8 * 4)
    feeds = next(attempts([Slot("x", "float32", (1, 8))], 5, 0)).feeds
    arrays = [feed["x"] for feed in feeds]
    assert len(feeds) == len(arrays) == 5
    assert [feed["x"] is array for feed, array in zip(feeds, arrays, strict=True)] == [
        True, True, True, False, False,
    ]  # fmt: skip
    np.testing.assert_array_equal([feed["x"] for feed in feeds[1:]], arrays[1:])
    assert len({array.tobytes() for array in arrays}) == 5
    with pytest.raises(IndexError):
        feeds[5]


def test_indices_beside_content_stay_as_they_are():
    """An all-zero sample of a graph would else have all its nodes in one part."""
    text = """net (float[nodes, 3] x, int64[nodes] batch, float[graphs] slots) => (float[graphs] y)
    <int64[1] last = {1}> { most = ReduceMax<keepdims = 0>(x, last) same = Sub(most, most)
      one = Exp(same) zero = Sub(slots, slots)
      count = ScatterElements<axis = 0, reduction = "add">(zero, batch, one) y = Log(count) }"""
    assert not [found for found in reported(inf_origin, text) if found.severity != "info"]
    text = """net (int64[N, 4] x) => (float[N] y)
    <float[9] table = {0, 1, 2, 3, 4, 5, 6, 7, 8}, int64[1] last = {1}>
    { h = Gather(table, x) most = ReduceMax<keepdims = 0>(h, last) y = Reciprocal(most) }"""
    assert (
        "only for synthetic boundary samples: an all-zero sample"
        in reported(inf_origin, text)[0].message
    )


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (5,), (2, 3, 5)])
@pytest.mark.parametrize("ends", [(-1.0, 2.0), (0.0, np.inf), (-np.inf, 3.0)])
def test_the_ends_of_a_range_take_turns(shape, ends):
    finite = [end for end in ends if np.isfinite(end)]
    made = _ends(ends, shape)
    assert made.dtype == np.float64
    np.testing.assert_array_equal(made, np.resize(np.array(finite), shape), strict=True)
