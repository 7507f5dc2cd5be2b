"""Masks of -inf before a softmax, and what keeps a row from being masked entirely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    ARITHMETIC,
    JUDGING,
    MOVING,
    REPEATING,
)
from onnxlint.model.graph.traversal import sources
from onnxlint.model.graph.walk import Walk

CARRIERS = MOVING | REPEATING | {"Slice"}
"""Operators that hand on the values of their first input, all of them or a part as a whole."""

_NEAR = 40
"""So many values around a softmax are checked: masks and guards are near it."""

_BEHIND = 1000
"""So many vertices before a mask are searched for the inputs that decide it: exported masks have
some dozens of nodes."""

_FLOAT16, _LOWEST_FLOAT16 = 10, -65504.0


class AttentionMask(Struct, frozen=True):
    """Where a node puts -inf: `condition` decides, and true there means `keeps`."""

    node: Node
    condition: Value
    keeps: bool


class AttentionMasks:
    """Where a model masks scores with -inf before a softmax, and whether a whole row can be."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._infinite: dict[tuple[Value, bool], bool] = {}
        self._empty: dict[tuple[Value, bool, int], bool] = {}
        self._blocked: dict[tuple[Value, bool | None], tuple[int, int] | None] = {}
        self._beyond: dict[Value, tuple[bool, list[Value]]] = {}

    @classmethod
    def build(cls, graph: Graph) -> AttentionMasks:
        """Nothing is read yet."""
        return cls(graph)

    def before(self, value: Value | None) -> Iterator[AttentionMask]:
        """The nodes before a softmax that reads a value at which a condition chooses -inf."""
        for node in _before(value):
            condition = node.input(0)
            if node.op == "Where" and condition is not None:
                for slot, keeps in ((1, False), (2, True)):
                    if self._is_infinite(node.input(slot)):
                        yield AttentionMask(node, condition, keeps)

    def products(self, value: Value | None) -> Iterator[Node]:
        """The nodes before a softmax that multiply what an input decides by -inf."""
        for node in _before(value):
            if node.op == "Mul":
                others = [each for each in node.inputs[:2] if not self._is_infinite(each)]
                if len(others) == 1 and others[0] in self._callers_numbers:
                    yield node

    def blocked_rows(self, value: Value | None) -> Iterator[tuple[int, int]]:
        """Of how many rows (last axis) each constant mask before it masks how many entirely."""
        for node in _before(value):
            if node.op == "Add":
                yield from filter(None, (self._rows(each, None) for each in node.inputs[:2]))
            elif node.op == "Where":
                keeps = self._is_infinite(node.input(2))
                if keeps or self._is_infinite(node.input(1)):
                    yield from filter(None, [self._rows(node.input(0), keeps)])

    def _rows(self, value: Value | None, keeps: bool | None) -> tuple[int, int] | None:
        """The rows that a constant mask masks entirely, and all: of a condition, or of numbers."""
        if value is None:
            return None
        if (value, keeps) not in self._blocked:
            self._blocked[value, keeps] = self._counted(value, keeps)
        return self._blocked[value, keeps]

    def _counted(self, value: Value, keeps: bool | None) -> tuple[int, int] | None:
        import numpy as np

        constant = self._graph.constant(value)
        if constant is None or (keeps is None and constant.dtype.kind != "f"):
            return None
        rows = constant == (-np.inf if keeps is None else not keeps)
        if not rows.ndim or not rows.any():
            return None
        return int(rows.all(axis=-1).sum()), rows.size // rows.shape[-1]

    def can_block_a_row(self, mask: AttentionMask) -> bool:
        """Whether the values of inputs can make a mask block every entry of a row."""
        return self._can_empty(mask.condition, mask.keeps, _NEAR)

    def deciders(self, mask: AttentionMask) -> list[Value]:
        """The model inputs on whose values a mask depends."""
        behind = self._graph.ancestors([mask.condition], by_numbers=True, most=_BEHIND)
        return [value for value in self._graph.inputs if value in behind]

    def is_guarded(self, softmax: Node) -> bool:
        """Whether the output of a softmax is tested for NaN, or replaced by a condition."""
        walk = Walk([softmax.output])
        for value in islice(walk, _NEAR):
            if value not in self._beyond:
                self._beyond[value] = _beyond(value)
            guarded, following = self._beyond[value]
            if guarded:
                return True
            walk.add(*following)
        return False

    @cached_property
    def _callers_numbers(self) -> set[Node | Value]:
        """What the values of the model's inputs decide, without a layer or a whole row between."""
        numbers = self._graph.descendants(self._graph.inputs, by_numbers=True)
        deciding = (node for node in self._graph.nodes(*sorted(JUDGING)) if node in numbers)
        outputs = [value for node in deciding for value in node.outputs if value is not None]
        return numbers - self._graph.descendants(outputs, by_numbers=True)

    def _can_empty(self, value: Value | None, keeps: bool, steps: int) -> bool:
        if value is None or value not in self._callers_numbers or not steps:
            return False
        key = value, keeps, steps
        if key not in self._empty:
            node = value.producer
            self._empty[key] = node is None or self._can_node_empty(node, keeps, steps)
        return self._empty[key]

    def _can_node_empty(self, node: Node, keeps: bool, steps: int) -> bool:
        if node.op in CARRIERS or node.op == "Not":
            return self._can_empty(node.input(0), keeps ^ (node.op == "Not"), steps - 1)
        if node.op in ("And", "Or"):
            some_block = (node.op == "And") == keeps
            parts = (self._can_empty(part, keeps, steps - 1) for part in node.inputs[:2])
            return any(parts) if some_block else all(parts)
        return not self._keeps_first(node, keeps) and not _keeps_diagonal(node, keeps)

    def _keeps_first(self, node: Node, keeps: bool) -> bool:
        """Whether places up to one that is computed are open: the first of them always is."""
        kept = (
            node.op if keeps else {"Greater": "LessOrEqual", "Less": "GreaterOrEqual"}.get(node.op)
        )
        slot = {"LessOrEqual": 0, "GreaterOrEqual": 1}.get(kept or "")
        places = None if slot is None else node.input(slot)
        tensor = self._graph.tensor(places)
        is_threshold = tensor is not None and tensor.size == 1
        return places is not None and places not in self._callers_numbers and not is_threshold

    def _is_infinite(self, value: Value | None) -> bool:
        """Whether a constant is -inf throughout; also one that float16 turns into it."""
        way = [*sources(value, CARRIERS, _NEAR)]
        if not way:
            return False
        *passed, source = way
        casts = (each.producer for each in passed)
        narrows = any(cast is not None and cast.attribute("to") == _FLOAT16 for cast in casts)
        if (source, narrows) not in self._infinite:
            self._infinite[source, narrows] = self._is_below(source, narrows)
        return self._infinite[source, narrows]

    def _is_below(self, source: Value, narrows: bool) -> bool:
        import numpy as np

        maker = source.producer
        if maker is not None and maker.op == "ConstantOfShape":
            numbers = self._graph.fill(maker)
        else:
            numbers = self._graph.constant(source)
        if numbers is None or numbers.dtype.kind not in "fV" or not numbers.size:
            return False
        lowest = _LOWEST_FLOAT16 if narrows else np.finfo(np.float64).min
        with np.errstate(invalid="ignore"):  # NaN of a narrow type
            return bool((numbers.astype(np.float64) < lowest).all())


