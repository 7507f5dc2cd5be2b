"""Judges the jobs of a command elsewhere: the reports are whole, and in the order of the jobs."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence

from onnxlint.fleet.dispatch import Dispatcher
from onnxlint.fleet.doors import Door
from onnxlint.fleet.orders import Order, versions
from onnxlint.job import Job
from onnxlint.report import ModelReport, decode


def judged_by(door: Door, jobs: Sequence[Job]) -> Generator[ModelReport]:
    """The report of each job; what comes before its turn waits for it.

    Raises:
        FleetError: the workers are gone, or refuse.
    """
    early: dict[int, bytes] = {}
    turn = 0
    for number, answer in Dispatcher(door).answers(_orders(jobs)):
        early[number] = answer.report
        while turn in early:
            yield decode(early.pop(turn), ModelReport)
            turn += 1


def _orders(jobs: Sequence[Job]) -> Iterator[tuple[int, bytes]]:
    here, installed = os.getcwd(), versions()  # noqa: PTH109
    for number, job in enumerate(jobs):
        yield number, Order.of(job, here, installed, whole=True).sealed()
