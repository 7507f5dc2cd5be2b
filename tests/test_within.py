"""What is seen inside If, Loop, Scan and local functions."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest

from onnxlint import Graph, Settings, Trace
from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.body_values import Within
from onnxlint.analyses.execution.worker import Workers
from onnxlint.model.file.load import open_model


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


def scope(analyses: Analyses, path: str):
    return next(scope for scope in analyses.get(Graph).scopes if scope.path == path)


def seen(analyses: Analyses, path: str, name: str):
    """What was seen of a value in a scope; None where nothing was."""
    return analyses.get(Trace).of(scope(analyses, path).values[name])


def nan_origins(analyses: Analyses) -> list[str]:
    trace = analyses.get(Trace)
    return [f"{one.place.scope} {one.node.op}" for one in trace.origins(lambda seen: seen.nan)]


HEAD = '<ir_version: 8, opset_import: ["": 17, "my": 1]>\n'

BRANCHES = (
    HEAD
    + """net (float[N, 4] x, float[N, 4] c) => (float[N, 4] y)
<float zero = {0}>
{
    total = ReduceSum <keepdims = 0> (c)
    is_large = Greater(total, zero)
    y = If (is_large) <
        then_branch = a () => (float[N, 4] t) { square = Mul(x, x) t = Sqrt(square) },
        else_branch = b () => (float[N, 4] e) { below = Neg(c) e = Exp(below) }>
}"""
)


@pytest.mark.parametrize(("sign", "taken"), [(1, "then"), (-1, "else")])
def test_only_the_branch_that_is_taken_is_seen(analysed, tmp_path, sign, taken):
    np.savez(tmp_path / "d.npz", x=np.full((3, 4), 2, "f4"), c=np.full((3, 4), sign, "f4"))
    analyses = analysed(BRANCHES, data=tmp_path / "d.npz")
    trace = analyses.get(Trace)
    inner = [one for one in trace.values() if one.place.scope]
    assert {one.place.scope for one in inner} == {f"If_2/{taken}_branch"}
    assert {one.of_samples for one in inner} == {3}
    if sign > 0:
        assert seen(analyses, "If_2/then_branch", "square").statistics.maximum == 4
        assert seen(analyses, "If_2/then_branch", "square").samples.shape == (3, 5)


LOOP = (
    HEAD
    + """net (float[N, 4] x) => (float[N, 4] y, float[T, N, 4] all)
<int64 most = {5}, bool yes = {1}, float half = {0.5}>
{
    y, all = Loop (most, yes, x) <body = b (int64 i, bool going, float[N, 4] s)
        => (bool on, float[N, 4] next, float[N, 4] told)
    {
        three = Constant <value_int = 3> ()
        on = Less(i, three)
        told = Mul(s, half)
        less = Sub(s, half)
        next = Sqrt(less)
    }>
}"""
)


def test_each_step_of_a_loop_is_seen_by_itself(analysed, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.full((2, 4), 0.7, "f4"))
    analyses = analysed(LOOP, data=tmp_path / "d.npz")
    told = seen(analyses, "Loop_0/body", "told").statistics
    assert told.elements == 4 * 2 * 4  # the condition ends it after four steps
    assert told.samples is None  # steps are no samples
    # 0.7 → 0.447 → NaN, which later steps only hand on
    assert nan_origins(analyses) == ["Loop_0/body Sqrt"]
    origin = analyses.get(Trace).origins(lambda seen: seen.nan)[0]
    assert (origin.runs, origin.of_runs, origin.first_run) == (1, 1, 0)


def test_steps_of_a_loop_may_have_different_shapes(analysed):
    analyses = analysed(
        HEAD
        + """net (float[N, 4] x) => (float[M, 4] y)
    <int64 most = {4}, bool yes = {1}>
    {
        y = Loop (most, yes, x) <body = b (int64 i, bool on, float[K, 4] s)
            => (bool still, float[L, 4] next)
        {
            still = Identity(on)
            positive = Relu(s)
            next = Concat <axis = 0> (s, positive)
        }>
    }"""
    )
    assert seen(analyses, "Loop_0/body", "positive").statistics.elements == 8 * 4 * (1 + 2 + 4 + 8)


def test_scans_are_seen_in_the_order_of_their_directions(analysed, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.arange(6, dtype="f4").reshape(1, 2, 3))
    text = (
        HEAD
        + """net (float[1, 2, 3] x) => (float[1, 2] last, float[3, 1, 2] y)
    <float[1, 2] first = {0, 0}>
    {
        last, y = Scan <num_scan_inputs = 1, scan_input_axes = [2], scan_input_directions = [1],
            body = b (float[1, 2] s, float[1, 2] part) => (float[1, 2] total, float[1, 2] root)
            { total = Sub(part, s) root = Sqrt(total) }> (first, x)
    }"""
    )
    analyses = analysed(text, data=tmp_path / "d.npz")
    # [2, 5] - 0 = [2, 5]; [1, 4] - [2, 5] = -1; [0, 3] + 1
    total = seen(analyses, "Scan_0/body", "total").statistics
    assert (total.minimum, total.maximum, total.elements) == (-1, 5, 6)
    assert nan_origins(analyses) == ["Scan_0/body Sqrt"]


FUNCTIONS = (
    HEAD
    + """net (float[N, 4] x) => (float[N, 4] y, float[N, 4] z)
