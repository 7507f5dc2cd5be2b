"""RUN004 to RUN009: near misses, and what their docstrings do not show."""

from __future__ import annotations

import math
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution import run_budget
from onnxlint.analyses.execution.runtime_warnings import Journal
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.stability.behaviour import Behaviour, other_sizes
from onnxlint.analyses.stability.output_difference import compare
from onnxlint.analyses.static.output_heads import Head
from onnxlint.analyses.static.precision import Rounding
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import ModelReport
from onnxlint.rules.rule import Rule
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.run.batch_coupling import batch_coupling
from onnxlint_rules.run.declared_shape_violated import declared_shape_violated
from onnxlint_rules.run.dynamic_axis_broken import dynamic_axis_broken
from onnxlint_rules.run.nondeterministic import nondeterministic
from onnxlint_rules.run.optimisation_divergence import optimisation_divergence
from onnxlint_rules.run.session_failure import session_failure


def judged(rule: Rule, text: str, **settings: object) -> ModelReport:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=Settings(**settings))
    assert report.complete, report
    return report


def fed(tmp_path: Path, **arrays: object) -> Path:
    """The user's data as a file."""
    path = tmp_path / "data.npz"
    np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
    return path


def reason(report: ModelReport) -> str:
    assert {found.code for found in report.findings} <= {"LNT002"}  # what a limit left out
    return " ".join(report.not_applicable.values())


# Differences

VALUE = SimpleNamespace(name="y")
FLOAT = Rounding(None, 2.0**-23, quantised=False)
QUANTISED = Rounding(None, 2.0**-23, quantised=True)


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_nothing_differs_from_itself(numbers: list[float]) -> None:
    array = np.array(numbers, np.float32)
    head = Head(VALUE, "logits")
    found = compare(VALUE, array, array.copy(), head, FLOAT)
    assert (found.measured, found.flipped) == (0, 0)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20),
    st.floats(2**-20, 2**10, width=32),
)
def test_it_is_the_largest_distance_relative_to_the_peak(numbers: list[float], step: float) -> None:
    before = np.array(numbers, np.float64)
    after = before.copy()
    after[0] += step
    found = compare(VALUE, before, after, None, FLOAT)
    peak = max(abs(before).max(), 0.01)
    assert found.measured == pytest.approx(abs(after[0] - before[0]) / peak)
    assert found.exceeds(found.measured * 0.99)
    assert not found.exceeds(found.measured * 1.01)


