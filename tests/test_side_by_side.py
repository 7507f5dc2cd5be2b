"""Runs side by side: what is added up, what is measured without Python, and our operators."""

from __future__ import annotations

import math
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from onnx import ModelProto, helper, parser

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.lanes import LANES, lanes
from onnxlint.analyses.execution.tapped_model import tap
from onnxlint.analyses.execution.worker import RunFailure, Workers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime import COMPILED
from onnxlint.runtime.perturbed_copy import START, STEP, PerturbationPlan, noise, outputs, twin
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


def session(model: bytes, lanes: int = 1) -> serving.Session:
    load = Load(model, ".", "none", taps=[*"abc"], lanes=lanes, has_ours=True)
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
    ],
)
def test_a_node_of_the_models_own_reads_no_memory_of_others(node):
    """It may end the process; what it must not do is to read beyond its inputs."""
    text = """net (float[N, 3, M] x) => (float[N, 3, M] y)
    <float[2] w = {1, 2}, float[0] e = {}, double d = {1.0}, int64 i = {0}, int64[2] n = {0, 1}>
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


def doubled(*, compiled: bool) -> onnxruntime.InferenceSession:
    cuts = dict.fromkeys(["x", "a", "b"], "float")
    plan = PerturbationPlan(cuts=cuts, copies=2, compiled=compiled, **PLAN)
    model: ModelProto = twin(parser.parse_model(HEADER + CHAIN), plan)
    options = onnxruntime.SessionOptions()
    if compiled:
        options.register_custom_ops_library(COMPILED)
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@pytest.fixture(scope="module")
def both() -> list[onnxruntime.InferenceSession]:
    return [doubled(compiled=False), doubled(compiled=True)]


@compiled_only
@given(
    shape=st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 15, 16, 17, 400, 1_031, 1_500])),
    start=st.integers(0, 3), seed=st.integers(0, 99), factor=st.sampled_from([0.0, 1e-30, 1.0]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_operator_does_what_the_nodes_do(both, shape, start, seed, factor):
    random = np.random.default_rng(seed)
    plan = PerturbationPlan(cuts=dict.fromkeys("xab", "float"), copies=2, **PLAN)
    fed = {
        "x": (factor * random.normal(size=shape)).astype(np.float32),
        noise(0): random.normal(size=1_031).astype(np.float32),
        noise(1): random.normal(size=1_031).astype(np.float32),
        STEP: np.array(1e-2), START: np.array(start),
    }  # fmt: skip
    expected, found = (each.run(outputs(plan), fed) for each in both)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


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