<float[4] w = {1, 2, 3, 4}>
{
    h = Relu(x)
    y = my.scaled <factor = 2.0> (h, w)
    z = my.scaled <factor = -2.0> (h, w)
}
<domain: "my", opset_import: ["": 17, "my": 1]>
scaled <factor> (a, weight, missing) => (out)
{
    by = Constant <value_float: float = @factor> ()
    big = Mul(a, weight)
    turned = Mul(big, by)
    out = my.root <shift: float = @factor> (turned)
}
<domain: "my", opset_import: ["": 17]>
root <shift> (a) => (out) { kept = Abs(a) same = Mul(kept, a) out = Sqrt(same) }
"""
)


def test_functions_are_seen_with_what_each_call_gives_them(analysed, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.full((2, 4), 1, "f4"))
    analyses = analysed(FUNCTIONS, data=tmp_path / "d.npz")
    turned = seen(analyses, "function:my::scaled", "turned").statistics
    assert (turned.minimum, turned.maximum, turned.elements) == (-8, 8, 16)
    assert turned.samples is None  # those of two calls are not compared
    assert nan_origins(analyses) == ["function:my::root Sqrt"]
    origin = analyses.get(Trace).origins(lambda seen: seen.nan)[0]
    assert [[node.index for node in body.calls] for body in origin.bodies] == [[2, 3]]


def test_bodies_within_bodies_are_seen(analysed):
    analyses = analysed(
        HEAD
        + """net (float[N, 4] x) => (float[N, 4] y)
    <int64 most = {3}, bool yes = {1}, float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0,
     0, 1}>
    {
        y = Loop (most, yes, x) <body = b (int64 i, bool on, float[N, 4] s)
            => (bool still, float[N, 4] next)
        {
            still = Identity(on)
            one = Constant <value_int = 1> ()
            is_second = Equal(i, one)
            next = If (is_second) <
                then_branch = t () => (float[N, 4] p) { h = MatMul(s, w) p = my.bad(h) },
                else_branch = e () => (float[N, 4] q) { q = Abs(s) }>
        }>
    }
    <domain: "my", opset_import: ["": 17]>
    bad (a) => (out) { square = Mul(a, a) below = Neg(square) out = Log(below) }"""
    )
    assert nan_origins(analyses) == ["function:my::bad Log"]
    assert seen(analyses, "Loop_0/body/If_3/else_branch", "q").statistics.elements == 2 * 8 * 4
    assert seen(analyses, "Loop_0/body/If_3/then_branch", "h").statistics.elements == 8 * 4


def test_what_cannot_be_looked_into_is_told_at_its_node(analysed):
    analyses = analysed(
        HEAD
        + """net (float[N, 4] x) => (float[N, 4] y)
    <int64 most = {2}, bool yes = {1}, int64 at = {0}>
    {
        empty = SequenceEmpty()
        list = Loop (most, yes, empty) <body = b (int64 i, bool on, seq(float[N, 4]) s)
            => (bool still, seq(float[N, 4]) next)
        {
            still = Identity(on)
            square = Mul(x, x)
            below = Neg(square)
            bad = Sqrt(below)
            next = SequenceInsert(s, bad)
        }>
        y = SequenceAt(list, at)
    }"""
    )
    within = analyses.get(Within)
    assert [(body.scope.path, str(reason)) for body, reason in within.unseen] == [
        ("Loop_1/body", "operand 'empty' is not a tensor or too large to be kept")
    ]
    assert nan_origins(analyses) == [" SequenceAt"]


def test_a_model_without_bodies_costs_nothing(analysed):
    analyses = analysed(HEAD + "net (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    within = analyses.get(Within)
    assert (within.of_runs, within.statistics, within.close_runs) == (0, {}, [])


@pytest.mark.parametrize(
    "text",
    [
        # a mask that a function is called with
        """net (float[N, 4] x, bool[4] keep) => (float[N, 4] y) <float low = {-1e9}>
        { masked = my.mask(x, keep, low) y = Softmax(masked) }
        <domain: "my", opset_import: ["": 17]>
        mask (a, kept, off) => (out) { out = Where(kept, a, off) }""",
        # scores and gates, saturated as they may be
        """net (float[N, 4] x) => (float[N, 4] y, float[N, 4] z, float[T, N, 4] w)
        <float big = {1000}, int64 most = {2}, bool yes = {1}>
        {
            wide = Mul(x, big)
            gate = If (yes) <then_branch = a () => (float[N, 4] t) { t = Sigmoid(wide) },
                             else_branch = b () => (float[N, 4] e) { e = Sigmoid(wide) }>
            y = Mul(wide, gate)
            z = my.sigmoid(wide)
            last, w = Loop (most, yes, x) <body = c (int64 i, bool on, float[N, 4] s)
                => (bool still, float[N, 4] next, float[N, 4] score)
                { still = Identity(on) next = Neg(s) score = Sigmoid(wide) }>
        }
        <domain: "my", opset_import: ["": 17]> sigmoid (a) => (out) { out = Sigmoid(a) }""",
        # the tails of a softmax elsewhere
        """net (float[N, 4] x) => (float[N, 4] y) <float big = {95}>
        { wide = Mul(x, big) p = Softmax(wide) q = my.turned(p) y = Neg(q) }
        <domain: "my", opset_import: ["": 17]> turned (a) => (out) { out = Transpose(a) }""",
    ],
)
def test_what_is_meant_so_is_silent_inside(write_model, text):
    from onnxlint import lint

    report = lint(write_model(HEAD + text), select=["ACT"], ignore=["ACT010"])
    assert [str(found) for found in report.findings] == []


def test_reports_show_values_inside(onnxlint, write_model):
    path = write_model(FUNCTIONS)
    layers = json.loads(onnxlint("inspect", path, "--json").stdout)["layers"]
    inner = {layer["scope"]: layer for layer in layers if layer["op"] == "Mul"}
    assert inner["function:my::root"]["maximum"] > 0
    assert "function:my::root #0" in onnxlint("inspect", path).stdout


INTEGERS = (
    HEAD
    + """net (int64[N, 2] x) => (int32[N, 2] y, int64[N, 2] z)
