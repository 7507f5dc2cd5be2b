"""Runs that are made side by side, each in one of the lanes of a session.

A small model has kernels that leave most cores idle: two runs, each with half of the cores, take
less time than one after the other with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from threading import Thread
from typing import TypeVar

import numpy as np

from onnxlint.runtime.protocol import Array, Statistics
from onnxlint.runtime.statistics.accumulate import Totals
from onnxlint.runtime.statistics.compiled import MOST_SAMPLES, NO_SAMPLES, usable_threads
from onnxlint.runtime.statistics.measure import merge

J = TypeVar("J")
R = TypeVar("R")


class Sums:
    """The statistics of runs, added up in each lane, and over the lanes in the end.

    The runs take the lanes in turns, whichever of them is faster and however many cores there are:
    what is added to what, and with it how sums are rounded, is the same on every machine.
    """

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.threads = usable_threads() if lanes == 1 else max(1, usable_threads() // lanes)
        self._begin()

    def _begin(self) -> None:
        self._totals = [Totals(self.threads) for _ in range(self.lanes)]
        self._runs, self._rows = 0, 0

    def next(self, samples: int) -> Totals:
        """What the next run, of so many samples, is added to."""
        self._rows = self._rows or samples
        self._runs += 1
        return self._totals[(self._runs - 1) % self.lanes]

    def total(self) -> dict[str, Statistics]:
        """The statistics of all runs since this was asked last."""
        found: dict[str, list[Statistics]] = {}
        for totals in self._totals:
            for name, seen in totals.statistics().items():
                found.setdefault(name, []).append(seen)
        merged = {name: self._merged(parts) for name, parts in found.items()}
        self._begin()
        return merged

    def _merged(self, parts: list[Statistics]) -> Statistics:
        merged = reduce(merge, parts)
        rows = [part.samples for part in parts if part.samples is not None]
        if len(rows) > 1 and merged.samples is not None and merged.samples is not NO_SAMPLES:
            merged.samples = in_turns(rows, self._rows)
        return merged


def in_turns(lanes: Sequence[Array], rows: int) -> Array:
    """Samples in the order of the runs, each of which took so many rows of its lane."""
    longest = max(map(len, lanes))
    blocks = [lane[at : at + rows] for at in range(0, longest, rows) for lane in lanes]
    return np.concatenate(blocks)[:MOST_SAMPLES]


def beside(work: Callable[[J], R], jobs: Sequence[J], lanes: int) -> list[R]:
    """What the work gives for each job, in their order; jobs take the lanes in turns."""
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    def follow(lane: int) -> None:
        try:
            for number in range(lane, len(jobs), lanes):
                results[number] = work(jobs[number])
        except BaseException as error:  # it is raised where the others are waited for
            errors.append(error)

    others = [Thread(target=follow, args=(lane,)) for lane in range(1, min(lanes, len(jobs)))]
    for thread in others:
        thread.start()
    follow(0)
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(jobs))]
