"""The stages of looking for a counterexample, the cheapest first."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING

from onnxlint.analyses.counterexamples.aiming import Aimed
from onnxlint.analyses.counterexamples.bodies import InBodies
from onnxlint.analyses.counterexamples.cones import Cone
from onnxlint.analyses.counterexamples.descent import Descent
from onnxlint.analyses.counterexamples.domains import Samples
from onnxlint.analyses.counterexamples.reached import outputs_reached
from onnxlint.analyses.counterexamples.subject import Counterexample
from onnxlint.analyses.counterexamples.trials import (
    MOST_RUNS,
    REFUSAL,
    Allowance,
    Candidate,
    Found,
    Spent,
    Trials,
)
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.trace.witnesses import smaller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxlint.analyses.counterexamples.subject import Subject
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.types import Feed

MOST_FIRST = 0.4
"""The part of what may be spent that goes to candidates which are no search."""

FEW = 64
"""Of so few samples none are kept for a search."""

A_SYNTHETIC, OF_THE_DATA = "a synthetic sample", "a sample of the data"

MOST_OWN = 16
"""Runs of the samples that ran anyway, or of the user's data, that are made again."""


def looked_for(
    subject: Subject, hazard: Hazard, attempt: Attempt, code: str
) -> tuple[Counterexample | None, int]:
    """An input that shows a hazard, and how many runs that took.

    None where none was found, or no part of the model runs.
    """
    look = _Look(subject, hazard, attempt)
    with suppress(Spent, RunFailure, WorkerDied):
        look.run()
    found = look.found
    shown = None if found is None else look.told_of(found, code)
    return shown, look.allowance.runs


