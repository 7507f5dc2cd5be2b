"""What running costs in operation_counts, and that no clock decides what is reported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import onnxlint
import onnxlint_rules
from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.static import operation_counts
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import lint
from onnxlint.settings import Settings
from onnxlint.testing import Example, saved

CLOCKS = {
    "onnxlint/safety/limits.py": "the user's own limit of time, whose end is reported (LNT002)",
    "onnxlint/resident/server.py": "ends when nobody has asked for so long",
    "onnxlint/runtime/worker/client.py": "waits for the worker until that limit",
    "onnxlint/judges.py": "ends a judge that outlives that limit",
    "onnxlint/remote/remote_file.py": "waits before it asks a server again",
    "onnxlint/fleet/doors.py": "asks a cluster now and then how many workers it has",
    "onnxlint/cli/check.py": "tells how long the command took",
    "onnxlint/cli/series.py": "tells how long the command took",
    "onnxlint/cli/recording.py": "a record says when the run was",
    "onnxlint/stamping.py": "a date is written: one that is given or, where asked for, the time",
    "onnxlint/pipeline.py": "tells how long judging took",
    "onnxlint/fixing.py": "tells how long fixing took",
    "onnxlint/runtime/worker/profiling.py": "tells how long layers take, where that is asked for",
    "onnxlint/runtime/worker/serving.py": "a promise of the user's about latency",
    "onnxlint/analyses/static/remembered.py": "a file that was just written is not relied on",
    "onnxlint/report_cache.py": "tells how long it took; the oldest reports go first",
    "onnxlint/report_keys.py": "a report holds for today where a suppression has a last day",
    "onnxlint/config.py": "a suppression has a last day",
    "onnxlint/suppression.py": "a suppression has a last day, which the user has set",
}
"""The modules that may read a clock, and what for."""

TIMED = {"time", "datetime", "timeit", "sched"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in (onnxlint, onnxlint_rules):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            yield path.relative_to(root.parent).as_posix(), ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_no_clock_is_read_but_for_the_users_limits_and_for_the_footer() -> None:
    assert {name for name, tree in modules() if imported(tree) & TIMED} == CLOCKS.keys()


@pytest.mark.parametrize("name", ["onnxlint/pipeline.py", "onnxlint/fixing.py"])
def test_what_is_only_told_decides_nothing(name: str) -> None:
    """Two readings: one at the start, one whose difference is the report's `seconds`."""
    tree = ast.parse((Path(onnxlint.__path__[0]).parent / name).read_text())
    readings = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and _is_reading(n)]
    told = [n.value for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == "seconds"]
    inside = [n for t in told for n in ast.walk(t) if isinstance(n, ast.Attribute)]
    started = [n.value for n in ast.walk(tree) if isinstance(n, ast.Assign)
               and [ast.unparse(target) for target in n.targets] == ["start"]]  # fmt: skip
    first = [n for s in started for n in ast.walk(s) if isinstance(n, ast.Attribute)]
    assert len(readings) == 2
    assert all(n in inside or n in first for n in readings)


def _is_reading(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "time"


# The estimate


@contextmanager
def worked(text: str, **settings: object) -> Iterator[Work]:
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as model,
        closing(Worker(60.0)) as worker,
        closing(Analyses(Settings(**settings), model, worker)) as analyses,
    ):
        yield analyses.get(Work)
        assert analyses.get(Execution).ran


def beyond_elements(node: str, read: str, made: str, constants: str) -> float:
    """The multiplications of a model of one node."""
    text = f"n ({read} x) => ({made} y) <{constants}> {{ y = {node} }}"
    with worked(text, samples=1) as found:
        elements = 1
        for size in made[made.index("[") + 1 : -1].split(","):
            elements *= int(size)
        return found.run - operation_counts.A_NODE - operation_counts.AN_ELEMENT * elements


@pytest.mark.parametrize(
    ("node", "read", "made", "constants", "expected"),
    [
        ("Relu(x)", "float[1,4]", "float[1,4]", "", 0),
        ("MatMul(x, w)", "float[1,4]", "float[1,2]",
         "float[4,2] w = {1,2,3,4,5,6,7,8}", 2 * 4),
        ("Gemm<transA = 1>(x, w)", "float[4,1]", "float[1,2]",
         "float[4,2] w = {1,2,3,4,5,6,7,8}", 2 * 4),
        ("Conv(x, w)", "float[1,1,4,4]", "float[1,2,3,3]",
         "float[2,1,2,2] w = {1,2,3,4,5,6,7,8}", 2 * 9 * 4),
        ("ConvTranspose(x, w)", "float[1,1,4,4]", "float[1,2,5,5]",
         "float[1,2,2,2] w = {1,2,3,4,5,6,7,8}", 16 * 8),
    ],
)  # fmt: skip
def test_multiplications_are_counted(node, read, made, constants, expected) -> None:
    assert beyond_elements(node, read, made, constants) == expected


def test_a_sample_is_a_part_of_the_first_feed() -> None:
    with worked("n (float[batch, 4] x) => (float[batch, 4] y) { y = Exp(x) }") as found:
        assert found.samples == 8
        assert found.sample * 8 == found.run


