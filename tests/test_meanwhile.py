"""What is done while processes are waited for: nothing is lost by it, and nothing mistaken."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from conftest import FLAWED
from test_processes import MISBEHAVIOUR, team  # noqa: F401 - a fixture
from test_worker import FOREVER

from onnxlint.analyses.execution.probed_session import _Coming
from onnxlint.analyses.reported import asks_for_report
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.asking import asks_no_more
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import lint_model
from onnxlint.rule_runner import RuleRunner
from onnxlint.rules.packs import discover
from onnxlint.runtime.protocol import Run
from onnxlint.runtime.worker import client
from onnxlint.runtime.worker.client import LimitReached, Worker, Workers
from onnxlint.safety.limits import Alarm, RuleTimeout
from onnxlint.settings import Settings
from onnxlint.watcher import Watcher

FEED = {"x": np.zeros((1,), np.float32)}


class Told(Watcher):
    """Everything that a watcher hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def begins(self, doing, rule=None):
        self.heard.append((doing, rule.code if rule is not None else ""))


@pytest.fixture
def slow_worker(monkeypatch):
    """A worker whose reply is never there at once, however fast the machine is."""
    is_ready = client._is_ready

    def is_ready_later(pipe, seconds, to_write):
        return (to_write or seconds > 0) and is_ready(pipe, seconds, to_write)

    monkeypatch.setattr(client, "_is_ready", is_ready_later)


def linted(path, watcher=None, *, settings=None, **choice):
    job = plan(load(None), discover(), str(path), settings=settings or Settings(), **choice)
    return lint_model(job, watcher=watcher or Watcher())


@pytest.mark.usefixtures("slow_worker")
def test_static_rules_run_while_the_worker_is_waited_for(write_model):
    told = Told()
    linted(write_model(FLAWED), told, select=["RUN", "ARC"])
    begun = [doing for doing, _ in told.heard]
    first = begun.index("analyses for session-failure")
    assert "repeated-softmax" in begun[first:]
    assert begun[first:].count("analyses for session-failure") > 1, "whose turn it is comes again"


def test_what_runs_the_model_is_loaded_before_static_rules_run_beside_children(
    write_model, monkeypatch
):
    told = Told()
    monkeypatch.setattr(Shapes, "is_done", False)  # the child may be faster than the first rule
    linted(write_model(FLAWED), told, select=["RUN001", "ARC", "GRA"])
    begun = [code for doing, code in told.heard if code]
    assert begun[0] == "RUN001"
    assert begun[1] != "RUN001"


def test_every_rule_runs_once(write_model, monkeypatch):
    ran: Counter[str] = Counter()
    run = RuleRunner._run

    def counted(self, rule):
        ran[rule.code] += 1
        run(self, rule)

    monkeypatch.setattr(RuleRunner, "_run", counted)
    linted(write_model(FLAWED))
    linted(write_model(FLAWED), select=["ARC"])
    assert set(ran.values()) <= {1, 2}
    assert max(ran.values()) == 2


@pytest.mark.parametrize("how", ["leaves", "interrupts", "kills", "hangs", "raises no Exception"])
def test_a_rule_that_misbehaves_meanwhile_is_the_one_that_is_told(
    how, onnxlint, write_model, team  # noqa: F811
):  # fmt: skip
    body, sentence = MISBEHAVIOUR[how]
    done = onnxlint(write_model(FLAWED), "--rules", team(body), "--select", "TEAM,ARC001,RUN",
                    "--time-limit", "16", "--format", "json")  # fmt: skip
    (model,) = json.loads(done.stdout)["models"]
    assert model["error"] is None
    (crash,) = [finding for finding in model["findings"] if finding["code"] == "LNT001"]
    assert "TEAM001 'team-rule'" in crash["message"]
    assert sentence in crash["message"]
    assert {"ARC001", "TEAM002"} <= {finding["code"] for finding in model["findings"]}
    assert model["summary"]["samples"] == 8


@pytest.mark.usefixtures("slow_worker")
def test_pieces_are_done_until_there_are_none(write_model):
    left = [1, 2, 3]

    def piece() -> bool:
        return bool(left) and left.pop() > 0

    path = write_model(FLAWED)
    with closing(Worker(30.0)) as worker:
        worker.meanwhile = piece
        worker.load(path.read_bytes(), path.parent)
    assert not left


@pytest.mark.usefixtures("slow_worker")
def test_pieces_take_none_of_the_time_that_the_worker_has(write_model):
    pieces = iter([1.5])

    def piece() -> bool:
        seconds = next(pieces, 0.0)
        time.sleep(seconds)
        return seconds > 0

    path = write_model("net (float[1] x) => (float[1] y) { y = Relu(x) }")
    with closing(Worker(1.0)) as worker:
        worker.time_limit = 30.0
        worker.load(path.read_bytes(), path.parent)
        worker.time_limit, worker.meanwhile = 1.0, piece
        assert worker.run(Run(FEED, [], ["y"])).outputs["y"] == 0