@pytest.mark.parametrize("one", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_must_be_so_twice(one: float) -> None:
    before, after = np.array([1, one]), np.array([1, 2.0])
    assert compare(VALUE, before, after, None, FLOAT).measured == math.inf
    assert compare(VALUE, before, -before, None, FLOAT).measured == (
        2 if math.isnan(one) else math.inf
    )


def test_integers_are_decisions_and_steps_of_a_quantised_model_are_none() -> None:
    before, after = np.array([1, 2, 3, 4], np.uint8), np.array([1, 3, 3, 9], np.uint8)
    assert compare(VALUE, before, after, None, FLOAT).flipped == 2
    assert compare(VALUE, before, after, None, QUANTISED).flipped == 1
    texts = np.array(["a", "b"], object)
    assert compare(VALUE, texts, texts[::-1], None, FLOAT).measured == 1


def test_decisions_of_heads() -> None:
    before, after = np.array([[0.4, 0.6], [0.9, 0.1]]), np.array([[0.6, 0.4], [0.8, 0.1]])
    assert compare(VALUE, before, after, Head(VALUE, "softmax"), FLOAT).flipped == 1
    assert compare(VALUE, before, after, Head(VALUE, "sigmoid"), FLOAT).flipped == 1
    assert compare(VALUE, before, after, None, FLOAT).decisions == 0


@pytest.mark.parametrize(
    ("epsilon", "quantised", "allowance"),
    [(2.0**-52, False, 1e-4), (2.0**-23, False, 1), (2.0**-10, False, 2), (2.0**-7, False, 5),
     (2.0**-52, True, 5)],
)  # fmt: skip
def test_coarser_numbers_may_differ_more(epsilon: float, quantised: bool, allowance: float) -> None:
    rounding = Rounding(None, epsilon, quantised)
    array = np.ones(2)
    assert compare(VALUE, array, array, None, rounding).allowance == allowance


# Sizes


def sized(*slots: tuple[str, tuple[int | str, ...], tuple[int, ...]]) -> tuple[Sizes, dict]:
    feed = {name: np.arange(math.prod(shape)).reshape(shape) for name, _, shape in slots}
    return Sizes([Slot(name, "int64", dims) for name, dims, _ in slots], feed), feed


def test_a_feed_is_cut_and_repeated_and_what_follows_follows() -> None:
    sizes, feed = sized(
        ("x", ("batch", "past"), (2, 3)), ("m", ("batch", "past + 1"), (2, 4)), ("s", (), ())
    )
    assert sizes.others == ["past"]
    longer = sizes.resized(feed, {"past": 5})
    assert [longer[name].shape for name in ("x", "m", "s")] == [(2, 5), (2, 6), ()]
    np.testing.assert_array_equal(longer["x"][0], [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(sizes.resized(feed, {"past": 2})["x"], feed["x"][:, :2])


@pytest.mark.parametrize(
    ("slots", "doubtful"),
    [
        ([("x", ("batch", 3), (2, 3))], False),
        ([("x", ("N", 3), (2, 3)), ("rate", (), ())], False),
        ([("x", ("unk__1", 3), (2, 3)), ("h", (2, "unk__1", 8), (2, 2, 8))], False),
        ([("x", ("num_nodes", 3), (2, 3))], True),
        ([("x", ("N", 3), (2, 3)), ("edges", (2, "E"), (2, 5))], True),
        ([("samples", ("dim0",), (9,))], True),
    ],
)
def test_which_first_axes_are_a_batch(slots: list, doubtful: bool) -> None:
    sizes, _ = sized(*slots)
    assert sizes.batch is not None
    assert sizes.batch_is_doubtful is doubtful


@given(st.integers(1, 10_000))
def test_other_sizes_are_other_and_few(base: int) -> None:
    sizes = other_sizes(base)
    assert base not in sizes
    assert 1 <= len(sizes) <= 3
    assert min(sizes) > 0


# RUN004


def test_a_seed_holds_from_session_to_session_alone() -> None:
    text = """n (float[N, 4] x) => (float[N, 4] y)
    { noise = RandomNormalLike<seed = 3.0>(x) y = Add(x, noise) }"""
    (found,) = judged(nondeterministic, text).findings
    assert found.message.startswith("two runs with the same input differ by ")
    assert found.severity is Severity.WARNING
    assert "RandomNormalLike" in found.message


def test_noise_that_only_gives_a_size_is_none() -> None:
    text = """n (float[N, 4] x) => (int64[2] y) { noise = RandomNormalLike(x) y = Shape(noise) }"""
    assert not judged(nondeterministic, text).findings


# RUN005

SOFTMAX = """n (float[batch, 4] x) => (float[batch, 4] y)
<float[4, 4] w = {9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9}>
{ h = MatMul(x, w) y = Softmax<axis = 0>(h) }"""


def test_coupling_is_an_error_where_it_decides_on_the_users_data(tmp_path: Path) -> None:
    (found,) = judged(batch_coupling, SOFTMAX).findings
    assert found.severity is Severity.WARNING
    data = fed(tmp_path, x=np.array([[1, 2, 0, 0], [3, 2.5, 1, 0]], np.float32))
    (found,) = judged(batch_coupling, SOFTMAX, data=data).findings
    assert found.severity is Severity.ERROR
    assert "decisions change" in found.message
    assert found.measured > found.limit == 0.01


@pytest.mark.parametrize(
    "text",
    [
        # alone and together the same
        "n (float[batch, 4] x) => (float[batch, 4] y) { y = Softmax(x) }",
        # the sum over all is one number
        "n (float[batch, 4] x) => (float y) { y = ReduceSum<keepdims = 0>(x) }",
        # similarities of all pairs
        """n (float[batch, 4] x) => (float[batch, batch] y)
        { t = Transpose<perm = [1, 0]>(x) y = MatMul(x, t) }""",
        # as many rows as are not zero
        "n (float[batch, 4] x) => (int64[2, found] y) { y = NonZero(x) }",
        # a state that has its batch second
        """n (float[batch, 1, 2] x, float[1, batch, 3] h) => (float[1, batch, 3] y)
        <float[1, 3, 2] w = {1, 2, 3, 4, 5, 6}, float[1, 3, 3] r = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
        { t = Transpose<perm = [1, 0, 2]>(x) z, y = RNN<hidden_size = 3>(t, w, r, "", "", h) }""",
    ],
)
def test_no_coupling(text: str) -> None:
    report = judged(batch_coupling, text)
    assert not report.findings
    assert not report.not_applicable


@pytest.mark.parametrize(
    "text",
    [
        # time comes first
        """n (float[N, 1, 2] x) => (float[N, 1, 1, 3] y)
        <float[1, 3, 2] w = {1, 2, 3, 4, 5, 6}, float[1, 3, 3] r = {1, 2, 3, 4, 5, 6, 7, 8, 9}>
        { y = RNN<hidden_size = 3>(x, w, r) }""",
        # the nodes of one graph
        """n (float[N, 2] x, int64[E] rows) => (float[E, 2] y) { y = Gather(x, rows) }""",
        """n (float[points, 2] x) => (float[points, 2] y) { y = Softmax<axis = 0>(x) }""",
    ],
)
def test_parts_of_one_sample(text: str) -> None:
    assert "parts of one sample" in reason(judged(batch_coupling, text))


ALONE, TOGETHER = [1.0, 2.0], [1.1, 2.1]


@pytest.mark.parametrize(
    ("first_twice", "second_twice", "depends"),
    [
        ([1.1, 1.1], [2.1, 2.1], False),  # a larger batch rounds so, whoever is in it
        ([1.0, 1.0], [2.0, 2.0], True),
        ([1.1, 1.1], [2.0, 2.0], True),  # the second depends on the first
        ([1.1, 1.6], [1.6, 2.1], True),  # the place in the batch counts
    ],
)
def test_company_or_a_larger_batch(first_twice, second_twice, depends, monkeypatch) -> None:
    """What a model would give whose sums round so coarsely."""
    answers = [[number] for number in ALONE] + [TOGETHER, first_twice, second_twice]
    runs = iter(np.array(answer, np.float32)[:, None] for answer in answers)
    told = Behaviour._told
    monkeypatch.setattr(Behaviour, "_told", lambda *args: told(*args) | {"y": next(runs)})
    text = "n (float[batch, 1] x) => (float[batch, 1] y) { y = Neg(x) }"
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as model,
        closing(Worker(60.0)) as worker,
        closing(Analyses(Settings(samples=2), model, worker)) as analyses,
    ):
        again = analyses.get(Behaviour)
        (coupling,) = again.couplings
        assert coupling.exceeds(0.01)
        assert again.depends_on_company(coupling, 0.01) is depends


def test_one_sample_has_no_company(tmp_path: Path) -> None:
    data = fed(tmp_path, x=np.ones((1, 4), np.float32))
    assert "at least 2 samples are needed" in reason(judged(batch_coupling, SOFTMAX, data=data))


def test_a_scale_for_the_whole_batch_is_by_design() -> None:
    text = """n (float[batch, 4] x, float[batch, 1] size) => (float[batch, 4] y)
    <float[4] large = {1, 1000, 1, 1000}> {
        many = Mul(x, size) q, s, z = DynamicQuantizeLinear(many)
        n = DequantizeLinear(q, s, z) y = Div(n, size)
    }"""
    report = judged(batch_coupling, text)
    assert all(finding.severity is Severity.INFO for finding in report.findings)


DYNAMIC = """n (float[batch, 4] x) => (float[batch, 3] y) <float[4, 3] w = {1, 2, -1, 3, -1, 2,
1, 1, 0, 2, 1, 1}> {
    q, s, z = DynamicQuantizeLinear(x) d = DequantizeLinear(q, s, z)
    l = MatMul(d, w) y = Softmax<axis = 1>(l)
}"""


@pytest.mark.parametrize(
    ("loud", "severity"), [(1.0, None), (4.0, None), (3000.0, Severity.WARNING)]
)
def test_dynamic_quantisation_is_as_grave_as_its_effect(loud, severity, tmp_path) -> None:
    rows = np.random.default_rng(0).uniform(0.1, 1, (4, 4)).astype(np.float32)
    rows[2] *= loud
    report = judged(batch_coupling, DYNAMIC, data=fed(tmp_path, x=rows))
    assert [found.severity for found in report.findings] == ([severity] if severity else [])


def test_dynamic_quantisation_that_decides_nothing_is_an_info(tmp_path) -> None:
    text = DYNAMIC.replace("y = Softmax<axis = 1>(l)", "y = Identity(l)")
    rows = np.full((4, 4), 0.51, np.float32)
    rows[1, 0] = 16.0
    report = judged(batch_coupling, text, data=fed(tmp_path, x=rows))
    assert all(found.severity is Severity.INFO for found in report.findings)


def test_dynamic_quantisation_of_weights_and_tokens_of_one_scale(tmp_path) -> None:
    text = """n (int64[batch, 6] ids) => (float[batch, 6, 3] y)
    <float[3, 2] table = {1, 2, -1, 3, -2, 2}, float[2, 3] w = {1, 2, -1, 3, -1, 2}> {
        e = Gather(table, ids) h = Tanh(e) q, s, z = DynamicQuantizeLinear(h)
        d = DequantizeLinear(q, s, z) y = MatMul(d, w)
    }"""
    assert not judged(batch_coupling, text).findings


def test_random_outputs_are_not_blamed_on_the_batch() -> None:
    text = """n (float[batch, 4] x) => (float[batch, 4] y)
    { noise = RandomNormalLike(x) y = Add(x, noise) }"""
    assert not judged(batch_coupling, text).findings


# RUN006


def test_a_frozen_batch_is_an_error_that_names_the_node() -> None:
    text = """n (float[batch, 4] x) => (float[batch, 4] y)
    <int64[2] s = {3, 4}> { h = Relu(x) [frozen] y = Reshape(h, s) }"""
    (found,) = judged(dynamic_axis_broken, text).findings
    assert found.severity is Severity.ERROR
    assert found.place.node == "frozen"
    assert "works at 3 but fails at 1, 2" in found.message


def test_the_users_samples_are_repeated_to_other_batches(tmp_path: Path) -> None:
    text = """n (float[batch, 4] x) => (float[batch, 4] y)
    <int64[2] s = {5, 4}> { h = Relu(x) y = Reshape(h, s) }"""
    data = fed(tmp_path, x=np.ones((5, 4), np.float32))
    (found,) = judged(dynamic_axis_broken, text, data=data).findings
    assert "works at 5 but fails at 1, 2, 3" in found.message


def test_a_batch_of_one_that_loses_its_axis() -> None:
    text = "n (float[batch, 1, 8] x) => (float[batch, 8] y) { y = Squeeze(x) }"
    (found,) = judged(dynamic_axis_broken, text).findings
    assert "shape [8, 8] for 8 samples, [8] for 1" in found.message


def test_an_unsure_batch_is_a_warning() -> None:
    text = """n (float[rows, 4] x) => (float[rows, 4] y)
    <int64[2] s = {3, 4}> { h = Relu(x) y = Reshape(h, s) }"""
    (found,) = judged(dynamic_axis_broken, text).findings
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        # a skip connection: even sizes alone
        """n (float[1, 1, H, W] x) => (float[1, 2, H, W] y)
        <float[1, 1, 2, 2] w = {1, 1, 1, 1}> {
            small = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(x)
            large = ConvTranspose<strides = [2, 2]>(small, w)
            y = Concat<axis = 1>(x, large)
        }""",
        # a table of eight positions, from the first on
        """n (float[1, length, 2] x) => (float[1, length, 2] y)
        <float[8, 2] table = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
         int64 zero = {0}, int64 one = {1}, int64[1] axis = {0}> {
            shape = Shape(x) length = Gather(shape, one) rows = Range(zero, length, one)
            p = Gather(table, rows) y = Add(x, p)
        }""",
        # a square
        """n (float[1, side, other] x) => (float[1, side, side] y)
        { y = MatMul(x, x) }""",
        # two symbols of one size, beside the batch
        """n (float[batch, a] x, float[batch, b] z) => (float[batch, c] y) { y = Mul(x, z) }""",
        # two first axes of one size
        """n (float[N, 2] x, float[M, 2] z) => (float[K, 2] y) { y = Mul(x, z) }""",
        # rows of a table that is fed
        """n (float[N, 2] x, int64[E] rows) => (float[E, 2] y) { y = Gather(x, rows) }""",
    ],
)
def test_sizes_that_a_sound_model_refuses(text: str) -> None:
    assert not judged(dynamic_axis_broken, text).findings


