"""Judges models beside a worker's thread, in a process that no model's crash can take with it.

A worker is a program with threads, sockets and a memory of its own: no place to fork a judge from.
So each thread that is given models has a process, started once, that forks the judges.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress

from onnxlint.fleet.framing import receive, send

MOST_TRIES = 3
"""Processes that one model may cost before it is reported instead; a choice, as of the judges."""


class BenchDied(Exception):  # noqa: N818 - it says what became of it
    """The process ended before it answered."""


class Bench:
    """The process, seen from the thread that it works for; so many `jobs` share the cores."""

    def __init__(self, jobs: int) -> None:
        numbers = str(os.getpid()), str(jobs)
        command = [sys.executable, "-P", "-m", "onnxlint.fleet.server", *numbers]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._end = weakref.finalize(self, _ended, self._process)

    def answer(self, order: bytes) -> bytes:
        """The answer to an order.

        Raises:
            BenchDied: there is none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            send(self._process.stdin, order)
            answer = receive(self._process.stdout)
        except OSError as error:
            raise BenchDied from error
        if answer is None:
            raise BenchDied
        return answer

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._end()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent is nobody's
                pipe.close()
    process.wait()


class Benches:
    """The processes of a program's threads, each of which has its own.

    So many `jobs` share the cores, where that is known: threads of a cluster's worker are its own.
    """

    def __init__(self, jobs: int = 1) -> None:
        self._jobs = jobs
        self._of_thread = _OfThread()
        self._all: weakref.WeakSet[Bench] = weakref.WeakSet()
        self._is_closed = threading.Event()

    def judge(self, order: bytes) -> bytes:
        """The answer to one order, from the process of this thread."""
        own = self._of_thread
        for _ in range(MOST_TRIES):
            if self._is_closed.is_set():
                break
            if own.bench is None:
                own.bench = Bench(self._jobs)
                self._all.add(own.bench)
            try:
                return own.bench.answer(order)
            except BenchDied:
                own.bench.close()
                own.bench = None
        return unjudged(order, f"the process that lints models ended {MOST_TRIES} times")

    def close(self) -> None:
        """Ends all processes, whatever they do; no thread gets another."""
        self._is_closed.set()
        for bench in [*self._all]:
            bench.close()


class _OfThread(threading.local):
    bench: Bench | None = None


_OURS = Benches()


def judge(order: bytes) -> bytes:
    """What a worker does with one model: the whole task, whatever executor hands it out."""
    return _OURS.judge(order)


def unjudged(order: bytes, problem: str) -> bytes:
    """The answer where no judge could give one: it is not kept for the next run."""
    from onnxlint.fleet.orders import Answer, Order
    from onnxlint.report import ModelReport

    opened = Order.opened(order)
    job = opened.job
    report = job.completed(ModelReport(job.path, error=problem), seconds=0.0)
    return Answer.to(opened, report).sealed()
