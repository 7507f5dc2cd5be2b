"""The model as it ships, run again, at any level of optimisation and in any order of users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.execution import reruns as module
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings
from onnxlint.testing import Example, saved

NET = """net (float[N, 3] x) => (float[N, 3] y, seq(float[N, 3]) s)
{ h = Relu(x) y = Neg(h) s = SequenceConstruct(h) }"""


@contextmanager
def analysed(text: str) -> Iterator[Analyses]:
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as model,
        closing(Worker(60.0)) as worker,
        closing(Analyses(Settings(), model, worker)) as analyses,
    ):
        yield analyses


def test_every_level_gives_the_small_outputs() -> None:
    with analysed(NET) as analyses:
        reruns = analyses.get(Reruns)
        feed = {"x": np.array([[1, -2, 3]], np.float32)}
        for level in ("all", "extended", "basic", "none"):
            outputs = reruns.outputs(feed, level)
            assert list(outputs) == ["y"]
            np.testing.assert_array_equal(outputs["y"], [[-1, 0, -3]])


def test_a_level_stays_loaded_until_somebody_else_loads() -> None:
    with analysed(NET) as analyses:
        reruns, worker = analyses.get(Reruns), analyses.get(Worker)
        feed = reruns.attempt.feeds[0]
        reruns.outputs(feed)
        session = worker.session
        reruns.outputs(feed)
        assert worker.session == session
        reruns.outputs(feed, fresh=True)
        assert worker.session == session + 1
        with pytest.raises(RunFailure):
            worker.load(b"no model", Path())
        assert set(reruns.outputs(feed)) == {"y"}


def test_a_refused_feed_and_a_dead_worker_leave_it_usable() -> None:
    with analysed(NET) as analyses:
        reruns, worker = analyses.get(Reruns), analyses.get(Worker)
        with pytest.raises(RunFailure, match="invalid dimensions"):
            reruns.outputs({"x": np.zeros((1, 4), np.float32)})
        reruns.outputs(reruns.attempt.feeds[0])
        worker._process.kill()
        with pytest.raises(WorkerDied):
            reruns.outputs(reruns.attempt.feeds[0])
        assert set(reruns.outputs(reruns.attempt.feeds[0])) == {"y"}


def test_without_a_run_there_is_no_rerun() -> None:
    text = "n (float[2] x) => (float[2] y) { y = com.example.No(x) }"
    with analysed(text) as analyses, pytest.raises(Unavailable, match="cannot load"):
        analyses.get(Reruns)


def test_runs_of_samples_serve_again_while_their_session_is_open(monkeypatch) -> None:
    with analysed(NET) as analyses:
        reruns, worker = analyses.get(Reruns), analyses.get(Worker)
        asked: list[object] = []
        run = worker.run
        monkeypatch.setattr(worker, "run", lambda *a, **k: (asked.append(a), run(*a, **k))[1])
        first = reruns.of_samples(0)
        assert not asked
        reruns.outputs(reruns.attempt.feeds[0], "none")
        again = reruns.of_samples(0)
        assert len(asked) == 2
        np.testing.assert_array_equal(first["y"], again["y"])


WANTED = {"x": np.array([[1, -2, 3]], np.float32)}
MISSHAPEN = {"x": np.zeros((1, 4), np.float32)}


@pytest.fixture
def together(monkeypatch) -> list[int]:
    """How many runs each message asked for."""
    asked: list[int] = []
    run = Worker.run_together

    def counted(self, requests, **more):
        asked.append(len(requests))
        return run(self, requests, **more)

    monkeypatch.setattr(Worker, "run_together", counted)
    return asked


@pytest.mark.parametrize(("room", "asked"), [(module.TOGETHER_BYTES, [3]), (0, [1, 1, 1])])
def test_runs_are_asked_together_as_far_as_there_is_room(room, asked, together, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER_BYTES", room)
    with analysed(NET) as analyses:
        reruns = analyses.get(Reruns)
        del together[:]
        feeds = [{"x": WANTED["x"] * times} for times in (1, 2, 3)]
        outputs = [answer()["y"] for answer in reruns.answers(feeds)]
        assert together == asked
        np.testing.assert_array_equal(outputs, [[[-1, 0, -3]], [[-2, 0, -6]], [[-3, 0, -9]]])


def test_what_is_refused_among_others_is_told_as_if_it_were_alone():
    with analysed(NET) as analyses:
        reruns = analyses.get(Reruns)
        with pytest.raises(RunFailure) as alone:
            reruns.outputs(MISSHAPEN)
        first, second, third = reruns.answers([WANTED, MISSHAPEN, WANTED])
        np.testing.assert_array_equal(first()["y"], third()["y"])
        with pytest.raises(RunFailure) as refused:
            second()
        assert str(refused.value) == str(alone.value)


def test_what_kills_the_worker_is_told_by_the_run_that_does(monkeypatch):
    run = Worker.run_together

    def deadly(self, requests, **more):
        if any(request.feeds is MISSHAPEN for request in requests):
            self._process.kill()
        return run(self, requests, **more)

    monkeypatch.setattr(Worker, "run_together", deadly)
    with analysed(NET) as analyses:
        first, second, third = analyses.get(Reruns).answers([WANTED, MISSHAPEN, WANTED])
        assert set(first()) == {"y"}
        with pytest.raises(WorkerDied):
            second()
        assert set(third()) == {"y"}


def test_a_single_run_is_made_when_it_is_asked_for(together):
    with analysed(NET) as analyses:
        reruns = analyses.get(Reruns)
        del together[:]
        (answer,) = reruns.answers([MISSHAPEN])
        assert not together
        with pytest.raises(RunFailure):
            answer()
        assert together == [1], "what is refused is not run again"


FUSED = """net (float[N, 3, 4, 4] x) => (float[N, 2, 4, 4] y)
<float[2, 3, 1, 1] w = {1, 2, 3, 4, 5, 6}> { c = Conv(x, w) r = Relu(c) y = Neg(r) }"""


def test_the_session_of_the_look_inside_gives_the_unoptimised_outputs():
    with analysed(FUSED) as analyses:
        reruns, worker = analyses.get(Reruns), analyses.get(Worker)
        feed = reruns.attempt.feeds[0]
        assert not reruns.is_open_as_written
        analyses.get(Execution).look_closer()
        assert reruns.is_open_as_written
        session = worker.session
        inside = reruns.outputs(feed, "none")
        assert worker.session == session
        alone = reruns.outputs(feed, "none", fresh=True)
        assert worker.session == session + 1
        assert not reruns.is_open_as_written
        np.testing.assert_array_equal(inside["y"], alone["y"])