def test_a_frozen_length_may_be_meant() -> None:
    text = """n (float[batch, length, 2] x) => (float[batch, length, 2] y)
    <float[4, 2] table = {1, 2, 3, 4, 5, 6, 7, 8}> { [positions] y = Add(x, table) }"""
    (found,) = judged(dynamic_axis_broken, text).findings
    assert found.severity is Severity.WARNING
    assert found.place.node == "positions"
    assert "'length' is declared dynamic, works at 4 but fails at" in found.message


@pytest.mark.skipif(sys.platform != "linux", reason="memory is capped where the platform can")
def test_a_size_for_which_our_limit_is_too_small_says_nothing() -> None:
    """A batch of 3 takes 16 GiB."""
    text = """net (float[N, 4] x) => (float[N, 4] y)
    <int64[1] three = {3}, int64[1] much = {4294967296}, int64[1] one = {1}, int64[1] first = {0},
     int64[1] next = {1}>
    {
        sizes = Shape(x) n = Slice(sizes, first, next) is = Equal(n, three)
        more = Where(is, much, one) all = ConstantOfShape(more)
        most = ReduceMax<keepdims = 0>(all) y = Add(x, most)
    }"""
    report = judged(dynamic_axis_broken, text, memory_limit=4 << 30)
    assert "ran out of the 4,096 MiB allowed" in reason(report)


