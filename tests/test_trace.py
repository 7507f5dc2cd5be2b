"""What is watched inside a model, and how it comes back: quantised, empty, sample by sample."""

from __future__ import annotations

from contextlib import closing
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from onnx import ModelProto

from onnxlint import Activations, Graph, Settings, Shapes, Trace
from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probes import chosen
from onnxlint.analyses.execution.worker import Worker, Workers
from onnxlint.model.file.load import open_model
from onnxlint.runtime import COMPILED
from onnxlint.runtime.statistics.measure import merge


@pytest.fixture(scope="module")
def workers():
    with closing(Workers()) as workers:
        yield workers


@pytest.fixture
def analysed(write_model, workers):
    """The analyses of a model in text, which runs on synthesised samples or on given ones."""
    opened = []

    def read(text: str, **settings) -> Analyses:
        model = open_model(str(write_model(text)))
        analyses = Analyses(Settings(**settings), model.__enter__())
        analyses.give(workers.with_limits(60.0, None))
        opened.append((model, analyses))
        return analyses

    yield read
    for model, analyses in opened:
        analyses.close()
        model.__exit__(None, None, None)


def value(analyses: Analyses, name: str):
    return analyses.get(Graph).main.values[name]


QDQ = """net (float[N, 4] x) => (float[N, 4] y)
<float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, float s = {0.01}, int8 z = {5}>
{
    h = MatMul(x, w)
    q = QuantizeLinear(h, s, z)
    d = DequantizeLinear(q, s, z)
    r = Relu(d)
    y = Add(r, d)
}"""


def test_quantised_values_are_seen_by_what_they_stand_for(analysed):
    analyses = analysed(QDQ)
    trace = analyses.get(Trace)
    for name in ("h", "q", "d"):
        seen = trace.of(value(analyses, name)).statistics
        assert seen.minimum >= (-128 - 5) * 0.01 - 1e-6
        assert seen.maximum <= (127 - 5) * 0.01 + 1e-6
        assert seen.at_highest + seen.at_lowest > 0
    assert [seen.value.name for seen in trace.values()] == ["h", "h", "r", "y"]


def test_a_quantised_model_is_watched_where_its_kernels_end(analysed):
    analyses = analysed(QDQ)
    graph, shapes = analyses.get(Graph), analyses.get(Shapes)
    assert [watch.name for watch in chosen(graph, shapes)] == ["q", "y"]
    every = {watch.name for watch in chosen(graph, shapes, every=True)}
    assert every == {"h", "q", "d", "r", "y"}


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ("s = Slice(x, nine, ten, one) y = Relu(s)", ["s", "y"]),
        ("z = Mul(x, zero) i = NonZero(z) g = Cast<to = 1>(i) y = Relu(g)", ["i", "y"]),
        ("s = Slice(x, one, ten, one) y = Relu(s)", []),
    ],
)
def test_what_is_empty_in_every_run(analysed, body, empty):
    text = f"""net (float[N, 4] x) => (float[A, B] y) <int64[1] one = {{1}}, int64[1] nine = {{9}},
    int64[1] ten = {{10}}, float zero = {{0}}> {{ {body} }}"""
    analyses = analysed(text)
    trace = analyses.get(Trace)
    assert [found.value.name for found in trace.empty()] == empty
    assert all(trace.of(value(analyses, name)) is None for name in empty)


def test_samples_are_told_apart_whether_they_run_together_or_alone(analysed):
    for batch, rows in (("N", 8), ("1", 8), ("4", 8)):
        analyses = analysed(
            f"net (float[{batch}, 4] x) => (float[{batch}, 4] y) {{ h = Exp(x) y = Neg(h) }}"
        )
        trace = analyses.get(Trace)
        seen, fed = trace.of(value(analyses, "y")), trace.of(value(analyses, "x"))
        assert seen.samples.shape == (rows, 5)
        np.testing.assert_allclose(-np.exp(fed.samples[:, 1:]), seen.samples[:, 1:], rtol=1e-4)


