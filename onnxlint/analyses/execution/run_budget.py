"""Which questions are asked by running a model again, by what that costs in operations."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.static.operation_counts import (
    A_NODE_JUDGED,
    FREE_OPERATIONS,
    OPERATIONS_A_SECOND,
    OperationCounts,
    watching,
)
from onnxlint.contributions import Contributions, Loss
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import NotApplicable
from onnxlint.settings import DEFAULT_SAMPLES
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot

TIMES = 10.0
"""What judging may cost, as a multiple of loading a model and running one sample."""

BATCHES = (1, 2, 3)
"""Batch sizes that are tried: alone, the least company, and the least that is odd."""

SAMPLES_CHANGED = 4
"""So many samples are changed at once, part by part: what saturates for one may not for others."""

PARTS = 64
"""So many changes of a part of an input at most: of three axes, in two other values each."""

SEQUENCE_RUNS = 20
"""So many runs of a few tokens show the relations of a language model: five of its cache, three of
two samples, two of other tokens, and the rest of padding and positions."""

MOST_SYMBOLS = 6
"""So many dynamic sizes beside the batch vary: more than height, width, time, and two states."""


AIMED = 8
"""So many samples are aimed at a numeric hazard at least: zeros, ones, the ends, empty masks …"""

HAZARD_TIMES = 5.0
"""What aiming at hazards may cost beside all else, as `TIMES`: most models have none."""


class Question(StrEnum):
    """What is asked by running again; those least likely to find something come last."""

    BATCH = "other batch sizes"
    LIMITS = "boundary samples"
    OPTIMISED = "unoptimised model"
    AXES = "other sizes of dynamic axes"
    COMPANY = "two samples in a batch"
    ONE_STEP = "sequences of one step"
    SEQUENCES = "relations of language models"
    SENSITIVITY = "inputs changed one at a time"
    REPEATED = "repeated runs"
    GRADIENTS = "gradients"
    ORDER = "shuffled sequences"
    POSITIONS = "parts of inputs changed one at a time"
    HAZARDS = "inputs aimed at numeric hazards"


def _operations(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * OPERATIONS_A_SECOND


class Work:
    """The operations of loading a model, and of running one sample or the first feed.

    `watching` are those of the statistics of a sample, `spent` what was done before any question.

    What may be asked is settled beforehand for all questions, whichever rules are selected: so no
    answer depends on what was asked before. `left_out` are those that were to be asked all the
    same; of what is not `limited` there are none. `allowed` is what all runs may cost, if the user
    says so.
    """

    def __init__(
        self, load: float, run: float, *, samples: int = 1, inputs: int = 1, symbols: int = 0,
        has_batch: bool = True, has_tokens: bool = False, watching: float = 0.0,
        spent: float = 0.0, limited: bool = True, allowed: float | None = None,
    ) -> None:  # fmt: skip
        self.load, self.run, self.samples = load, run, max(1, samples)
        self._inputs, self._symbols, self._has_batch = inputs, symbols, has_batch
        self._has_tokens = has_tokens
        self._watching, self._spent, self._limited = watching, spent, limited
        self._allowed = allowed
        self.left_out: list[Question] = []
        self._execution: Execution | None = None
        self._settled = self._settle()

    @classmethod
    def build(
        cls, graph: Graph, counts: OperationCounts, watched: Watching, execution: Execution
    ) -> Work:
        """Reads it off what the first run showed, and off shapes; nothing where it did not run."""
        attempt, inputs = execution.attempt, execution.inputs
        if not execution.ran or attempt is None:
            return cls(0.0, 0.0)._after(execution)
        sizes = Sizes(inputs.slots, attempt.feeds[0])
        load, seen = counts.loading, execution.runs[0].types
        run, look = counts.running(attempt.sizes, seen), watching(seen)
        traced = min(execution.samples, DEFAULT_SAMPLES) + execution.samples_inside(watched)
        allowed = _operations(inputs.settings.budget)
        judged = A_NODE_JUDGED * sum(1 for _ in graph.nodes()) if allowed is None else 0
        return cls(
            load,
            run,
            samples=attempt.samples_per_run,
            inputs=len(inputs.slots),
            symbols=len(sizes.others),
            has_batch=sizes.batch is not None,
            has_tokens=any(_may_be_tokens(slot) for slot in inputs.slots),
            watching=look / attempt.samples_per_run,
            spent=2 * load + traced * (run + look) / attempt.samples_per_run + judged,
            limited=not inputs.settings.full_trace,
            allowed=allowed,
        )._after(execution)

    def _after(self, execution: Execution) -> Work:
        self._execution = execution
        return self

    def contribute(self, report: Contributions) -> None:
        """What was not run because a run of the model costs much."""
        questions = [str(question) for question in self.left_out]
        reasons = [f"no runs for {', '.join(questions)}"] if questions else []
        if self._execution is not None and self._execution.runs_left_out:
            runs = len(self._execution.runs)
            usual = runs + self._execution.runs_left_out
            reasons.insert(0, f"{runs} of {usual} runs on synthetic samples")
        if reasons:
            message = f"one sample takes about {self.sample:.0e} operations: {'; '.join(reasons)}"
            hint = f"make all runs with {self._remedy}"
            loss = Loss(message, "runs", Severity.INFO, {"questions": questions}, hint)
            report.losses.append(loss)

    @property
    def _remedy(self) -> str:
        return "--trace full" if self._allowed is None else "a larger --budget"

    @property
    def sample(self) -> float:
        """The operations of one sample."""
        return self.run / self.samples

    @property
    def budget(self) -> float:
        """What all questions together may cost: what the samples left of it."""
        if self._allowed is not None:
            return max(0.0, self._allowed - self._spent)
        if not self._limited:
            return inf
        return max(FREE_OPERATIONS, TIMES * (self.load + self.sample) - self._spent)

    @property
    def for_hazards(self) -> float:
        """What inputs aimed at all numeric hazards may cost: what is left, or an allowance."""
        if self._allowed is not None:
            return self._left
        if not self._limited:
            return inf
        return max(self._left, FREE_OPERATIONS, HAZARD_TIMES * (self.load + self.sample))

    @property
    def of_a_hazard(self) -> float:
        """What is spent on one hazard at least."""
        return 2 * self.load + AIMED * self.sample

    def batches(self, usual: int) -> list[int]:
        """The batch sizes to try beside the usual one; of a large model, the cheapest."""
        sizes = [size for size in BATCHES if size != usual]
        return sizes if sum(sizes) * self.sample <= FREE_OPERATIONS / 2 else sizes[:1]

    def asks(self, question: Question) -> bool:
        """Whether it is to be asked; if not, the report will say so."""
        if question not in self._settled and question not in self.left_out:
            self.left_out.append(question)
        return question in self._settled

    def check(self, question: Question) -> None:
        """Refuses what is not to be asked.

        Raises:
            NotApplicable: the questions before it take what may be spent.
        """
        if not self.asks(question):
            raise NotApplicable(
                f"{question}: about {self._costs[question]:.1g} operations are more than is left "
                f"of the budget for further runs (limit {self.budget:.1g}; {self._remedy} lifts it)"
            )

    def check_size(self, times: float) -> None:
        """Refuses a run that costs so many times what the first feed did.

        Raises:
            NotApplicable: that alone is more than may be spent.
        """
        cost = times * self.run
        if times > 1 and cost > self.budget:
            told = f"a larger size would take about {cost:.1g} operations"
            raise NotApplicable(f"{told} (limit {self.budget:.1g}; {self._remedy} lifts the limit)")

    @property
    def _costs(self) -> Mapping[Question, float]:
        """About what each takes, in the order in which they are settled."""
        load, run, sample = self.load, self.run, self.sample
        batches = load + sum(self.batches(self.samples)) * sample
        return {
            Question.BATCH: batches if self._has_batch else 0.0,
            Question.LIMITS: load + 3 * (sample + self._watching),
            Question.OPTIMISED: 2 * load + 2 * run,
            Question.AXES: min(self._symbols, MOST_SYMBOLS) * run,
            Question.COMPANY: 4 * sample if self._has_batch else 0.0,
            Question.ONE_STEP: run,
            Question.SEQUENCES: SEQUENCE_RUNS * sample if self._has_tokens else 0.0,
            Question.SENSITIVITY: (self._inputs + 1) * run,
            Question.REPEATED: 2 * run,
            Question.GRADIENTS: 2 * load + 3 * run,
            Question.ORDER: 3 * sample * min(SAMPLES_CHANGED, self.samples),
            Question.POSITIONS: PARTS * sample * min(SAMPLES_CHANGED, self.samples),
            Question.HAZARDS: self.of_a_hazard,
        }

    def _settle(self) -> frozenset[Question]:
        left, found = self.budget, set[Question]()
        for question, cost in self._costs.items():
            if cost <= left:
                left -= cost
                found.add(question)
        self._left = left
        if self.of_a_hazard <= self.for_hazards:
            found.add(Question.HAZARDS)
        return frozenset(found)


def _may_be_tokens(slot: Slot) -> bool:
    """Whether an input may take tokens, or vectors in place of them."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    is_id = slot.meaning is Meaning.INDEX and len(slot.dims) == 2
    return is_id or (len(slot.dims) == 3 and "embed" in slot.name.lower())