def test_an_output_that_does_not_grow() -> None:
    text = """n (float[batch, 4] x) => (float[batch, 4] y)
    <int64[1] zero = {0}, int64[1] most = {2}, int64[1] axis = {0}>
    { h = Slice(x, zero, most, axis) y = Relu(h) }"""
    (found,) = judged(declared_shape_violated, text).findings
    assert "axis 0 has size 2 ('batch' is 8 elsewhere)" in found.message


# RUN007


def test_levels_agree_on_random_numbers_that_they_do_not_share() -> None:
    text = """n (float[N, 4] x) => (float[N, 4] y)
    <float ratio = {0.5}, bool training = {1}> { y = Dropout(x, ratio, training) }"""
    assert not judged(optimisation_divergence, text).findings


WRITTEN_ONLY = """<ir_version: 9, opset_import: ["" : 19]>
net (float16[N, 4] x, float16[N, 4] w) => (float16[N, 8] y)
<float16 s = {8478}, int8 z = {0}>  # 0.01
{
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    p = QuantizeLinear(w, s, z)
    e = DequantizeLinear(p, s, z)
    c = Concat<axis = 1>(d, e)
    r = QuantizeLinear(c, s, z)
    y = DequantizeLinear(r, s, z)
}"""
"""onnxruntime 1.32 fuses it into a QLinearConcat, which has float32 scales."""