def test_time_steps_are_not_taken_for_samples(analysed):
    text = """net (float[batch, time, 3] x) => (float[time, batch, 3] y)
    { y = Transpose<perm = [1, 0, 2]>(x) }"""
    analyses = analysed(text)
    assert analyses.get(Trace).of(value(analyses, "y")).samples is None


def test_inputs_are_seen_as_they_were_fed(analysed, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.full((5, 4), 3, np.float32))
    text = "net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }"
    analyses = analysed(text, data=tmp_path / "data.npz")
    assert analyses.get(Activations).input_rms == 3
    assert analyses.get(Trace).of(value(analyses, "x")).spread == 0
    assert not analyses.get(Activations).varies(value(analyses, "y"))


@pytest.mark.parametrize(
    ("body", "varies"),
    [
        ("h = Exp(x) y = Neg(h)", True),
        ("b = Greater(x, low) h = Cast<to = 1>(b) y = Neg(h)", False),
        ("s = Shape(x) h = ConstantOfShape(s) y = Neg(h)", False),
        ("h = Mul(x, zero) y = Neg(h)", False),
        ("h = CastLike(zero, x) y = Neg(h)", False),
        ("h = Sub(x, x) y = Neg(h)", False),
        ("i = Cast<to = 7>(x) h = Cast<to = 1>(i) y = Neg(h)", False),
        ("i = Cast<to = 10>(x) h = Cast<to = 1>(i) y = Neg(h)", True),
    ],
)
def test_what_varies_with_the_samples(analysed, body, varies):
    text = f"""net (float[N, 4] x) => (float[N, 4] y) <float zero = {{0}}, float low = {{-9}}>
    {{ {body} }}"""
    analyses = analysed(text)
    assert analyses.get(Activations).varies(value(analyses, "y")) is varies


@pytest.mark.parametrize(
    ("body", "masked"),
    [
        ("y = Where(keep, x, low)", True),
        ("m = Cast<to = 1>(keep) i = Sub(one, m) a = Mul(i, low) y = Add(x, a)", True),
        ("s = Shape(x) a = Expand(low, s) t = Add(x, a) y = Neg(t)", True),
        ("s = Shape(x) a = ConstantOfShape<value = float[1] {-1e9}>(s) y = Add(x, a)", True),
        ("m = Where(keep, x, low) y = Softmax(m)", False),
        ("y = Clip(x, low)", False),
        ("y = Max(x, low)", False),
        ("y = Mul(x, one)", False),
    ],
)
def test_masks_are_known_by_their_large_negative_numbers(analysed, body, masked):
    text = f"""net (float[N, 4] x) => (float[N, 4] y)
    <bool[4] keep = {{1, 1, 1, 0}}, float low = {{-10000}}, float one = {{1}}> {{ {body} }}"""
    analyses = analysed(text)
    assert analyses.get(Activations).is_masked(value(analyses, "y")) is masked


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("a = MatMul(x, w) b = Relu(a) c = MatMul(b, w) y = Softmax(c)", ["b"]),
        ("a = MatMul(x, w) t = Transpose(a) r = Exp(t) y = Transpose(r)", ["a"]),
        ("a = MatMul(x, w) s = Add(a, x) b = Relu(s) y = MatMul(b, w)", ["b", "y"]),
        ("a = MatMul(x, w) s = Where(keep, a, low) b = Relu(s) y = Neg(b)", ["a"]),
    ],
)
def test_what_layers_give(analysed, body, names):
    text = f"""net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {{1, 2, 3, 4}}, bool[2] keep = {{1, 0}}, float low = {{-10000}}>
    {{ {body} }}"""
    activations = analysed(text).get(Activations)
    assert [seen.value.name for seen in activations.of_layers()] == names


DEEP = """net (float[N, 64] x) => (float[N, 64] y)
{ a = Sigmoid(x) b = Exp(a) c = Sigmoid(b) y = Exp(c) }"""


