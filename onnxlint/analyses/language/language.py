"""Language models: what must stay the same between their runs.

Every question has a module of its own, which is loaded for a model that it can be asked of.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.language.interface import interface_of
from onnxlint.analyses.static.precision import Rounding
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators import DYNAMIC_SCALES
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.analyses.language.asking import Asked
    from onnxlint.analyses.language.foresight import Foreseen
    from onnxlint.analyses.language.padding import Padded
    from onnxlint.analyses.language.position_tables import TableLimit
    from onnxlint.analyses.language.promised_positions import Promise
    from onnxlint.analyses.language.stepping import Reordered, Step

LIMIT = 0.002
"""The largest difference of an output that rounding explains, as a share of its peak in float32.

Measured on sound decoders of up to 32 layers: 6e-7, in float16 7e-4, which is allowed twice as
much; on encoders with padding 2e-4 (MobileBERT, whose values no layer normalises). The broken
relations of tests/test_language.py change an output by 0.02 or more.
"""


class Language:
    """Runs a language model on short sequences, and compares what must be the same.

    Every question is asked once, of the tokens of one or two samples. Differences are all given;
    whether they exceed rounding, a rule judges.
    """

    def __init__(
        self, asked: Asked, work: Work, promise: Promise | None, inputs: Inputs, worker: Worker
    ) -> None:
        self._asked, self._work, self._promise = asked, work, promise
        self._settings, self._worker = inputs.settings, worker
        self.synthetic = inputs.synthetic

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, execution: Execution, reruns: Reruns,
        rounding: Rounding, work: Work, worker: Worker,
    ) -> Language:  # fmt: skip
        """Recognises the interface; nothing runs yet.

        Raises:
            Unavailable: it is no language model, or its results depend on chance or on all tokens
                together.
            NotApplicable: the runs would cost too much.
        """
        inputs = execution.inputs
        interface = interface_of(graph, shapes, inputs.slots)
        if interface is None:
            raise Unavailable("no input takes tokens that are looked up in a table")
        if any(rounding.drawn_by(value) for value in graph.outputs):
            raise Unavailable("outputs are random")
        if any(True for _ in graph.nodes(*DYNAMIC_SCALES)):
            raise Unavailable("dynamic quantisation rounds all tokens of a run by one scale")
        work.check(Question.SEQUENCES)
        from onnxlint.analyses.language.asking import Asked
        from onnxlint.analyses.language.feeds import Feeder
        from onnxlint.analyses.language.promised_positions import promise_of

        feeder = Feeder(
            interface, inputs.slots, reruns.attempt.feeds[0], inputs.settings.seed,
            given=not execution.synthetic,
        )  # fmt: skip
        promise = promise_of(inputs.settings, interface.tokens.name, graph.model.files)
        asked = Asked(interface, feeder, reruns, graph, rounding)
        return cls(asked, work, promise, inputs, worker)

    @cached_property
    def steps(self) -> list[Step]:
        """Tokens with a cache, beside the same ones without, be it in another file.

        Raises:
            Unavailable: there is no cache, or no run without it.
        """
        from onnxlint.analyses.language.first_call import steps_of_two
        from onnxlint.analyses.language.stepping import Stepping

        try:
            alone = Stepping(self._asked).steps()
        except Unavailable as refused:
            if not self._asked.interface.grows:
                raise
            try:
                return steps_of_two(self._asked, self._settings, self._worker)
            except Unavailable as error:
                raise Unavailable(f"{refused}; {error}") from error
        with suppress(Unavailable):
            return alone + steps_of_two(self._asked, self._settings, self._worker)
        return alone

    @cached_property
    def reordered(self) -> list[Reordered]:
        """Samples that changed places with their caches.

        Raises:
            Unavailable: there is no cache, or no room for two samples.
        """
        from onnxlint.analyses.language.stepping import Stepping

        return Stepping(self._asked).reordered()

    @cached_property
    def foreseen(self) -> list[Foreseen]:
        """What later tokens change of earlier ones.

        Raises:
            Unavailable: the model need not be causal.
        """
        from onnxlint.analyses.language.foresight import Foresight

        return Foresight(self._asked).seen()

    def looks_ahead(self, limit: float) -> bool:
        """Whether later tokens change earlier scores: no cache can make up for that."""
        with suppress(NotApplicable):
            return any(each.difference.exceeds(limit) for each in self.foreseen)
        return False

    @cached_property
    def padded(self) -> list[Padded]:
        """What masked padding changes.

        Raises:
            Unavailable: nothing masks padding.
        """
        from onnxlint.analyses.language.padding import Padding

        return Padding(self._asked, LIMIT).changes()

    @cached_property
    def limits(self) -> list[TableLimit]:
        """Tables of positions that are too short, or looked up beyond their end.

        Raises:
            NotApplicable: there is none, or a run beyond it would cost too much.
        """
        from onnxlint.analyses.language.position_tables import PositionTables

        found = PositionTables(self._asked, self._work, self._promise).limits()
        return [each for each in found if each.promised is not None or not self._miscounts]

    @property
    def _miscounts(self) -> bool:
        """Whether positions, or all else, go wrong with a cache: none gets far then."""
        with suppress(NotApplicable):
            return any(step.difference.exceeds(LIMIT) for step in self.steps)
        return False