def test_a_model_that_runs_only_as_written() -> None:
    (found,) = judged(optimisation_divergence, WRITTEN_ONLY).findings
    assert found.severity is Severity.ERROR
    assert "runs unoptimised but fails from optimisation level 'extended' on" in found.message
    assert not judged(session_failure, WRITTEN_ONLY).findings
    for rule in (nondeterministic, batch_coupling, dynamic_axis_broken):
        assert not reason(judged(rule, WRITTEN_ONLY))


def test_a_model_that_runs_only_when_optimised() -> None:
    path = Path(__file__).parent.parent / "fixtures" / "quantised" / "wrong_axis.onnx"
    (found,) = run_rule(optimisation_divergence, path).findings
    assert found.place.op_type == "DequantizeLinear"
    assert "only runs when optimised: the unoptimised model fails" in found.message


# RUN008


@pytest.mark.parametrize(
    ("output", "what"),
    [("float[N, 3]", None), ("float[M, K]", None),
     ("float[K, K]", "axis 1 has size 3 ('K' is 8 elsewhere)")],
)  # fmt: skip
def test_shapes_that_only_a_run_shows(output: str, what: str | None) -> None:
    text = f"""n (float[N, 3] x, int64[A] s) => ({output} y)
    <int64[2] shape = {{-1, 3}}> {{ z = Sub(s, s) n = ReduceSum<keepdims = 1>(z) o = Add(n, shape)
      y = Reshape(x, o) }}"""
    found = judged(declared_shape_violated, text).findings
    assert bool(found) is (what is not None)
    assert all(what in finding.message for finding in found)


def test_size_of_minus_1_is_free() -> None:
    text = "n (float[N, 3] x) => (float[N, 3] y) { y = Relu(x) }"
    model = f"{text}\n>>> model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = -1"
    assert not judged(declared_shape_violated, model).findings


def test_sizes_that_a_made_up_parameter_gives_are_not_judged(tmp_path: Path) -> None:
    text = "n (float[2] x, int64[2] pads) => (float[5] y) { y = Pad(x, pads) }"
    assert not judged(declared_shape_violated, text).findings
    data = fed(tmp_path, x=np.ones(2, np.float32), pads=np.array([1, 1]))
    (found,) = judged(declared_shape_violated, text, data=data).findings
    assert (found.measured, found.limit) == (4, 5)


# RUN009