def requests(analyses: Analyses, monkeypatch) -> list[list[str]]:
    """What is watched in each run that the worker is asked for from now on."""
    seen = []
    together = Worker.run_together
    monkeypatch.setattr(
        Worker, "run_together", lambda self, requests, **how:
        seen.extend([w.name for w in request.watched] for request in requests)
        or together(self, requests, **how),
    )  # fmt: skip
    return seen


@pytest.mark.parametrize(
    "text",
    [
        """net (float[N, 4] x) => (float[N, 4] y) <int64 zero = {0}>
        { a = Sigmoid(x) s = SequenceConstruct(a, x) b = SequenceAt(s, zero) y = Exp(b) }""",
        """net (float[N, 4] x) => (float[M] y)
        { i = NonZero(x) r = Transpose(i) a = GatherND(x, r) b = Exp(a) c = Exp(b) y = Exp(c) }""",
        """net (float[2, 3] x) => (float[] y)
        { s = Shape(x) f = Cast<to = 1>(s) r = Sqrt(f) t = ReduceSum<keepdims = 0>(x)
          m = ReduceSum<keepdims = 0>(r) y = Mul(t, m) }""",
        """net (string[N] x) => (string[K] y, float[K] n) { y, i, j, k = Unique(x)
        n = Cast<to = 1>(k) }""",
        "net (double[N, 3] x) => (float16[N, 3] y) { a = Exp(x) b = Cast<to = 10>(a) y = Neg(b) }",
    ],
)
@pytest.mark.parametrize("closely", [True, False])
def test_taps_show_what_fetching_gives(text, closely, analysed, monkeypatch):
    def seen() -> tuple[Any, Any]:
        analyses = analysed(text, samples=3, full_trace=closely)
        execution = analyses.get(Execution)
        assert execution.failure is None
        return (
            [(ran.types, ran.is_finite, [*ran.outputs]) for ran in execution.runs],
            {name: msgspec.to_builtins(found, enc_hook=repr)
             for name, found in (execution.statistics | execution.inner).items()},
        )  # fmt: skip

    shown = seen()
    monkeypatch.setattr("onnxlint.analyses.execution.probed_session.can_tap", lambda model: False)
    assert shown == seen()


def test_what_is_watched_is_no_output(analysed, monkeypatch):
    """An output of the graph stays in memory until the run ends."""
    kept = []
    load = Worker.load
    monkeypatch.setattr(
        Worker, "load", lambda self, model, *args, **how:
        kept.append([o.name for o in ModelProto.FromString(model).graph.output])
        or load(self, model, *args, **how),
    )  # fmt: skip
    analysed("net (float[N, 4] x) => (float[N, 4] y) { a = Sigmoid(x) y = Exp(a) }").get(Trace)
    assert {*map(tuple, kept)} == ({("y",)} if Path(COMPILED).exists() else {("y", "a"), ("y",)})


CHAIN = """net (float[%s, 4] x) => (float[A, 4] y) <float[4] w = {1, 2, 3, 4}>
{ m = Neg(x) a = Mul(m, w) b = Add(a, x) c = Relu(b) t = Identity(c) y = Exp(t) }"""


@pytest.mark.parametrize(
    ("batch", "limit", "runs", "samples"),
    [
        ("N", 32, 1, 8),
        ("N", 31, 1, 2),  # of the 8 that ran together
        ("1", 31, 2, 2),
        ("4", 31, 1, 4),  # no fewer can be run
        ("1", 32, 8, 8),
    ],
)
def test_some_samples_show_what_fused_kernels_hide(
    batch, limit, runs, samples, analysed, monkeypatch
):
    """Watched are two values of four floats."""
    monkeypatch.setattr("onnxlint.analyses.execution.execution.INNER_BYTES", limit)
    analyses = analysed(CHAIN % batch)
    seen = requests(analyses, monkeypatch)
    trace = analyses.get(Trace)
    assert seen[-runs:] == [["a"]] * runs
    assert seen[-runs - 1] == ["c", "y"]
    observed = trace.of(value(analyses, "a"))
    assert observed.of_samples == samples
    assert observed.statistics.elements == 4 * samples
    assert trace.of(value(analyses, "y")).of_samples == 8
    assert all(trace.of(value(analyses, name)) is None for name in "mbt")  # as a and c are


