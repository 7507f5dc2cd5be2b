"""The layers that are asked for, in the order that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from msgspec import Struct

from onnxlint.inspection.expressions import Expression, ExpressionError, parse
from onnxlint.inspection.facts import FACTS, KINDS, MOST_AXES, facts_of
from onnxlint.inspection.inspected import Layer
from onnxlint.inspection.operations import Kind
from onnxlint.model.patterns.parser import suggestion
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable

Read = TypeVar("Read", Expression, "Order")


class Shortcut(Struct, frozen=True):
    """A condition that people ask for often, and how its layers are sorted."""

    condition: str
    sort: str | None = None
    most: int | None = None


LARGEST = 10
"""Layers that `largest` shows: a choice, half a screen."""

SHORTCUTS = {
    "has-nan": Shortcut("has_nan"),
    "has-inf": Shortcut("has_inf"),
    "dead": Shortcut("dead > 0", "dead,desc"),
    "saturated": Shortcut("saturated > 0", "saturated,desc"),
    "constant": Shortcut("is_constant"),
    "largest": Shortcut("magnitude is not None and not is_glue", "magnitude,desc", LARGEST),
}

IN_TABLE = frozenset({
    "number", "op", "module", "output", "dtype", "shape", "rank", "parameters", "params", "min",
    "max", "has_nan", "has_inf", "is_glue", "bound_min", "bound_max", "bound_nan",
    *(f"dim{axis}" for axis in range(MOST_AXES)),
})  # fmt: skip
"""Facts that the columns of every table show."""


class Order(Struct, frozen=True):
    """By a fact, ascending or descending; layers of which it is not known come last."""

    key: str
    descending: bool = False

    @classmethod
    def parse(cls, text: str) -> Order:
        """Reads `KEY` or `KEY,desc`.

        Raises:
            ExpressionError: there is no such key or direction.
        """
        key, _, direction = (part.strip() for part in text.partition(","))
        if key not in FACTS:
            known = f"; there are {', '.join(FACTS)}"
            raise ExpressionError(
                f"no fact is called {printable(key)!r}{suggestion(key, FACTS) or known}"
            )
        if FACTS[key].kind is Kind.LIST:
            raise ExpressionError(f"{key} is a list, and has no order; rank and dim0 have one")
        if direction not in ("", "asc", "desc"):
            raise ExpressionError(f"{printable(direction)!r} is no direction; use asc or desc")
        return cls(key, direction == "desc")

    def sorted(self, layers: Sequence[Layer]) -> list[Layer]:
        """The layers in this order; those that are equal in that of the file."""
        known = {layer.number: FACTS[self.key].of(layer) for layer in layers}
        told = [layer for layer in layers if known[layer.number] is not None]
        told.sort(key=lambda layer: known[layer.number], reverse=self.descending)
        return told + [layer for layer in layers if known[layer.number] is None]


class Choice(Struct, frozen=True):
    """What is asked for by facts: conditions that all must hold, an order, and a limit.

    `unfolds`: a condition of the user's is about glue, which is shown then.
    """

    conditions: tuple[Expression, ...] = ()
    order: Order | None = None
    most: int | None = None
    unfolds: bool = False

    @classmethod
    def of(cls, where: Sequence[str], find: Sequence[str], sort: str | None) -> Choice:
        """Reads the options.

        Raises:
            ExpressionError: one of them cannot be read.
        """
        shortcuts = [SHORTCUTS[name] for name in find]
        asked = [_named("--where", partial(parse, kinds=KINDS), text) for text in where]
        conditions = [*asked, *(parse(shortcut.condition, KINDS) for shortcut in shortcuts)]
        sorts = [sort, *(shortcut.sort for shortcut in shortcuts)]
        chosen = next((text for text in sorts if text is not None), None)
        order = None if chosen is None else _named("--sort", Order.parse, chosen)
        limits = [shortcut.most for shortcut in shortcuts if shortcut.most is not None]
        unfolds = any("is_glue" in condition.names for condition in asked)
        return cls(tuple(conditions), order, min(limits, default=None), unfolds)

    @property
    def names(self) -> list[str]:
        """The facts that it asks for, in their own order."""
        asked = {name for condition in self.conditions for name in condition.names}
        asked |= {self.order.key} if self.order is not None else set()
        return [name for name in FACTS if name in asked]

    @property
    def columns(self) -> list[str]:
        """The facts among them that no column shows anyway."""
        return [name for name in self.names if name not in IN_TABLE]

    def needs(self, source: str) -> bool:
        """Whether it asks for what only a `run` or `bounds` tell."""
        return bool(self.of_source(source))

    def of_source(self, source: str) -> list[str]:
        """The facts that it asks for and that a source tells."""
        return [name for name in self.names if FACTS[name].source == source]

    def told(self, shown: int, among: int, unknown: int) -> Iterator[str]:
        """What is said of the layers shown, of so many, where there are conditions."""
        if self.conditions:
            is_cut = self.most is not None and shown == self.most
            yield f"{shown:,} of {counted(among, 'node')} " + ("shown" if is_cut else "match")
        if unknown:
            names = ", ".join(self.names)
            yield f"{counted(unknown, 'node')} left out of which not enough is known ({names})"

    def of_layers(self, layers: Sequence[Layer]) -> tuple[list[Layer], int]:
        """The layers that meet it, and of how many others too little is known to say."""
        chosen, unknown = [], 0
        for layer in layers:
            facts = facts_of(layer)
            holds = [condition.holds(facts) for condition in self.conditions]
            if all(holds):
                chosen.append(layer)
            elif False not in holds:
                unknown += 1
        if self.order is not None:
            chosen = self.order.sorted(chosen)
        return chosen[: self.most], unknown


def _named(option: str, read: Callable[[str], Read], text: str) -> Read:
    try:
        return read(text)
    except ExpressionError as error:
        raise ExpressionError(f"{option}: {error}") from error