LOG = """\x1b[0;93m2026-01-01 10:00:00.1 [W:onnxruntime:, graph.cc:1 Merge] shape of a1
 and more\x1b[m
\x1b[0;93m2026-01-01 10:00:00.2 [W:onnxruntime:, graph.cc:1 Merge] shape of a2
 and more\x1b[m
\x1b[1;31m2026-01-01 10:00:00.3 [E:onnxruntime:, x.cc:9 Run] an error\x1b[m
2026-01-01 10:00:00.3 [W:onnxruntime:Default, device_discovery.cc:9 Discovery] no card
2026-01-01 10:00:00.4 [W:onnxruntime:, g.cc:9 CleanUnusedInitializersAndNodeArgs] Removing 'w'.
2026-01-01 10:00:00.5 [W:onnxruntime:, k.cc:2 Kernel] slow at 0x7ffe12 today"""


def test_warnings_are_read_once_and_cleaned() -> None:
    text = "n (float[2] x) => (float[2] y) { y = Relu(x) }"
    with saved(Example.parse(text)) as path, open_model(str(path)) as model:
        entries = Journal(Graph(model), SimpleNamespace(log=LOG)).warnings
    assert [(entry.text, entry.times) for entry in entries] == [
        ("shape of a1 and more", 2),
        ("slow at today", 1),
    ]


# The budget


@pytest.mark.parametrize(
    "rule", [nondeterministic, batch_coupling, dynamic_axis_broken, optimisation_divergence]
)
def test_what_would_cost_too_much_is_left(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_budget, "FREE_OPERATIONS", 0.0)
    monkeypatch.setattr(run_budget, "TIMES", 0.0)
    report = judged(rule, SOFTMAX)
    (left,) = report.findings
    assert (left.code, left.severity) == ("LNT002", Severity.INFO)
    assert left.hint == "make all runs with --trace full"
    (question,) = left.evidence["questions"]
    (told,) = report.not_applicable.values()
    assert told.startswith(question)
    assert "operations are more than is left of the budget for further runs" in told


# First axes that no name calls a batch


FRAMES = """net (float[%s, 4%s] x) => (float[%s, 4%s] y) <float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0,
0, 0, 1, 0, 0, 0, 0, 1}, int64[2] half = {-1, 8}, int64[2] back = {-1, 4}, int64[2] two = {2, -1},
float[4, 4] four = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}> { %s }"""
PAIRS = "p = Reshape(x, half) y = Reshape(p, back)"  # an even number of frames


@pytest.mark.parametrize(
    ("symbol", "more", "body", "severities"),
    [
        ("input_dim_0", "", PAIRS, []),
        ("s77", "", PAIRS, []),
        ("batch", "", PAIRS, [Severity.ERROR]),
        ("input_dim_0", "", "y = MatMul(four, x)", [Severity.WARNING]),  # works at one size only
        ("N", "", "y = MatMul(four, x)", [Severity.ERROR]),
    ],
)
def test_an_unsure_first_axis_is_varied_like_any_other(symbol, more, body, severities, tmp_path):
    text = FRAMES % (symbol, more, symbol, more, body)
    data = fed(tmp_path, x=np.arange(16, dtype=np.float32).reshape(4, 4))
    report = judged(dynamic_axis_broken, text, data=data)
    assert [found.severity for found in report.findings] == severities


@pytest.mark.parametrize(
    ("symbol", "more", "severity"),
    [
        ("batch", "", Severity.ERROR),
        ("input_dim_0", "", Severity.INFO),  # frames by bands, points of a set
        ("input_dim_0", ", 2, 2", Severity.WARNING),
        ("x_dim_0", ", 2, 2", Severity.WARNING),
        ("x_dynamic_axes_1", ", 2, 2", Severity.WARNING),
        ("s6", ", 2, 2", Severity.WARNING),
        ("unk__314", ", 2, 2", Severity.WARNING),
        ("D", ", 2, 2", Severity.INFO),  # somebody's own name, and none for samples
        ("bs", ", 2, 2", Severity.ERROR),
        ("batch", ", 2, 2", Severity.ERROR),
    ],
)
def test_company_along_an_unsure_first_axis_is_no_error(symbol, more, severity, tmp_path):
    text = FRAMES % (symbol, more, symbol, more, "y = Softmax<axis = 0>(x)")
    shape = (4, 4, 2, 2) if more else (4, 4)
    data = fed(tmp_path, x=np.random.default_rng(0).normal(size=shape).astype(np.float32))
    (found,) = judged(batch_coupling, text, data=data).findings
    assert found.severity is severity
