"""What becomes of a failed result: the outputs that it reaches, or the guard that takes it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.analyses.ranges import guards
from onnxlint.analyses.ranges.range import Range
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.operators import HIDING_NAN

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge
    from onnxlint.analyses.ranges.zones import Zone
    from onnxlint.model.graph.nodes import Node, Value

MOST_FOLLOWED = 64
"""Values behind a failed one that are looked at. A choice: what repairs it stands near."""


def consequences(evaluation: Knowledge, node: Node, zone: Zone) -> list[Value] | None:
    """The outputs of the model that a failure reaches; none where it is taken away everywhere.

    None where it gets too far to be followed.
    """
    value = node.output
    if value is None or zone.outcome not in _POISONS:
        return None
    return _Spread(evaluation, node, zone).outputs(value)


_POISONS = {
    "NaN": Range.of(0.0, 0.0, nan=True, varies=True),
    "inf": Range.of(float("inf"), float("inf"), varies=True),
    "-inf": Range.of(float("-inf"), float("-inf"), varies=True),
}


class _Spread:
    def __init__(self, evaluation: Knowledge, node: Node, zone: Zone) -> None:
        self._evaluation, self._node, self._zone = evaluation, node, zone
        self._poisoned: dict[Value, Range] = {}

    def outputs(self, start: Value) -> list[Value] | None:
        self._poisoned[start] = _POISONS[self._zone.outcome]
        reached, ahead = [], [start]
        while ahead:
            value = ahead.pop(0)
            if value.is_output and value.scope.owner is None:
                reached.append(value)
            if value.yielded_to or len(self._poisoned) > MOST_FOLLOWED:
                return None
            for reader in value.readers:
                elsewhere = reader.scope is not start.scope or reader.subgraphs
                if elsewhere or reader.called is not None or len(reader.inputs) > MOST_FOLLOWED:
                    return None
                ahead += self._through(reader)
        return reached

    def _through(self, node: Node) -> list[Value]:
        """The outputs of a node that are failed, too."""
        if node.op == "Where" and not self._passes(node):
            return []
        if node.op in ("IsNaN", "IsInf", "Shape", "Size"):
            return []
        read = [None if v is None else self._poisoned.get(v, self._evaluation.of(v))
                for v in node.inputs]  # fmt: skip
        made = self._evaluation.assuming(_nothing, {}).transferred(node, read)
        found = []
        for value, one in zip(node.outputs, made, strict=False):
            if (
                value is not None
                and value not in self._poisoned
                and self._is_failed(node, one, value)
            ):
                self._poisoned[value] = one
                found.append(value)
        return found

    def _is_failed(self, node: Node, one: Range, value: Value) -> bool:
        if not one.is_finite:
            return True
        element_type = self._evaluation.world.element_type(value)
        cast = node.op in ("Cast", "CastLike") and element_type is not None
        if cast and element_type is not None and not is_float(element_type):
            return True  # of infinity and NaN it makes a number that means nothing
        hides = node.op in HIDING_NAN
        return hides and any(
            v in self._poisoned and self._poisoned[v].nan for v in node.inputs if v
        )

    def _passes(self, node: Node) -> bool:
        """Whether a Where lets a failed branch through."""
        condition = node.input(0)
        if condition is None or condition in self._poisoned:
            return True
        for slot, truth in ((1, True), (2, False)):
            value = node.input(slot)
            if value is None or value not in self._poisoned:
                continue
            if self._survives(condition, truth, value):
                return True
        return False

    def _survives(self, condition: Value, truth: bool, value: Value) -> bool:
        """Whether a failed value may be there where a condition is true, or false."""
        operand = self._node.input(self._zone.slot)
        evaluation = self._evaluation
        if operand is not None:
            there = guards.under_condition(evaluation, condition, truth, operand)
            if there is None or not self._zone.hits(there):
                return False
        failed = evaluation.assuming(self._poisoned.__contains__, self._poisoned)
        there = guards.under_condition(failed, condition, truth, value)
        return there is not None and not there.is_finite


def _nothing(value: Value) -> bool:
    """An evaluation that owns nothing keeps nothing."""
    return False
