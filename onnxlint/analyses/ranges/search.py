"""The search for hazards: an evaluation that looks at every operand on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.evaluation import MALFORMED, Evaluation
from onnxlint.analyses.ranges.hazard import Hazard
from onnxlint.analyses.ranges.range import Range, limits
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.analyses.ranges.transfers import transfer_of
from onnxlint.analyses.ranges.zones import (
    FLOAT16_MOST,
    HALF_ZONES,
    HAZARDOUS,
    OUTPUT,
    Kind,
    Zone,
    zones_of,
)
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import COMPARISONS, OVERFLOWING, RESCALING, SIZE_OPS

if TYPE_CHECKING:
    from onnx import AttributeProto

    from onnxlint.analyses.ranges.world import Knowledge, World

RECOVERING = (RESCALING - {"Exp", "Log", "Reciprocal"}) | COMPARISONS | {"Sign"}
"""What squashes or normalises a failed value gives numbers that are worth a look of their own."""


NODES_A_STEP = 4
"""So many take about a millisecond: whoever does this while a process works looks for its reply."""


def searching(graph: Graph, ranges: Ranges) -> Generator[None, None, list[Hazard]]:
    """The hazards of a model, in the order of the file, a few nodes at a time.

    Nothing is evaluated where none can be.
    """
    search = Search(ranges)
    nodes = list(graph.nodes(*sorted(HAZARDOUS)))
    nodes += [node for node in graph.nodes() if ranges.is_half(node.output)]
    steps = chain.from_iterable(map(search.looking_at, nodes))
    for number, _ in enumerate(steps):
        if number % NODES_A_STEP == 0:
            yield
    return search.found(graph)


class Search:
    """Evaluates hazardous nodes; keeps the widest hazard of each operand."""

    def __init__(self, ranges: Ranges) -> None:
        self.hits: dict[tuple[Node, int, Kind], Hit] = {}
        self._ranges = ranges.apart(self._evaluation)

    def _evaluation(self, world: World, owns: Callable[[Value], bool]) -> Evaluation:
        return Watched(self, world, owns)

    def looking_at(self, node: Node) -> Iterator[None]:
        """Evaluates a node wherever it runs, step by step."""
        for value in filter(None, node.outputs):
            for evaluation in self._ranges.evaluations_of(value):
                yield from evaluation.learning(value)

    def add(self, hit: Hit) -> None:
        """Takes a hit down, if none of the same operand is wider."""
        key = (hit.node, hit.zone.slot, hit.zone.kind)
        known = self.hits.get(key)
        if known is None or _width(hit.range) > _width(known.range):
            self.hits[key] = hit

    def found(self, graph: Graph) -> list[Hazard]:
        """The hazards that are left when guards and refinements had their say."""
        causes: dict[tuple[Kind, int], Hazard] = {}
        order = {node: place for place, node in enumerate(graph.nodes())}
        for hit in sorted(self.hits.values(), key=lambda hit: order[hit.node]):
            hazard = hit.hazard()
            if hazard is not None:
                causes.setdefault((hazard.kind, hit.cause), hazard)
        return list(causes.values())


def _width(one: Range) -> float:
    return one.most - one.least


class Hit:
    """An operand that reaches into a zone, where it was seen."""

    def __init__(self, evaluation: Knowledge, node: Node, zone: Zone, range_: Range) -> None:
        self.evaluation, self.node, self.zone, self.range = evaluation, node, zone, range_

    @property
    def operand(self) -> Value | None:
        """What must not lie in the zone: an input, or the output."""
        return self.node.output if self.zone.slot == OUTPUT else self.node.input(self.zone.slot)

    @property
    def cause(self) -> int:
        """The number of what is to blame: the operand; of a softmax by hand the logits."""
        numbers, operand = self.evaluation.world.numbers, self.operand
        if self.zone.kind is Kind.SOFTMAX and self.node.op == "Div":
            exponential = self.node.input(0)
            maker = exponential.producer if exponential is not None else None
            operand = maker.input(0) if maker is not None else operand
        return -1 if operand is None else numbers.of(operand)

    def hazard(self) -> Hazard | None:
        """What is left of it; None where a guard, or a closer look, takes it away."""
        from onnxlint.analyses.ranges.consequences import consequences
        from onnxlint.analyses.ranges.refinement import refined

        operand = self.operand
        if operand is None:
            return None
        of_sizes = self.range.free and _is_size(self.evaluation, operand)
        if self.zone.kind is Kind.CAST and of_sizes:
            return None  # no axis is that long
        closer = refined(self.evaluation, operand, self.zone, self.range)
        if closer is None:
            return None
        spread = consequences(self.evaluation, self.node, self.zone)
        if spread is not None and not spread:
            return None
        return Hazard(
            self.node, operand, self.zone, closer, tuple(_way(self.evaluation, operand)),
            None if spread is None else tuple(spread), self.zone.holds(closer), of_sizes,
        )  # fmt: skip


MOST_ON_WAY = 3


def _way(evaluation: Knowledge, value: Value) -> Iterator[Node]:
    """The nodes that made a value what it is: at each the operand whose bounds are widest."""
    at: Value | None = value
    for _ in range(MOST_ON_WAY):
        node = at.producer if at is not None else None
        if node is None:
            return
        yield node
        varying = [v for v in node.inputs if v is not None and evaluation.of(v).varies]
        at = max(varying, key=lambda v: _width(evaluation.of(v)), default=None)


MOST_TO_SIZE = 16
"""Nodes between a size and where it is cast. A choice: shape arithmetic is short."""


def _is_size(evaluation: Knowledge, value: Value) -> bool:
    """Whether a value is computed of sizes, of all that it varies with."""
    at: Value | None = value
    for _ in range(MOST_TO_SIZE):
        node = at.producer if at is not None else None
        if node is None:
            return False
        if node.op in SIZE_OPS:
            return True
        varying = [v for v in node.inputs if v is not None and evaluation.of(v).varies]
        at = max(varying, key=lambda v: _width(evaluation.of(v)), default=None)
    return False


class Watched(Evaluation):
    """An evaluation that tells a search of operands that may fail, and goes on as if they did not.

    What comes out of such an operator is taken to be what it is outside of the zone, so that what
    follows is judged by itself.
    """

    def __init__(
        self, search: Search, world: World, owns: Callable[[Value], bool],
        around: Knowledge | None = None, bound: Mapping[Value, Range] | None = None,
        attributes: Mapping[str, AttributeProto] | None = None, depth: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(world, owns, around, bound, attributes, depth)
        self._search = search

    def inner(
        self, owns: Callable[[Value], bool], bound: Mapping[Value, Range],
        attributes: Mapping[str, AttributeProto] | None = None, depth: int | None = None,
    ) -> Knowledge:  # fmt: skip
        """Watched, too."""
        return Watched(self._search, self.world, owns, self, bound, attributes, depth)

    def transferred(self, node: Node, read: list[Range | None]) -> list[Range]:
        """What a node gives; where it may fail, what it gives where it does not."""
        if node.op not in HAZARDOUS:
            made = super().transferred(node, read)
            self._watch_half(node, read, made)
            made = self._without_overflow(node, read, made)
            return [_recovered(node, each) for each in made]
        at, failed, healed = At(self, node, read), False, list(read)
        for zone in zones_of(at):
            operand = healed[zone.slot] if zone.slot < len(healed) else None
            if operand is None or not zone.hits(operand):
                continue
            failed = failed or not _is_mild(node, zone, operand)
            if not operand.failed:
                self._search.add(Hit(self, node, zone, operand))
            outside = zone.outside(operand)
            healed[zone.slot] = operand if outside is None else outside
        made = super().transferred(node, healed)
        if not failed:
            return [_recovered(node, each) for each in made]
        return [replace(each, nan=False, failed=True) for each in made]

    def _without_overflow(
        self, node: Node, read: list[Range | None], made: list[Range]
    ) -> list[Range]:
        """As if inputs without a range were no larger than what the network can take.

        Every sum of such inputs could overflow, and all that follows be NaN: that is no news.
        """
        if not all(each.is_finite for each in read if each is not None):
            return made
        kept = []
        for value, one in zip(node.outputs, made, strict=False):
            if one.free and not one.is_finite:
                low, high = limits(self.world.element_type(value))
                ends = np.clip(one.low, low, high), np.clip(one.high, low, high)
                one = replace(one, low=ends[0], high=ends[1], nan=False)
            kept.append(one)
        return kept

    def _watch_half(self, node: Node, read: list[Range | None], made: list[Range]) -> None:
        """Tells of a float16 that overflows, although all that is read is finite."""
        if not made or not made[0].infinite or not self.world.is_half(node.output):
            return
        known = [each for each in read if each is not None]
        if made[0].free and not _multiplies(node, known):
            return
        transfer = transfer_of(node.op)
        if transfer is None or not all(each.is_finite and not each.failed for each in known):
            return
        try:
            with np.errstate(all="ignore"):
                found = transfer.function(At(self, node, read))
        except MALFORMED:
            return
        exact = found if isinstance(found, Range) else next(iter(found or ()), None)
        zone = next((zone for zone in HALF_ZONES if exact is not None and zone.hits(exact)), None)
        if exact is not None and zone is not None:
            self._search.add(Hit(self, node, zone, exact))
            kept = made[0].within(-FLOAT16_MOST, FLOAT16_MOST) or made[0]
            made[0] = replace(kept, failed=kept.failed or not kept.free)


def _is_mild(node: Node, zone: Zone, operand: Range) -> bool:
    """Whether what follows is worth a look of its own all the same.

    A cast gives a number, if a wrong one; and squares of what has no range overflow everywhere.
    """
    is_square = zone.kind is Kind.OVERFLOW and node.op not in ("Cosh", "Exp", "Sinh")
    return zone.kind is Kind.CAST or (is_square and operand.free)


def _multiplies(node: Node, read: list[Range]) -> bool:
    """Whether what comes out grows faster than what is read: by products, or sums of very many."""
    if node.op in OVERFLOWING or node.op == "ReduceSum":
        return True
    return node.op in ("Mul", "MatMul", "Einsum") and sum(each.varies for each in read) > 1


def _recovered(node: Node, one: Range) -> Range:
    """No longer failed, behind what gives such numbers as it always does."""
    return replace(one, failed=False) if one.failed and node.op in RECOVERING else one
