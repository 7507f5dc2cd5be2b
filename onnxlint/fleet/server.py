"""`python -m onnxlint.fleet.server PARENT JOBS`: judges one model after the other for a worker."""

from __future__ import annotations

import base64
import gc
import os
import signal
import socket
import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import IO

from onnxlint.fleet.framing import receive, send
from onnxlint.fleet.orders import Answer, Order, skew
from onnxlint.fleet.states import is_address, stat_of, state_of
from onnxlint.job import Job
from onnxlint.judges import Case, Judges
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import PackError, discover
from onnxlint.safety.limits import Budget, end_with_parent, limit_memory, share_cores
from onnxlint.watcher import Watcher

SELDOM = 200_000
"""New objects between two searches for garbage, as in the command."""


class Judging:
    """Judges that know the rules of one set of sources; each model may end one of them."""

    def __init__(self, sources: tuple[Path, ...]) -> None:
        from onnxlint.analyses.execution.worker import Workers

        rules = discover(sources, ()).rules
        self._rules = {rule.code: rule for rule in rules}
        self._workers = Workers()  # each judge has a copy, and the process that it starts
        self._judges = Judges(self._judge, [], rules)

    def lacking(self, order: Order) -> list[str]:
        """Codes of rules that are not here."""
        return [code for code in order.codes if code not in self._rules]

    def report(self, order: Order) -> ModelReport:
        """The report of an order's model."""
        asked = base64.b64encode(order.sealed()).decode()
        budget = Budget.build(order.job.settings)
        return self._judges.report_of(Case(order.job.path, budget, asked))

    def _judge(self, asked: str, watcher: Watcher, without: Collection[str]) -> ModelReport:
        order = Order.opened(base64.b64decode(asked))
        job = order.job_with(self._rules).without(without)
        limit_memory(Budget.build(job.settings).memory)
        return lint_model(job, watcher=watcher, workers=self._workers)

    def close(self) -> None:
        """Ends the judges, and what runs models for them."""
        self._judges.close()
        self._workers.close()


class Server:
    """Answers orders; those of other rules end the judges that do not know them."""

    def __init__(self) -> None:
        self._sources: tuple[Path, ...] | None = None
        self._judging: Judging | None = None

    def answer(self, order: Order) -> Answer:
        """What comes of one order."""
        refusal = skew(order.versions, socket.gethostname())
        if refusal is not None:
            return Answer(refusal=refusal)
        job = order.job
        if not _moved_to(order.folder) and not (
            is_address(job.path) or Path(job.path).is_absolute()
        ):
            return _elsewhere(order)
        try:
            judging = self._judging_by(job)
        except PackError as error:
            return Answer(refusal=f"a worker on {socket.gethostname()}: {error}")
        lacking = judging.lacking(order)
        if lacking:
            told = f"does not find rule {lacking[0]}, which the command has"
            return Answer(
                refusal=f"a worker on {socket.gethostname()} {told}; share its rule files"
            )
        before = stat_of(job.path)
        report = judging.report(order)
        return Answer.to(order, report, state_of(job.path, before, report.external))

    def _judging_by(self, job: Job) -> Judging:
        if self._judging is None or self._sources != job.rule_sources:
            self.close()
            self._judging, self._sources = Judging(job.rule_sources), job.rule_sources
        return self._judging

    def close(self) -> None:
        """Ends all judges."""
        if self._judging is not None:
            self._judging.close()


def _moved_to(folder: str) -> bool:
    """Whether relative paths count from there now, as they do for the command."""
    try:
        os.chdir(folder)
    except OSError:
        return False
    return True


def _elsewhere(order: Order) -> Answer:
    told = (
        f"a worker on {socket.gethostname()} has no folder {order.folder!r}, from which paths of "
        "models count; share it with the workers, or give whole paths or addresses"
    )
    return Answer(refusal=told)


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes to the worker, which nothing that is run here can read or print to."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return requests, replies


def main() -> None:
    """Answers until the worker is gone."""
    parent, jobs = map(int, sys.argv[1:])
    end_with_parent(parent)
    share_cores(jobs)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's
    gc.set_threshold(SELDOM, 20, 100)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    requests, replies = _private_pipes()
    with closing(Server()) as server:
        while (request := receive(requests)) is not None:
            send(replies, server.answer(Order.opened(request)).sealed())


if __name__ == "__main__":
    main()