@pytest.mark.usefixtures("slow_worker")
def test_a_worker_that_takes_too_long_is_ended_all_the_same(write_model):
    path = write_model(FOREVER)
    with closing(Worker(30.0)) as worker:
        worker.load(path.read_bytes(), path.parent)
        worker.time_limit, worker.meanwhile = 1.0, iter([True, False, False]).__next__
        with pytest.raises(LimitReached, match="longer than the 1 s allowed"):
            worker.run(Run(FEED, [], ["y"]))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_an_alarm_inside_another_takes_none_of_its_time():
    with Alarm.after(0.6):
        with Alarm.waiting(), Alarm.after(30.0):
            time.sleep(0.8)
        with pytest.raises(RuleTimeout):
            time.sleep(5.0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
def test_what_is_done_meanwhile_has_an_alarm_of_its_own():
    with Alarm.after(30.0), Alarm.waiting(), pytest.raises(RuleTimeout), Alarm.after(0.1):
        time.sleep(5.0)


def test_findings_have_one_order_whoever_ran_first(write_model):
    reports = [linted(write_model(FLAWED)) for _ in range(2)]
    orders = [list(report.not_applicable) for report in reports]
    assert orders[0] == orders[1]
    assert reports[0].findings == reports[1].findings


def test_weights_that_were_let_go_are_there_again(write_model):
    text = """net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }"""
    with open_model(str(write_model(text))) as model:
        graph = Graph(model)
        before = graph.constant(graph.main.values["w"])
        model.files.let_go()
        assert before is not None
        assert before.tolist() == [[1, 2], [3, 4]]


LEAVING = '''"""Rules of a team."""

import sys

from onnxlint import Finding, Severity, Trace, rule


class Foreseen:
    """It ends everything when it is asked before its time, and when it is asked in it."""

    @classmethod
    def build(cls):
        return cls()

    def foresee(self):
        sys.exit(0)
        yield


@rule("TEAM001", "team-rule", severity=Severity.WARNING)
def team_rule(trace: Trace, foreseen: Foreseen):
    """It is asked in its time, too."""
    yield Finding(next(iter(trace.values())), "it ran")
'''


def test_what_ends_before_its_time_ends_nothing_else(onnxlint, write_model, tmp_path):
    (tmp_path / "team.py").write_text(LEAVING)
    done = onnxlint(write_model(FLAWED), "--rules", "team.py", "--select", "TEAM,ARC001",
                    "--format", "json")  # fmt: skip
    (model,) = json.loads(done.stdout)["models"]
    assert model["error"] is None
    assert {finding["code"] for finding in model["findings"]} == {"ARC001", "TEAM001"}


@pytest.mark.usefixtures("slow_worker")
def test_rules_that_ask_nothing_more_run_while_gradients_are_measured(write_model, slow_worker):
    text = """net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 0.2, -0.2, 1}>
    { a = MatMul(x, w) b = Tanh(a) c = MatMul(b, w) d = Tanh(c) y = MatMul(d, w) }"""
    told = Told()
    linted(write_model(text), told)
    begun = [doing for doing, _ in told.heard]
    first = begun.index("exploding-gradient")
    assert "exploding-activation" in begun[:first]


def test_no_session_is_left_before_all_who_want_it_have_asked(write_model, monkeypatch):
    """As it ships, as it is written, copies that measure gradients; then parts with hazards."""
    text = """net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 0.2, -0.2, 1}, float[2] v = {1, 1}>
    { a = MatMul(x, w) s = Add(a, v) b = Tanh(s) c = MatMul(b, w) d = Tanh(c) e = MatMul(d, w)
    y = Log(e) }"""
    loaded: list[str] = []
    load = Worker.load

    def noted(self, model, folder, level="all", **more):
        loaded.append(level)
        load(self, model, folder, level, **more)

    monkeypatch.setattr(Worker, "load", noted)
    told = Told()
    select = ["RUN", "NUM", "PRD", "ACT004", "vanishing-gradient"]
    linted(write_model(text), told, select=select)
    begun = [doing for doing, _ in told.heard]
    order = ["unread-positions", "vanishing-gradient", "log-of-nonpositive"]
    assert sorted(order, key=begun.index) == order
    assert begun.index("saturated-activation") > begun.index("unread-positions")
    assert begun.index("optimisation-divergence") > begun.index("unread-positions")
    assert loaded[:3] == ["all", "none", "all"]
    assert len(loaded) > 3, "the hazard was looked for"


def test_what_is_asked_next_is_the_same_whoever_is_faster(write_model, request):
    """Samples and directions are made while the model runs, or when they are asked for."""
    text = """net (float[1, 3] x) => (float[1, 3] y)
    <float[3, 3] w = {1, 0.2, 0, -0.2, 1, 0, 0, 0.3, 1}>
    { a = MatMul(x, w) b = Tanh(a) c = MatMul(b, w) d = Tanh(c) y = MatMul(d, w) }"""
    path = write_model(text)
    with pytest.MonkeyPatch.context() as patch:  # nothing is done meanwhile
        patch.setattr(client, "_is_ready", lambda *_: True)
        expected = linted(path, settings=Settings(full_trace=True))
    request.getfixturevalue("slow_worker")
    found = linted(path, settings=Settings(full_trace=True))
    assert found.samples == expected.samples == 8
    assert found.trace == expected.trace
    assert found.findings == expected.findings


def test_a_feed_that_cannot_be_made_is_told_when_it_is_asked_for():
    class Broken(list):
        def __getitem__(self, index):
            if index:
                raise OSError("gone")
            return super().__getitem__(index)

    coming = _Coming(Broken([FEED, FEED]))
    assert coming.take(0, 1) == [FEED]
    coming.make(1, 1)
    with pytest.raises(OSError, match="gone"):
        coming.take(1, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dead-relu", True), ("constant-activation", True), ("swallowed-nan", False),
     ("vanishing-gradient", False), ("batch-coupling", False), ("session-failure", False)],
)  # fmt: skip
def test_what_a_trace_settles_asks_no_more(name, expected):
    (rule,) = [rule for rule in discover().rules if rule.name == name]
    assert asks_no_more(rule) is expected


