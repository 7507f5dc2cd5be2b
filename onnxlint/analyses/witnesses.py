"""Inputs that show where NaN or infinity is born or hidden, saved for a person to replay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.analyses.runner import Runner
from onnxlint.analyses.shapes import Shapes
from onnxlint.analyses.trace import Contamination, Trace
from onnxlint.analyses.worker import RunFailure, Worker
from onnxlint.model.errors import DataError
from onnxlint.model.graph import Graph
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.messages import Array

    Feed = dict[str, Array]

MOST_RUNS = 64
"""Runs that are spent on making one witness smaller."""

FINEST_CUT = 32
"""An input is zeroed whole, then by halves, down to so many pieces."""


class Witnesses:
    """Saves the smallest input found for a contamination, where `--save-witness` asks for it."""

    def __init__(self, trace: Trace, runner: Runner, folder: Path | None, stem: str) -> None:
        self._trace, self._runner = trace, runner
        self._folder, self._stem = folder, stem

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, trace: Trace, worker: Worker, settings: Settings
    ) -> Witnesses:
        """Runs and writes nothing yet.

        Raises:
            Unavailable: the model did not run.
        """
        stem = Path(graph.model.path).stem if graph.model.path != "-" else "model"
        return cls(trace, Runner(graph, shapes, worker), settings.witnesses, stem)

    def of(
        self, found: Contamination, code: str, feeds: Sequence[Feed] | None = None
    ) -> dict[str, str]:
        """Where the witness was saved, as evidence of a finding; empty where none was asked for.

        `feeds` are those of the runs that it was found in, if not of the trace.

        Raises:
            DataError: it cannot be written.
        """
        attempt = self._trace.execution.attempt
        if self._folder is None or attempt is None:
            return {}
        feed = (attempt.feeds if feeds is None else feeds)[found.first_run]
        with suppress(RunFailure):
            feed = self._smallest(found, feed)
        node = re.sub(r"\W+", "_", found.node.name) or f"{found.node.op}_{found.node.index}"
        path = self._folder / f"{self._stem}-{code}-{node}.npz"
        _save(path, feed)
        return {"witness": str(path)}

    def _smallest(self, found: Contamination, feed: Feed) -> Feed:
        """One sample of the feed, with as much of it zeroed as the fault allows."""
        if not self._runner.is_open:
            self._runner.open(closely=True)
        feed = next((one for one in _single(feed) if self._shows(found, one)), feed)
        runs = 0
        for name, pieces in _cuts(feed):
            for piece in range(pieces):
                smaller = _zeroed(feed, name, piece, pieces)
                if smaller is None:
                    continue
                runs += 1
                if runs > MOST_RUNS:
                    return feed
                if self._shows(found, smaller):
                    feed = smaller
        return feed

    def _shows(self, found: Contamination, feed: Feed) -> bool:
        try:
            return self._trace.shows(found, self._runner.run_closely(feed))
        except RunFailure:
            return False  # the model takes no other number of samples, or no zeros there


def _single(feed: Feed) -> Iterator[Feed]:
    """Each sample alone, where the first axis of every input may count them."""
    counts = {array.shape[:1] for array in feed.values()}
    samples = next(iter(counts), ()) if len(counts) == 1 else ()
    for at in range(*samples) if samples > (1,) else ():
        yield {name: array[at : at + 1] for name, array in feed.items()}


def _cuts(feed: Feed) -> Iterator[tuple[str, int]]:
    """Inputs of numbers, and into how many pieces to cut them: coarse cuts first."""
    pieces = 1
    while pieces <= FINEST_CUT:
        yield from ((name, min(pieces, array.size)) for name, array in feed.items()
                    if array.dtype.kind in "fiu" and array.size)  # fmt: skip
        pieces *= 2


def _zeroed(feed: Feed, name: str, piece: int, pieces: int) -> Feed | None:
    """The feed with one piece of one input zeroed; None where it is zero."""
    array = feed[name].copy()
    flat = array.reshape(-1)
    start, stop = (flat.size * at // pieces for at in (piece, piece + 1))
    if not flat[start:stop].any():
        return None
    flat[start:stop] = 0
    return {**feed, name: array}


def _save(path: Path, feed: Feed) -> None:
    import numpy as np

    arrays = {name: array.astype(str) if array.dtype.kind == "O" else array
              for name, array in feed.items()}  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    except OSError as error:
        told = f"the witness {str(path)!r} cannot be written: {error.strerror}"
        raise DataError(told) from error