<int64 two = {2}, bool yes = {1}, int64[1] axis = {1}>
{
    more = Add(x, two)
    y = Cast <to = 6> (more)
    size = Shape(x)
    narrow = Cast <to = 6> (size)
    z = If (yes) <then_branch = a () => (int64[N, 2] t) { t = Mul(more, two) },
                  else_branch = b () => (int64[N, 2] e) { e = Neg(more) }>
}"""
)


def test_integers_are_watched_where_a_cast_narrows_them(analysed, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.array([[1, 2], [3_000_000_000, 4]]))
    analyses = analysed(INTEGERS, data=tmp_path / "d.npz")
    trace, main = analyses.get(Trace), analyses.get(Graph).main
    more = trace.integers(main.values["more"])
    assert (more.statistics.minimum, more.statistics.maximum) == (3, 3_000_000_002)
    assert trace.of(main.values["more"]) is None  # no rule for floats gets to see it
    assert [seen.value.name for seen in trace.values()] == []
    assert trace.integers(main.values["size"]) is None  # sizes fit


def test_a_full_trace_shows_all_integers(analysed, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.array([[1, 2], [3, 4]]))
    analyses = analysed(INTEGERS, data=tmp_path / "d.npz", full_trace=True)
    rows = {row.value: row for row in analyses.get(Trace).rows()}
    assert {"more", "y", "size", "narrow", "t", "z"} <= rows.keys()
    assert (rows["t"].scope, rows["t"].minimum, rows["t"].maximum) == ("If_4/then_branch", 6, 12)
