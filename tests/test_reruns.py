"""The model as it ships, run again, at any level of optimisation and in any order of users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from onnxlint.analyses import Analyses, Unavailable
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
