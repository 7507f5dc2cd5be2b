"""Tables of positions: whether they have a row for every position, and what is beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.run_budget import Work
from onnxlint.analyses.language.asking import Asked
from onnxlint.analyses.language.promised_positions import Promise
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Feed, Outputs

LEAST_ROWS = 4
"""Tables of kinds of tokens have two or three rows. A choice of ours."""

BEYOND = 8
"""So far beyond the last row a position is tried: tables may have some rows for padding."""

BEFORE = 60
"""Vertices before the sum of tokens and positions that are looked at: norms and scales."""


class TableLimit(Struct, frozen=True):
    """A table of positions with `rows`, and what is wrong with it.

    `promised` positions are more than it has; or `beyond` is one that is taken although there is no
    row for it: as another one, `as_row` if that is known.
    """

    node: Node
    rows: int
    promised: Promise | None = None
    beyond: int | None = None
    as_row: int | None = None

    @property
    def starts_again(self) -> bool:
        """Whether it is taken as an earlier one than the last."""
        return self.as_row is not None and self.as_row < self.rows - 1

    @property
    def place(self) -> Place:
        """That of the look-up."""
        return self.node.place


class PositionTables:
    """Asks what is at the end of the tables of positions."""

    def __init__(self, asked: Asked, work: Work, promise: Promise | None) -> None:
        self._asked, self._work, self._promise = asked, work, promise

    def limits(self) -> list[TableLimit]:
        """The tables that are too short, or that are looked up beyond their end.

        Raises:
            Unavailable: there is none.
        """
        tables = list(self._tables())
        if not tables:
            raise Unavailable("no table of positions is added to the tokens")
        found: list[TableLimit] = []
        for node, rows in tables:
            promise = self._promise
            if promise is not None and promise.count > rows:
                found.append(TableLimit(node, rows, promised=promise))
            elif (beyond := self._beyond(node, rows)) is not None:
                found.append(beyond)
        return found

    def _tables(self) -> Iterator[tuple[Node, int]]:
        """The look-ups of rows that are added to those of tokens, by no values of tokens."""
        graph, interface = self._asked.graph, self._asked.interface
        values = graph.main.values
        others = {values[slot.name] for slot in (interface.tokens, interface.kinds) if slot}
        for node in graph.nodes("Gather", "GatherND"):
            table, index = graph.tensor(node.input(0)), node.input(1)
            if table is None or index is None or len(table.dims) != 2:
                continue
            rows, width = table.dims
            if rows < LEAST_ROWS or width != interface.width:
                continue
            before = graph.ancestors([index], by_numbers=True)
            if others.isdisjoint(before) and self._is_added(node, values[interface.tokens.name]):
                yield node, rows

    def _is_added(self, node: Node, tokens: Value) -> bool:
        """Whether the rows are added to what tokens are looked up as, before any layer."""
        graph = self._asked.graph
        for reader in node.output.readers if node.output is not None else ():
            if reader.op != "Add":
                continue
            for other in reader.inputs:
                if other is None or other is node.output:
                    continue
                before = graph.ancestors([other], by_numbers=True, most=BEFORE)
                layers = any(isinstance(each, Node) and each.op == "MatMul" for each in before)
                if tokens in before and not layers:
                    return True
        return False

    def _beyond(self, node: Node, rows: int) -> TableLimit | None:
        """A position without a row that is taken all the same; None where it is refused."""
        at = rows + BEYOND
        try:
            outputs = self._at(at)
        except Unavailable:
            return None
        if self._asked.interface.positions is None:
            return TableLimit(node, rows, beyond=at)
        first, last = self._at(0), self._at(rows - 1)
        if self._same(first, last):  # one token alone shows nothing of where it is
            return None
        rest = ((rows - 1, last), (at % rows, self._at(at % rows)), (0, first))
        same = (row for row, known in rest if self._same(outputs, known))
        return TableLimit(node, rows, beyond=at, as_row=next(same, None))

    def _same(self, one: Outputs, other: Outputs) -> bool:
        judged = dict(self._asked.judged(one))
        return all(bool((array == other[value.name]).all()) for value, array in judged.items())

    def _at(self, position: int) -> Outputs:
        """A run whose last token is at a position: told, behind a cache, or behind other tokens."""
        import numpy as np

        asked, interface = self._asked, self._asked.interface
        samples, steps = asked.samples, interface.steps or 1
        if interface.positions is not None:
            places = np.full((samples, steps), position)
            return self._run(asked.feeder.feed(asked.feeder.tokens(samples, steps), places=places))
        if interface.grows and not any(cache.is_buffer for cache in interface.caches):
            tokens = asked.feeder.tokens(samples, steps)
            return self._run(asked.feeder.feed(tokens, length=position + 1 - steps))
        if interface.steps is not None:
            raise Unavailable("every call takes the same number of tokens")
        self._work.check_size(position + 1.0)
        return self._run(asked.feeder.feed(asked.feeder.tokens(samples, position + 1)))

    def _run(self, feed: Feed) -> Outputs:
        return self._asked.run(feed, "at a position")