def test_sizes_that_inference_does_not_know_are_those_of_the_run() -> None:
    text = """n (float[batch, 4] x) => (float[m] y)
    { i = NonZero(x) r = Transpose(i) a = GatherND(x, r) y = Exp(a) }"""
    with worked(text, samples=8) as found:
        assert found.run >= 4 * operation_counts.A_NODE + operation_counts.AN_ELEMENT * (
            2 * 32 + 32
        )


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("n (float[1, 4] x) => (float[1, 4] y) { y = Exp(x) }", 1),
        ("n (float[batch, 4] x) => (float[batch, 4] y) { y = Exp(x) }", 1),
        ("""n (float[1, 4] x) => (float[m] y)
         { i = NonZero(x) r = Transpose(i) a = GatherND(x, r) y = Exp(a) }""", 2),
    ],
)  # fmt: skip
def test_a_run_is_counted_again_only_where_it_shows_other_sizes(text, counted) -> None:
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as model,
        closing(Worker(60.0)) as worker,
        closing(Analyses(Settings(), model, worker)) as analyses,
    ):
        work, execution = analyses.get(Work), analyses.get(Execution)
        counts = analyses.get(operation_counts.OperationCounts)
        assert execution.attempt is not None
        sizes, seen = execution.attempt.sizes, execution.runs[0].types
        anew = operation_counts._Estimate(analyses.get(Shapes), sizes, seen)
        assert work.run == anew.of(analyses.get(Graph).main)
        counts.running(sizes, {})  # as before the run, if there is time for it
        assert len(counts._runs) == counted


# What is asked


def left_out(found: Work) -> set[Question]:
    return {question for question in Question if not found.asks(question)}


def test_everything_is_asked_of_a_small_model() -> None:
    assert not left_out(Work(1e8, 1e8, samples=8, inputs=3, symbols=2))


def test_the_last_questions_are_left_out_of_a_large_one() -> None:
    found = Work(load=1e10, run=1e11)
    assert Question.GRADIENTS in left_out(found)
    assert Question.BATCH not in left_out(found)
    spent = sum(cost for question, cost in found._costs.items() if found.asks(question))
    assert spent <= found.budget


def test_what_the_samples_took_is_not_spent_again() -> None:
    free, spent = (Work(load=1e10, run=3e10, spent=ops) for ops in (0.0, 2.5e11))
    assert left_out(free) < left_out(spent)
    assert Question.BATCH in left_out(Work(load=1e10, run=3e10, spent=1e12))


def test_a_batch_that_no_input_has_costs_nothing() -> None:
    with_batch, without = (Work(1e9, 1.2e10, has_batch=has) for has in (True, False))
    assert left_out(without) < left_out(with_batch)


@pytest.mark.parametrize(
    ("load", "run", "statistics", "runs"),
    [
        (1e9, 1e9, 1e8, 27),  # as many as are free
        (1e9, 6e10, 5e9, 3),
        (4e10, 1.6e10, 1e9, 11),  # what is dear to load may be run more often
        (0.0, 1e12, 1e12, 2),  # fewer tell nothing
        (0.0, 0.0, 0.0, 3e10),
    ],
)
def test_runs_on_synthetic_samples_have_a_budget(load, run, statistics, runs) -> None:
    assert operation_counts.affordable_runs(load, run, statistics) == runs


SINGLE = "n (float[1, 4] x) => (float[1, 4] y) { y = Exp(x) }"


@pytest.mark.parametrize(
    ("settings", "fewer"), [({}, True), ({"samples": 7}, False), ({"full_trace": True}, False)]
)
def test_fewer_synthetic_samples_are_run_of_an_expensive_model(
    settings, fewer, monkeypatch
) -> None:
    monkeypatch.setattr(operation_counts, "FREE_OPERATIONS", 0.0)
    monkeypatch.setattr(operation_counts, "SAMPLES", 0.0)
    with saved(Example.parse(SINGLE)) as path:
        report = lint(path, settings=Settings(**settings))
        told = [found.message for found in report.findings if found.code == "LNT002"]
    assert any("2 of 8 runs on synthetic samples" in message for message in told) is fewer


def test_what_was_asked_before_changes_nothing() -> None:
    one, other = Work(1e10, 3e10), Work(1e10, 3e10)
    forth = {question: one.asks(question) for question in Question}
    back = {question: other.asks(question) for question in reversed(Question)}
    assert forth == back


def test_a_full_trace_asks_everything() -> None:
    assert not left_out(Work(1e15, 1e15, limited=False))


def test_calls_nested_without_end_are_counted_so_far() -> None:
    functions = "".join(
        f'<domain: "own", opset_import: ["" : 17, "own" : 1]> F{n} (a) => (b) {{ b = {inner} }} '
        for n, inner in enumerate(["Relu(a)", *(f"own.F{n}(a)" for n in range(70))])
    )
    head = '<ir_version: 10, opset_import: ["" : 17, "own" : 1]>'
    text = f"{head} n (float[1, 4] x) => (float[1, 4] y) {{ y = own.F70(x) }} {functions}"
    with worked(text, samples=1) as found:
        assert found.run > 50 * operation_counts.A_NODE