def _beyond(value: Value) -> tuple[bool, list[Value]]:
    """Whether a reader guards a value from NaN, and where its numbers go on to."""
    following: list[Value] = []
    for reader in value.readers:
        if reader.op == "IsNaN" or (reader.op == "Where" and reader.input(0) is not value):
            return True, []
        if reader.op in CARRIERS or reader.op in ("MatMul", "Mul"):
            following += filter(None, [reader.output])
    return False, following[:_NEAR]


def _before(read: Value | None) -> Iterator[Node]:
    """The nodes that make a softmax's input without a layer between, the nearest first."""
    walk = Walk(_makers([read]))
    for node in islice(walk, _NEAR):
        yield node
        if node.op in CARRIERS:
            walk.add(*_makers(node.inputs[:1]))
        elif node.op in ARITHMETIC:
            walk.add(*_makers(node.inputs[:2]))
        elif node.op == "Where":
            walk.add(*_makers(node.inputs[1:3]))


def _makers(values: Iterable[Value | None]) -> list[Node | None]:
    return [value.producer for value in values if value is not None]


def _keeps_diagonal(node: Node, keeps: bool) -> bool:
    """Whether only places that carry the same number see each other: each sees itself."""
    compared = {[None, *sources(value, CARRIERS, _NEAR)][-1] for value in node.inputs[:2]}
    return node.op == "Equal" and keeps and len(compared) == 1
