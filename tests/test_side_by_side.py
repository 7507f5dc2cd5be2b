"""Runs side by side: what is added up, what is measured without Python, and our operators."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from onnx import ModelProto, helper, parser

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.boundary_runs import Limits
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.lanes import LANES, lanes
from onnxlint.analyses.execution.tapped_model import tap
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied, Workers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.gradient_propagation import STEP as STEP_SIZE
from onnxlint.analyses.trace.perturbed_model import PerturbedModel
from onnxlint.analyses.trace.perturbed_runs import PerturbedRuns
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime import COMPILED
from onnxlint.runtime.perturbed_copy import (
    NOISE,
    SLOT,
    SLOTS,
    START,
    STEP,
    PerturbationPlan,
    outputs,
    perturbed,
)
from onnxlint.runtime.protocol import Failed, Load, Ran, Run, Signs, Statistics, Watch
from onnxlint.runtime.statistics.compiled import ALONE_BYTES, MOST_SAMPLES
from onnxlint.runtime.worker import serving
from onnxlint.runtime.worker.lanes import Sums, beside, in_turns
from onnxlint.settings import Settings

HEADER = '<ir_version: 8, opset_import: ["": 13]>\n'
compiled_only = pytest.mark.skipif(not Path(COMPILED).exists(), reason="nothing is compiled")


@given(rows=st.integers(1, 9), runs=st.integers(1, 20))
def test_samples_stand_in_the_order_of_the_runs(rows, runs):
    order = np.arange(rows * runs)
    blocks = np.split(order, runs)
    parts = [np.concatenate([*blocks[lane::2], order[:0]])[:, None] for lane in range(2)]
    assert in_turns(parts, rows).ravel().tolist() == order[:MOST_SAMPLES].tolist()


@given(seed=st.integers(0, 999), runs=st.integers(1, 7), rows=st.sampled_from([1, 3]))
@settings(max_examples=30)
def test_lanes_add_up_to_what_one_adds_up_to(seed, runs, rows):
    random = np.random.default_rng(seed)
    fed = [random.normal(size=(rows, 4, 5)).astype(np.float32) for _ in range(runs)]
    if seed % 3 == 0:
        fed[-1][0, 0, 0] = np.nan
    watch = Watch("x", 1)
    one, two = Sums(1), Sums(2)
    for array in fed:
        for sums in (one, two):
            sums.next(rows).add([watch], {"x": array}, rows)
    (expected,), (found,) = (sums.total().values() for sums in (one, two))
    assert_alike(found, expected, in_order=seed % 3 != 0)
    assert two.total() == {}


def assert_alike(found: Statistics, expected: Statistics, *, in_order: bool = True) -> None:
    for name, wanted in asdict(expected).items():
        got = getattr(found, name)
        if name == "samples" and not in_order:
            got, wanted = np.sort(got, 0), np.sort(wanted, 0)
        if isinstance(wanted, np.ndarray):
            np.testing.assert_array_equal(got, wanted)
        elif name in ("mean", "m2"):
            assert math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-9)
        else:
            assert got == wanted, name


def test_jobs_are_done_side_by_side_and_told_in_their_order():
    assert beside(lambda job: job * 2, range(7), 2) == [0, 2, 4, 6, 8, 10, 12]
    assert beside(lambda job: job, [], 2) == []


def test_what_goes_wrong_in_a_lane_is_raised():
    def work(job: int) -> int:
        if job == 3:
            raise MemoryError("no more")
        return job

    with pytest.raises(MemoryError, match="no more"):
        beside(work, range(6), 2)


TEXT = """net (float[N, 3, M] x) => (float[N, 3, M] y)
{ a = Sigmoid(x) b = Log(a) c = Mul(b, x) y = Exp(c) }"""
WATCHES = [Watch(name, 1) for name in "abc"]


def tapped(text: str = TEXT, names: str = "abc") -> bytes:
    proto = parser.parse_model(HEADER + text)
    tap(proto, {name: number for number, name in enumerate(names)})
    return bytes(proto.SerializeToString())


def session(model: bytes, lanes: int = 1, **options: object) -> serving.Session:
    load = Load(model, ".", "none", taps=[*"abc"], lanes=lanes, has_ours=True, **options)
    made, _ = serving._load(load)
    assert made is not None
    return made


def feed(seed: int, shape: tuple[int, ...] = (1, 3, 5)) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(seed).normal(size=shape).astype(np.float32)}


def run(feeds: dict[str, np.ndarray], **options: object) -> Run:
    return Run(feeds, WATCHES, ["y"], adding=True, **options)


def shown(monkeypatch) -> list[str]:
    """The values that Python is called for, from now on."""
    names: list[str] = []
    take = serving._Seeing.take
    monkeypatch.setattr(
        serving._Seeing, "take",
        lambda self, name, array: names.append(name) or take(self, name, array),
    )  # fmt: skip
    return names


@compiled_only
def test_the_first_run_is_measured_so_where_shapes_are_known_beforehand(monkeypatch):
    names = shown(monkeypatch)
    right, wrong = ("float32", (1, 3, 5)), ("float32", (1, 3, 6))
    opened = session(tapped(), expected={"a": right, "b": wrong, "c": ("float64", (1, 3, 5))})
    (reply,) = serving._run_together(opened, [run(feed(0))])
    assert names == ["b", "c"]
    assert isinstance(reply, Ran)
    assert reply.types == dict.fromkeys("abc", right)
    found, alone = opened.sums.total(), session(tapped())
    serving._run_together(alone, [run(feed(0))])
    for name, statistics in alone.sums.total().items():
        assert_alike(found[name], statistics)


@compiled_only
def test_runs_too_short_for_a_thread_are_made_in_turns_and_add_up_alike(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(
        serving, "beside", lambda work, jobs, most: asked.append(most) or beside(work, jobs, most)
    )
    monkeypatch.setattr(serving, "usable_threads", lambda: 4)
    opened, totals = session(tapped(), LANES), []
    for quickest in (serving.WORTH_A_THREAD, serving.WORTH_A_THREAD / 2):
        opened.quickest = quickest
        serving._run_together(opened, [run(feed(seed)) for seed in range(5)])
        totals.append(opened.sums.total())
    assert asked == [LANES, 1]
    assert 0 < opened.quickest <= serving.WORTH_A_THREAD / 2
    together, in_turn = totals
    assert together.keys() == in_turn.keys() == {*"abc"}
    for name, statistics in together.items():
        assert_alike(in_turn[name], statistics)
    monkeypatch.setattr(serving, "usable_threads", lambda: 1)
    opened.quickest = math.inf
    assert opened.threads == 1


@compiled_only
def test_shapes_that_no_run_changes_are_told_to_the_worker(write_model, monkeypatch):
    text = """net (float[N, 2] x, float[3, 2] z) => (float[N, 2] y, float[3, 2] v)
    { a = Sigmoid(x) y = Exp(a) b = Sigmoid(z) v = Exp(b) }"""
    told: list[dict[str, object]] = []
    load = Worker.load
    monkeypatch.setattr(
        Worker, "load", lambda *args, **options: told.append(options) or load(*args, **options)
    )
    with execution_of(write_model(text), 2) as analyses:
        assert analyses.get(Execution).ran
    assert [options["expected"] for options in told] == [{"b": ("float32", (3, 2))}]


@compiled_only
def test_what_is_as_before_is_measured_without_python(monkeypatch):
    names = shown(monkeypatch)
    opened = session(tapped())
    replies = [serving._run_together(opened, [run(feed(seed))])[0] for seed in range(3)]
    assert names == ["a", "b", "c"]
    assert [reply.types for reply in replies] == [replies[0].types] * 3
    expected = session(tapped())
    for seed in range(3):
        expected.known.clear()  # nothing is expected
        serving._run_together(expected, [run(feed(seed))])
    assert names == [*"abc"] * 4
    found, wanted = opened.sums.total(), expected.sums.total()
    assert {*found} == {*wanted} == {*"abc"}
    for name, statistics in found.items():
        assert_alike(statistics, wanted[name])


@compiled_only
@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (feed(1, (1, 3, 6)), "abc"),  # of another size
        ({"x": np.full((1, 3, 5), np.nan, np.float32)}, "abc"),
        ({"x": np.full((1, 3, 5), -1e4, np.float32)}, "bc"),  # log 0 is infinite
    ],
)
def test_what_is_not_as_before_is_shown(then, expected, monkeypatch):
    opened = session(tapped())
    serving._run_together(opened, [run(feed(0))])
    names = shown(monkeypatch)
    (reply,) = serving._run_together(opened, [run(then)])
    assert "".join(names) == expected
    assert isinstance(reply, Ran)
    assert reply.is_finite is (then["x"].shape != (1, 3, 5))
    total = opened.sums.total()
    assert total["b"].elements == 15 + then["x"].size


@compiled_only
def test_what_is_kept_or_large_is_shown(monkeypatch):
    opened = session(tapped())
    large = feed(0, (1, 3, ALONE_BYTES // 8))
    for feeds, options in ((feed(0), {"held": {"a": 0}}), (feed(0), {"only_finite": True})):
        serving._run_together(opened, [run(feeds)])
        names = shown(monkeypatch)
        serving._run_together(opened, [run(feeds, **options)])
        assert "a" in names
    if len(os.sched_getaffinity(0)) > 1:  # which measure it together
        for _ in range(2):
            names = shown(monkeypatch)
            serving._run_together(opened, [run(large)])
            assert {*names} == {*"abc"}


@pytest.mark.parametrize("lanes", [1, 2])
def test_runs_side_by_side_give_what_each_gives_alone(lanes):
    opened, alone = session(tapped(), lanes), session(tapped())
    feeds = [feed(seed, (1 + seed % 2, 3, 5)) for seed in range(9)]
    replies = serving._run_together(opened, [run(each) for each in feeds])
    for each, reply in zip(feeds, replies, strict=True):
        (expected,) = serving._run_together(alone, [run(each)])
        assert isinstance(reply, Ran)
        assert isinstance(expected, Ran)
        np.testing.assert_array_equal(reply.outputs["y"], expected.outputs["y"])
        assert reply.types == expected.types


def test_a_run_that_is_refused_is_told_among_the_others():
    opened = session(tapped(), 2)
    bad = {"x": np.zeros((1, 3), np.float32)}
    replies = serving._run_together(opened, [run(feed(0)), run(bad), run(feed(1))])
    assert [type(reply) for reply in replies] == [Ran, Failed, Ran]


def test_the_first_refusal_is_raised():
    worker = Workers().with_limits(60.0, None)
    try:
        worker.load(parser.parse_model(HEADER + TEXT).SerializeToString(), Path(), lanes=2)
        worker.run_together([Run(feed(seed), [], ["y"]) for seed in range(3)])
        with pytest.raises(RunFailure, match="Invalid rank"):
            worker.run_together([Run(f, [], []) for f in (feed(0), {"x": np.zeros(3, "f4")})])
        assert len(worker.run_together([Run(feed(0), [], ["y"])])) == 1
    finally:
        worker.close()


@compiled_only
@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Tap", ["x"], ["t"], domain="onnxlint", tap=10**6),
        helper.make_node("Tap", ["x"], ["t"], domain="onnxlint", tap=-5),
        helper.make_node("Perturb", ["x", "w", "w", "d", "i"], ["p", "f", "m"], domain="onnxlint"),
        helper.make_node("Perturb", ["x", "x", "e", "d", "i"], ["p", "f", "m"], domain="onnxlint"),
        helper.make_node("Perturb", ["x", "x", "w", "d", "n"], ["p", "f", "m"], domain="onnxlint"),
        *(
            helper.make_node("PerturbAlone", [*given], ["p", "f", "m"], domain="onnxlint", cut=3)
            for given in ("xwdii", "xedii", "xwdin", "xwdij", "xwwii", "xwdni")
        ),
    ],
)
def test_a_node_of_the_models_own_reads_no_memory_of_others(node):
    """It may end the process; what it must not do is to read beyond its inputs."""
    text = """net (float[N, 3, M] x) => (float[N, 3, M] y)
    <float[2] w = {1, 2}, float[0] e = {}, double d = {1.0}, int64 i = {0}, int64 j = {7},
     int64[2] n = {0, 1}>
    { a = Sigmoid(x) b = Log(a) c = Mul(b, x) y = Exp(c) }"""
    proto = parser.parse_model(HEADER + text)
    proto.graph.node.append(node)
    tap(proto, {"a": 0, "b": 1, "c": 2})
    worker = Workers().with_limits(60.0, None)
    try:
        model = proto.SerializeToString()
        worker.load(model, Path(), "none", taps=[*"abc"])
        ran = worker.run(Run(feed(0), WATCHES, ["y"]))
        assert {*ran.statistics} == {*"abc"}
    except RunFailure:
        pass  # onnxruntime itself may find that something is missing
    finally:
        worker.close()


PLAN = {"ends": ["y"], "kept": {0, 1, 2}, "doubled": {0, 1, 2}, "flowing": {"x", "a", "b", "y"}}
CHAIN = """net (float[N, K] x) => (float[N, K] y) { a = Sin(x) b = Tanh(a) y = Mul(b, x) }"""


def changed(**options: bool) -> onnxruntime.InferenceSession:
    model: ModelProto = perturbed(parser.parse_model(HEADER + CHAIN), plan_of(**options))
    given = onnxruntime.SessionOptions()
    if options.get("compiled"):
        given.register_custom_ops_library(COMPILED)
    return onnxruntime.InferenceSession(model.SerializeToString(), given)


def plan_of(**options: bool) -> PerturbationPlan:
    return PerturbationPlan(cuts=dict.fromkeys("xab", "float"), **PLAN, **options)


@pytest.fixture(scope="module")
def all_ways() -> list[onnxruntime.InferenceSession]:
    return [changed(), changed(compiled=True), changed(compiled=True, alone=True)]


@compiled_only
@given(
    shape=st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 15, 16, 17, 400, 1_031, 1_500])),
    start=st.integers(0, 3), seed=st.integers(0, 99), factor=st.sampled_from([0.0, 1e-30, 1.0]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_operators_do_what_the_nodes_do(all_ways, shape, start, seed, factor):
    random = np.random.default_rng(seed)
    fed = {
        "x": (factor * random.normal(size=shape)).astype(np.float32),
        NOISE: random.normal(size=1_031).astype(np.float32),
        STEP: np.array(1e-2), START: np.array(start),
    }  # fmt: skip
    by_nodes, beside, alone = all_ways
    names = outputs(plan_of())
    expected = by_nodes.run(names, fed)
    np.testing.assert_allclose(beside.run(names, fed), expected, rtol=2e-3)
    slot = {SLOT: np.array(seed % SLOTS)}
    told = alone.run(names, {**fed, **slot, STEP: np.array(0.0)})
    assert not any(told)
    np.testing.assert_allclose(alone.run(names, {**fed, **slot}), expected, rtol=2e-3)


@compiled_only
def test_each_slot_remembers_a_run_of_its_own():
    alone, names = changed(compiled=True, alone=True), outputs(plan_of())
    feeds = [
        {**feed(slot, (2, 7)), SLOT: np.array(slot), START: np.array(0), NOISE: np.ones(5, "f4")}
        for slot in range(SLOTS)
    ]
    fed = {STEP: np.array(0.0)}
    for each in feeds:
        alone.run(names, {**each, **fed})
    fed = {STEP: np.array(1e-2)}
    found = [alone.run(names, {**each, **fed}) for each in feeds]
    expected = [changed(compiled=True).run(names, {**without_slot(f), **fed}) for f in feeds]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def without_slot(fed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array for name, array in fed.items() if name != SLOT}


@compiled_only
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a = MatMul(x, w) r = Relu(a) y = MatMul(r, w) }", True),
        ("{ a = MatMul(x, w) s = Shape(a) r = Reshape(a, s) y = MatMul(r, w) }", True),
        ("{ a = MatMul(x, w) k = Greater(a, z) k = Cast<to = 1>(k) r = Mul(a, k)"
         " y = MatMul(r, w) }", False),
        ("{ a = MatMul(x, w) n = RandomNormalLike(x) r = Add(a, n) y = MatMul(r, w) }", False),
        ("{ a = MatMul(x, w) t, i = TopK(a, q) y = MatMul(t, w) j = Cast<to = 1>(i) }", False),
    ],
)  # fmt: skip
def test_a_run_is_compared_with_an_earlier_one_where_numbers_choose_nothing(
    text, expected, write_model
):
    given = "net (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4},"
    path = write_model(f"{given} float z = {{0}}, int64[1] q = {{2}}> {text}")
    with open_model(str(path)) as model, closing(Analyses(Settings(), model)) as analyses:
        assert analyses.get(PerturbedModel).plan.alone is expected


@compiled_only
def test_samples_are_remembered_before_they_are_compared(write_model):
    text = """net (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 4}>
    { a = MatMul(x, w) r = Relu(a) y = MatMul(r, w) }"""
    asked: list[list[Run]] = []
    workers = Workers()
    with (
        open_model(str(write_model(text))) as model,
        closing(workers),
        closing(Analyses(Settings(), model)) as analyses,
    ):
        worker = workers.with_limits(60.0, None)
        analyses.give(worker)
        execution, shapes = analyses.get(Execution), analyses.get(Shapes)
        runs = PerturbedRuns(analyses.get(PerturbedModel), shapes, execution, worker)
        ask = worker.run_together

        def noted(requests, **options):
            asked.append(requests)
            return ask(requests, **options)

        worker.run_together = noted
        told = [len(runs.told(0, STEP_SIZE, most)) for most in (32, 32, 1, 32)]
    assert told == [4, 4, 1, 4]
    steps = [[float(run.feeds[STEP]) for run in requests] for requests in asked]
    one, nothing = STEP_SIZE, 0.0
    assert steps == [[nothing, nothing, *[one] * 4], [one] * 4, [one], [nothing] * 2 + [one] * 4]
    first, _, _, second = (
        [run.feeds["x"].tolist() for run in a[:2] if "x" in run.feeds] for a in asked
    )
    assert first != second
    assert [run.like for run in asked[0]] == [None, None, 0, 1, 0, 1]


def test_signs_are_ones():
    signs = Signs(bytes([0b10100000, 0b11111111]), 11).array()
    assert signs.tolist() == [1, -1, 1, -1, -1, -1, -1, -1, 1, 1, 1]
    assert signs.dtype == np.float32


WEIGHTS = f"<float[64, 3, 3, 3] w = {{{', '.join(['0.5'] * 64 * 27)}}}>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("net (float[1, 4] x) => (float[1, 4] y) { y = Exp(x) }", LANES),
        ("net (float[1, 4] x) => (float[1, 4] y) { y = Dropout(x) }", LANES),
        ("net (float[1, 4] x, bool t) => (float[1, 4] y) <float r = {0.5}>"
         " { y = Dropout(x, r, t) }", 1),
        ("net (float[1, 4] x) => (float[1, 4] y) { n = RandomNormalLike(x) y = Add(x, n) }", 1),
        (f"net (float[1, 3, 8, 8] x) => (float[1, 64, 6, 6] y) {WEIGHTS} {{ y = Conv(x, w) }}",
         LANES),
        (f"net (float[1, 3, 512, 512] x) => (float[1, 64, 510, 510] y) {WEIGHTS}"
         " { y = Conv(x, w) }", 1),
        ("net (float[N, K] x, float[K, 4] w) => (float[N, 4] y) { y = MatMul(x, w) }", 1),
        ("net (float[1, 3000000] x) => (float[1, 3000000] y) { y = Exp(x) }", 1),
    ],
)  # fmt: skip
def test_how_many_runs_are_made_side_by_side(text, expected, write_model):
    with (
        open_model(str(write_model(text))) as model,
        closing(Analyses(Settings(), model)) as analyses,
    ):
        assert lanes(analyses.get(Graph), analyses.get(Shapes)) == expected


DIVIDING = """net (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
{ a = MatMul(x, w) m = ReduceL2(x) y = Div(a, m) }"""
ADDING = DIVIDING.replace("Div", "Add")


@contextmanager
def execution_of(path: Path, samples: int, failing: Exception | None = None) -> Iterator[Analyses]:
    """The analyses of a model; a run beside another than samples fails, or ends the worker."""
    workers = Workers()
    worker = workers.with_limits(60.0, None)
    ask = worker.run_together

    def run_together(requests, **options):
        kinds = {run.only_finite for run in requests}
        if failing is not None and len(kinds) == 2:
            if isinstance(failing, WorkerDied):
                worker._end()
            raise failing
        return ask(requests, **options)

    worker.run_together = run_together
    with (
        open_model(str(path)) as model,
        closing(workers),
        closing(Analyses(Settings(samples=samples), model)) as analyses,
    ):
        analyses.give(worker)
        yield analyses


@pytest.mark.parametrize("text", [DIVIDING, ADDING])
@pytest.mark.parametrize("failing", [None, RunFailure("refused"), WorkerDied("crashed")])
def test_a_boundary_sample_beside_the_last_one_changes_nothing(text, failing, write_model):
    path = write_model(text)
    seen = []
    for samples, error in ((3, failing), (4, None)):
        with execution_of(path, samples, error) as analyses:
            execution = analyses.get(Execution)
            assert len(execution.runs) == samples
            assert execution.statistics["y"].elements == samples * 2
            assert execution.runner is not None
            beside = execution.runner.is_spare_finite
            strayed = analyses.get(Limits).strayed
            seen.append([(each.boundary.told, each.reaches) for each in strayed])
        told = text is ADDING if samples == 3 and failing is None else None
        assert beside is told
    assert seen[0] == seen[1]
    assert bool(seen[0]) is (text is DIVIDING)


def test_a_boundary_sample_that_ran_is_not_run_again(write_model):
    with execution_of(write_model(ADDING), 3) as analyses:
        execution = analyses.get(Execution)
        assert execution.attempt is not None
        assert execution.runner is not None
        asked = []
        find_out = execution.runner.are_finite
        execution.runner.are_finite = lambda feeds: asked.append(len(feeds)) or find_out(feeds)
        assert not analyses.get(Limits).strayed
        assert asked == [len(execution.attempt.limits) - 1]