class _Look:
    """One hazard: the samples, the model that ends at its node, and what it may cost."""

    def __init__(self, subject: Subject, hazard: Hazard, attempt: Attempt) -> None:
        self._subject, self._hazard, self._attempt = subject, hazard, attempt
        inputs, work = subject.execution.inputs, subject.work
        self._seed = inputs.settings.seed
        self.samples = Samples(
            inputs.slots, attempt.feeds[0], inputs.settings.inputs, attempt.sizes,
            attempt.samples_per_run,
        )  # fmt: skip
        self.allowance = Allowance(subject.share(hazard), work.load, work.sample)
        graph, node, synthetic = subject.graph, hazard.node, subject.execution.synthetic
        self._in_main = node.scope is graph.main
        refuses = hazard.zone.outcome == REFUSAL
        proof = Cone(graph, node, subject.worker, including=True, synthetic=synthetic)
        search = proof
        if refuses:
            search = Cone(graph, node, subject.worker, including=False, synthetic=synthetic)
        self._trials = Trials(hazard, self.samples, search, proof, self.allowance)
        self._inside = InBodies(subject, hazard, self.samples, self.allowance)

    @property
    def found(self) -> Found | None:
        """What showed it."""
        return self._trials.found if self._in_main else self._inside.found

    def run(self) -> None:
        """All stages, until one finds something.

        Raises:
            Spent: no more runs are to be made.
            RunFailure: the model cannot be run in part.
            WorkerDied: the model ended the worker.
        """
        if self._in_main:
            self._trials.prepare()
            self._trials.as_they_are(self._own())
            for base in self.samples.bases:
                if self.found is None:
                    self._aim(base)
        else:
            aimed = [Aimed(self.samples, self._seed, base) for base in self.samples.bases]
            usual, far = (
                chain(*(each.all() for each in aimed)),
                chain(*(each.far() for each in aimed)),
            )
            self._inside.run(self._own(), [*self._limits(), *usual, *far])

    def _resize(self, aimed: Aimed) -> None:
        """Samples of other sizes."""
        sizes = Sizes(self._subject.execution.inputs.slots, self.samples.base)
        self._trials.as_they_are([*aimed.resized(sizes, self._beyond())])

    def _beyond(self) -> int | None:
        """One more than there are rows in a table that is looked up."""
        zone = self._hazard.zone
        return int(zone.low) + 1 if zone.kind == "index" and zone.low > 0 else None

    def _own(self) -> list[Candidate]:
        """What ran anyway."""
        given, feeds = not self._subject.execution.synthetic, self._attempt.feeds
        told = OF_THE_DATA if given else A_SYNTHETIC
        affordable = self.allowance.samples // (4 * max(1, self.samples.per_run))
        most = max(1 if given else 0, min(MOST_OWN, len(feeds), affordable))
        return [Candidate(feeds[at], told, given) for at in range(most)]

    def _aim(self, base: Feed) -> None:
        """What is aimed at the operand, and then the search from there."""
        trials, aimed = self._trials, Aimed(self.samples, self._seed, base)
        descent = Descent(trials, self.samples, self._seed, base)
        given = not self._subject.execution.synthetic and base is self.samples.base
        usual = Candidate(base, OF_THE_DATA if given else A_SYNTHETIC, given)
        if self._beyond() is not None:
            self._resize(aimed)
        self._try(descent, chain([usual], aimed.few(), self._limits(), aimed.all()))
        for pair in aimed.together():
            if self.found is None:
                trials.as_they_are([pair])
        if self.found is None and self._beyond() is None:
            self._resize(aimed)
        if self.found is None:
            descent.run()
        if self.found is None and not self.samples.is_bounded:
            self._try(descent, aimed.far())
            descent.run_far()

    def _try(self, descent: Descent, candidates: Iterator[Candidate]) -> None:
        """Runs candidates with a part of what may be spent; a few are held at a time."""
        trials = self._trials
        part = MOST_FIRST if trials.most(1.0) > FEW else 1.0
        left, runs = trials.most(part), trials.allowance.runs + MOST_FIRST * MOST_RUNS
        while self.found is None and left > 0 and trials.allowance.runs < runs:
            some = [*islice(candidates, min(left, trials.together))]
            if not some:
                return
            left -= len(some)
            descent.start(some, trials.run(some))

    def _limits(self) -> list[Candidate]:
        """The boundary samples."""
        return [Candidate(each.feed, each.told) for each in self._attempt.limits]

    def told_of(self, found: Found, code: str) -> Counterexample:
        """The finding's part: made small where it is saved."""
        folder, candidate = self._subject.folder, found.candidate
        feed, evidence = candidate.feed, {}
        if folder.is_wanted:
            with suppress(Spent, RunFailure, WorkerDied):
                feed = smaller(feed, self._still_shows, self.samples.zeroable)
            evidence = folder.saved(self._hazard.node, code, feed)
        outputs = self._outputs_reached(feed) if found.seen != REFUSAL else ()
        count = self.samples.count(feed) if self.samples.any_number else 1
        told = _in_company(candidate.told, count)
        valid = not candidate.resized and self.samples.is_declared(feed)
        usual = not candidate.resized and self.samples.is_ordinary(feed)
        return Counterexample(
            feed, told, found.seen, candidate.given or valid, evidence, candidate.given or usual,
            outputs,
        )  # fmt: skip

    def _outputs_reached(self, feed: Feed) -> tuple[str, ...] | None:
        """The outputs of the whole model that show it, if that is affordable."""
        with suppress(Spent, RunFailure, WorkerDied):
            self.allowance.load()
            self.allowance.take(self.samples.count(feed))
            return outputs_reached(self._subject, feed)
        return None

    def _still_shows(self, feed: Feed) -> bool:
        """Whether a smaller input shows it, too."""
        if self._in_main:
            return self._trials.shown(feed) is not None
        return self._inside.shown(feed) is not None


def _in_company(told: str, count: int) -> str:
    """What several samples are like that show it together."""
    if count == 1 or told.startswith("two "):
        return told
    own = {A_SYNTHETIC: "synthetic samples", OF_THE_DATA: "samples of the data"}
    if told in own:
        return f"a batch of {count:,} {own[told]}"
    return f"a batch of {count:,} samples with {told} among them"
