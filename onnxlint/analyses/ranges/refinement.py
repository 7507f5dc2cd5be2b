"""A closer look at an operand: its range, put together from pieces of what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges import guards
from onnxlint.analyses.ranges.range import Range, join
from onnxlint.analyses.ranges.transfers import is_pointwise

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge
    from onnxlint.analyses.ranges.zones import Zone
    from onnxlint.model.graph.nodes import Value

MOST_PIECES = 16
"""Pieces that are evaluated for one operand. A choice: at 0 and at guards' constants few are
needed."""


def refined(evaluation: Knowledge, operand: Value, zone: Zone, known: Range) -> Range | None:
    """What an operand may be when what it is made of is cut into pieces; None: not in the zone.

    Values that it is made of element by element are cut, one after the other, at 0 and at the
    constants that stand beside them: each element of the operand lies in one of the pieces.
    """
    pieces = 0
    for value, cuts in _cuttable(evaluation, operand):
        whole = evaluation.of(value)
        ends = sorted({cut for cut in cuts if whole.least < cut < whole.most})
        if not ends or pieces + len(ends) + 1 > MOST_PIECES:
            continue
        parts = []
        for low, high in zip([-np.inf, *ends], [*ends, np.inf], strict=True):
            pieces += 1
            limit = guards.Limit(value, low, high, is_number=False)
            part = guards.under_limits(evaluation, [limit], operand)
            if part is not None:
                parts.append(part)
        if not any(zone.hits(part) for part in parts):
            return None
        closer = join(*parts)
        if closer.most - closer.least < known.most - known.least:
            known = closer
    return known


def _cuttable(evaluation: Knowledge, operand: Value) -> Iterator[tuple[Value, list[float]]]:
    """Values that an operand depends on by more than one way, with where to cut them."""
    way = list(guards.way_of(evaluation, operand))
    constants = [0.0]
    for value in way:
        number = evaluation.world.graph.number(value)
        if number is not None and np.isfinite(number):
            constants += [float(number), -float(number)]
    numbers = evaluation.world.numbers
    uses: dict[int, int] = {}
    for value in way:
        node = value.producer
        for read in node.inputs if node is not None and is_pointwise(node.op) else ():
            if read is not None:
                number_of = numbers.of(read)
                uses[number_of] = uses.get(number_of, 0) + 1
    met = set[int]()
    for value in way:
        number_of = numbers.of(value)
        if uses.get(number_of, 0) > 1 and number_of not in met and evaluation.of(value).varies:
            met.add(number_of)
            yield value, list(dict.fromkeys(constants))[:MOST_PIECES]
