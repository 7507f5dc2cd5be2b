"""Inputs that reproduce where NaN or infinity first occurs or is hidden, saved for a replay."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.probed_session import Runner
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.trace.trace import Contamination, Trace
from onnxlint.contributions import Contributions, Loss
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.nodes import Node
from onnxlint.settings import Settings
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.types import Feed


MOST_RUNS = 64
"""Runs that are spent on making one witness smaller."""

FINEST_CUT = 32
"""An input is zeroed whole, then by halves, down to so many pieces."""


LONGEST_PART = 48
"""Characters of the model's and of the node's name in a file's: with the rule's code and a hash it
stays below 143 bytes, which eCryptfs allows; other file systems allow 255."""


class WitnessFolder:
    """Where inputs are saved that show a fault; without a folder, none are.

    `problems` says, in a sentence each, why some were not saved; their findings stay.
    """

    def __init__(self, folder: Path | None, model: str) -> None:
        self._folder, self._model = folder, model
        self.problems: list[str] = []

    def contribute(self, report: Contributions) -> None:
        """The witnesses that could not be saved."""
        hint = "choose another folder for --save-witness"
        report.losses += [
            Loss(f"no witness saved: {each}", "witness", Severity.ERROR, hint=hint)
            for each in self.problems
        ]

    @property
    def is_wanted(self) -> bool:
        """Whether `--save-witness` asks for witnesses."""
        return self._folder is not None

    def saved(self, node: Node, code: str, feed: Feed | Callable[[], Feed]) -> dict[str, str]:
        """Where an input was saved, as evidence of a finding; else why it was not.

        `code` is the rule's. A feed that takes time to make is made when the folder is there.
        """
        if self._folder is None:
            return {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            made = feed() if callable(feed) else feed
            return {"witness": str(self._save(self._folder, node, code, made))}
        except (OSError, ValueError, MemoryError, DataError) as error:
            problem = f"{self._folder}: {_reason(error)}"
        if problem not in self.problems:
            self.problems.append(problem)
        return {"witness_problem": problem}

    def _save(self, folder: Path, node: Node, code: str, feed: Feed) -> Path:
        from onnxlint.runtime.data.saving import save

        whose = repr((code, node.scope.path, node.index, node.name))
        of_model = repr((whose, str(Path(self._model).absolute())))
        stem = Path(self._model).stem if self._model != "-" else "model"
        parts = (stem, code, node.name or f"{node.op}_{node.index}")
        safe = "-".join(map(_safe, parts))
        first = safe if safe == "-".join(parts) else f"{safe}-{_hash(whose)}"
        names = [f"{first}.npz", f"{safe}-{_hash(of_model)}.npz"]
        mark = f"onnxlint witness {_hash(of_model, 16)}"
        return save(folder, names, feed, mark.encode())


class Witnesses:
    """Saves the smallest input found for a contamination, where `--save-witness` asks for it."""

    def __init__(self, trace: Trace, runner: Runner, folder: Path | None, model: str) -> None:
        self._trace, self._runner = trace, runner
        self._folder = WitnessFolder(folder, model)

    @property
    def problems(self) -> list[str]:
        """Why witnesses were not saved, in a sentence each."""
        return self._folder.problems

    def contribute(self, report: Contributions) -> None:
        """The witnesses that could not be saved."""
        self._folder.contribute(report)

    @classmethod
    def build(
        cls, watched: Watching, trace: Trace, worker: Worker, settings: Settings
    ) -> Witnesses:
        """Runs and writes nothing yet.

        Raises:
            Unavailable: the model did not run.
        """
        model = watched.graph.model.path
        return cls(trace, Runner(watched, worker), settings.witnesses, model)

    def of(
        self, found: Contamination, code: str, feeds: Sequence[Feed] | None = None
    ) -> dict[str, str]:
        """Where the witness was saved, as evidence of a finding; empty without `--save-witness`.

        `feeds` are those of the runs that it was found in, if not of the trace. Where it cannot be
        saved, the evidence says why.
        """
        attempt = self._trace.execution.attempt
        if attempt is None:
            return {}
        chosen = attempt.feeds if feeds is None else feeds
        return self._folder.saved(
            found.node, code, lambda: self._witness(found, chosen[found.first_run])
        )

    def _witness(self, found: Contamination, feed: Feed) -> Feed:
        with suppress(RunFailure, WorkerDied):
            return self._smallest(found, feed)
        return feed

    def _smallest(self, found: Contamination, feed: Feed) -> Feed:
        """One sample of the feed, with as much of it zeroed as the fault allows."""
        if not self._runner.is_open:
            self._runner.open(closely=True)
        return smaller(feed, lambda each: self._shows(found, each))

    def _shows(self, found: Contamination, feed: Feed) -> bool:
        try:
            return self._trace.shows(found, self._runner.run_closely(feed))
        except RunFailure:
            return False  # the model takes no other number of samples, or no zeros there


def smaller(
    feed: Feed, shows: Callable[[Feed], bool], zeroable: Container[str] | None = None
) -> Feed:
    """One sample of the feed, with as much of it zeroed as still shows a fault.

    `zeroable` are the inputs that may hold zeros; without it all of numbers.
    """
    feed = next((one for one in _single(feed) if shows(one)), feed)
    runs = 0
    for name, pieces in _cuts(feed):
        for piece in range(pieces):
            fits = zeroable is None or name in zeroable
            zeroed = _zeroed(feed, name, piece, pieces) if fits else None
            if zeroed is None:
                continue
            runs += 1
            if runs > MOST_RUNS:
                return feed
            if shows(zeroed):
                feed = zeroed
    return feed


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


def _safe(name: str) -> str:
    """A part of a file's name: short, of characters that every file system and shell takes."""
    return re.sub(r"^[.-]+|[^A-Za-z0-9_.-]+", "_", name)[:LONGEST_PART]


def _hash(text: str, size: int = 4) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=size).hexdigest()


def _reason(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return f"cannot be written ({strerror or str(error) or type(error).__name__})"