CUT = """net (float[N, 4] x) => (float[N, 4] y) <float s = {0.01}, int8 z = {5}, float far = {%s}>
{ h = Mul(x, far) %s q = QuantizeLinear(g, s, z) d = DequantizeLinear(q, s, z) y = Neg(d) }"""


def test_what_a_quantiser_cuts_off_is_seen_before_it(analysed):
    analyses = analysed(CUT % ("1e12", "g = Abs(h)"))
    trace = analyses.get(Trace)
    assert trace.of(value(analyses, "g")).peak < 2  # what the integers can stand for
    assert max(seen.peak for seen in trace.values() if seen.value.name == "g") > 1e11
    assert len(list(trace.values())) == len({id(seen.statistics) for seen in trace.values()})


def test_what_is_quantised_dynamically_is_seen_before_it(analysed):
    text = """net (float[N, 4] x) => (float[N, 4] y) <float far = {1e12}>
    { h = Mul(x, far) g = Abs(h) q, s, z = DynamicQuantizeLinear(g)
      y = DequantizeLinear(q, s, z) }"""
    analyses = analysed(text)
    assert analyses.get(Trace).of(value(analyses, "g")).peak > 1e11


def test_nan_before_a_quantiser_has_its_origin(analysed):
    trace = analysed(CUT % ("1", "g = Log(h)")).get(Trace)
    assert [found.node.op for found in trace.origins(lambda seen: seen.nan)] == ["Log"]


def test_a_full_trace_runs_nothing_again(analysed, monkeypatch):
    analyses = analysed((CHAIN % "N").replace("[A, 4]", "[N, 4]"), full_trace=True)
    seen = requests(analyses, monkeypatch)
    trace = analyses.get(Trace)
    assert seen == [["m", "a", "b", "c", "t", "y"]]
    assert {observed.of_samples for observed in trace.values()} == {8}


def test_nan_that_a_fused_kernel_hides_is_looked_at_closely(analysed):
    text = """net (float[N, 4] x) => (float[N, 4] y) <float far = {-9}, float none = {0}>
    { a = Add(x, far) b = Sqrt(a) c = Mul(b, none) n = IsNaN(c) y = Where(n, none, c) }"""
    analyses = analysed(text)
    trace = analyses.get(Trace)
    assert [found.node.op for found in trace.origins(lambda seen: seen.nan)] == ["Sqrt"]


def test_what_adds_up_in_the_worker_is_what_the_runs_give_alone(analysed):
    analyses = analysed(DEEP, samples=3)
    execution = analyses.get(Trace).execution
    runner, attempt = execution.runner, execution.attempt
    runner.open()
    feeds = [{"x": np.full((2, 64), number, np.float32)} for number in (0.5, 1, 2)]
    alone = [runner.run(feed, 2).statistics["b"] for feed in feeds]
    _, together = runner.run_all(replace(attempt, feeds=feeds, samples_per_run=2))
    merged = reduce(merge, alone)
    for name in merged.__struct_fields__:
        np.testing.assert_array_equal(getattr(together["b"], name), getattr(merged, name))
    _, again = runner.run_all(replace(attempt, feeds=feeds[:1], samples_per_run=2))
    assert again["b"].elements == alone[0].elements


def test_a_value_is_empty_only_if_every_run_leaves_it_so(analysed, tmp_path):
    text = """net (float[N] x) => (float[M] y) <float h = {0.5}>
    { large = Greater(x, h) y = Compress(x, large) }"""
    path, rows = tmp_path / "data.npz", np.full(40, 0.1, np.float32)
    for last, empty in ((0.9, []), (0.2, ["y"])):
        rows[-1] = last  # in the second run of two
        np.savez(path, x=rows)
        trace = analysed(text, data=path, samples=40).get(Trace)
        assert len(trace.execution.runs) == 2
        assert [seen.value.name for seen in trace.empty()] == empty