@pytest.mark.usefixtures("slow_worker")
def test_nobody_asks_a_worker_that_owes_a_reply(write_model):
    path = write_model("net (float[1] x) => (float[1] y) { y = Relu(x) }")
    asked = []
    with closing(Worker(30.0)) as worker:
        worker.load(path.read_bytes(), path.parent)

        def piece() -> bool:
            worker.meanwhile = lambda: False
            with pytest.raises(RuntimeError, match="still owes a reply"):
                worker.run(Run(FEED, [], ["y"]))
            asked.append(True)
            return True

        worker.meanwhile = piece
        assert worker.run(Run(FEED, [], ["y"])).outputs["y"] == 0
        assert worker.run(Run(FEED, [], ["y"])).outputs["y"] == 0
    assert asked


@pytest.mark.parametrize("is_last", [True, False])
def test_a_worker_that_nobody_asks_any_more_is_ended_before_the_report(write_model, is_last):
    text = "net (float[N, 2] x) => (float[N, 2] y) { a = Relu(x) y = Tanh(a) }"
    alive: dict[str, bool] = {}

    class Looking(Watcher):
        def begins(self, doing, rule=None):
            alive[doing] = worker._process is not None

    job = plan(load(None), discover(), str(write_model(text)), settings=Settings())
    with closing(Workers()) as workers:
        worker = workers.with_limits(job.settings.time_limit, job.settings.memory_limit)
        workers.is_last = is_last
        found = lint_model(job, watcher=Looking(), workers=workers)
    assert alive["swallowed-nan"], "it may ask for a witness"
    assert alive["the report"] is not is_last
    assert found.findings == lint_model(job).findings


def test_what_the_report_needs_may_still_be_asked(write_model):
    assert asks_for_report(Settings(series=Path("runs")))
    assert not asks_for_report(Settings())


def test_a_worker_that_reads_is_not_kept_waiting_for_a_piece(write_model, monkeypatch):
    is_ready, write, events = client._is_ready, client._Written.write, []

    def written(self, data):
        size = write(self, data)
        events.append("written")
        return size

    monkeypatch.setattr(client, "_is_ready", lambda pipe, seconds, to_write: bool(seconds)
                        and is_ready(pipe, seconds, to_write))  # fmt: skip
    monkeypatch.setattr(client._Written, "write", written)
    path = write_model("net (float[1] x) => (float[1] y) { y = Relu(x) }")
    with closing(Worker(30.0)) as worker:
        pieces = iter(range(8))
        worker.meanwhile = lambda: (events.append("piece"), next(pieces, None) is not None)[1]
        worker.load(path.read_bytes(), path.parent)
        assert events.index("piece") < events.index("written"), "it is only starting"
        events.clear()
        pieces = iter(range(8))
        worker.run(Run(FEED, [], ["y"]))
        assert events[:2] == ["written", "written"], "its length and the request"
        assert "piece" in events
