"""What a transfer function is given: a node, and what is known of all that it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range, limits, precision, together
from onnxlint.model.file.dtypes import dtype_name, is_float
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge
    from onnxlint.types import Array

LONGEST_KNOWN = 1024
"""Elements of an operand that is known number by number, such as a shape. A choice."""


class At:
    """A node as a transfer function sees it.

    `node` is the node, `read` what is known of each input slot (None where it is omitted),
    `evaluation` what else can be asked.
    """

    def __init__(self, evaluation: Knowledge, node: Node, read: Sequence[Range | None]) -> None:
        self.evaluation, self.node, self.read = evaluation, node, list(read)
        self._world = evaluation.world

    # what it reads

    def has(self, slot: int) -> bool:
        """Whether an input slot is filled."""
        return slot < len(self.read) and self.read[slot] is not None

    def __getitem__(self, slot: int) -> Range:
        """What is known of an input; anything at all where it is omitted."""
        found = self.read[slot] if slot < len(self.read) else None
        return Range.top(None) if found is None else found

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a Python value, be it that of the function's caller."""
        return self.evaluation.attribute(self.node, name, default)

    def is_decided(self, *names: str) -> bool:
        """Whether these attributes can be read; not where they refer to a caller's lost ones."""
        return all(self.evaluation.is_decided(self.node, name) for name in names)

    def constant(self, slot: int) -> Array | None:
        """All elements of a constant input, of any size."""
        return self._world.graph.constant(self.node.input(slot))

    def known(self, slot: int) -> Array | None:
        """The elements of an operand such as a shape or indices, constant or computed of sizes.

        float64, or the constant's own dtype; None where one of them is not known.
        """
        tensor = self._world.graph.tensor(self.node.input(slot))
        if tensor is not None and tensor.size <= LONGEST_KNOWN:
            return self.constant(slot)
        found, dims = self.read[slot] if self.has(slot) else None, self.dims(slot)
        if found is None or dims is None or not found.is_point or found.low.size > LONGEST_KNOWN:
            return None
        if not all(isinstance(dim, int) for dim in dims) or math.prod(dims) > LONGEST_KNOWN:  # type: ignore[arg-type]
            return None
        return np.broadcast_to(found.low, dims)  # type: ignore[arg-type]

    def integers(self, slot: int) -> list[int] | None:
        """The same as a flat list of integers."""
        found = self.known(slot)
        if found is None or found.dtype.kind not in "fiub" or not np.isfinite(found).all():
            return None
        return [int(number) for number in found.reshape(-1)]

    def number(self, slot: int) -> float | None:
        """The one number of an operand."""
        found = self.known(slot)
        return float(found.reshape(-1)[0]) if found is not None and found.size == 1 else None

    def same(self, one: int, other: int) -> bool:
        """Whether two inputs hold the same numbers."""
        return self._world.numbers.same(self.node.input(one), self.node.input(other))

    def is_same(self, one: Value | None, other: Value | None) -> bool:
        """Whether two values hold the same numbers."""
        return self._world.numbers.same(one, other)

    def producer(self, slot: int) -> Node | None:
        """The node that makes an input, behind copies."""
        value = self.node.input(slot)
        while value is not None and value.producer is not None and value.producer.op == "Identity":
            value = value.producer.input(0)
        return None if value is None else value.producer

    # shapes and types

    def dims(self, slot: int) -> tuple[int | str | None, ...] | None:
        """The sizes of an input's axes: int where known, a symbol or None else."""
        return self.evaluation.dims(self.node.input(slot))

    def dims_out(self, slot: int = 0) -> tuple[int | str | None, ...] | None:
        """The sizes of an output's axes."""
        return self.evaluation.dims(
            self.node.outputs[slot] if slot < len(self.node.outputs) else None
        )

    def rank(self, slot: int) -> int | None:
        """The number of an input's axes."""
        dims = self.dims(slot)
        return None if dims is None else len(dims)

    def size(self, slot: int, axes: Sequence[int] | None = None) -> int | None:
        """The number of an input's elements, along some axes or all; None where it is not known."""
        dims = self.dims(slot)
        if dims is None:
            return None
        sizes = dims if axes is None else [dims[axis] for axis in axes]
        return math.prod(sizes) if all(isinstance(s, int) for s in sizes) else None  # type: ignore[arg-type]

    def element_type(self, slot: int = 0) -> int | None:
        """The element type of an input."""
        return self.evaluation.element_type(self.node.input(slot))

    def element_type_out(self, slot: int = 0) -> int | None:
        """The element type of an output."""
        return self.evaluation.element_type(
            self.node.outputs[slot] if slot < len(self.node.outputs) else None
        )

    def dtype_out(self, slot: int = 0) -> str:
        """Its name; `undefined` where it is not known."""
        found = self.element_type_out(slot)
        return "undefined" if found is None else dtype_name(found)

    @property
    def is_float(self) -> bool:
        """Whether the first output is known to hold floats."""
        found = self.element_type_out()
        return found is not None and is_float(found)

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number of the first output's dtype."""
        return precision(self.element_type_out()) or 2.0**-23

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest finite number of the first output's dtype."""
        return limits(self.element_type_out())

    # what comes out

    def top(self, slot: int = 0) -> Range:
        """Anything that an output's dtype can hold."""
        return Range.top(self.element_type_out(slot))

    def made(
        self, low: Array | float, high: Array | float, *parents: Range, nan: bool = False,
        integer: bool = False, nonzero: bool = False, mixes: bool = False, loose: bool = False,
    ) -> Range:  # fmt: skip
        """A range of what an output holds; what weakens it comes from the parents.

        Args:
            low: the lower ends; broadcast to the output's shape.
            high: the upper ends.
            parents: the inputs that it is computed from; all, if none are given.
            nan: NaN may come out; it may also where a parent holds it.
            integer: all elements are whole numbers.
            nonzero: no element is 0.
            mixes: several elements of an input make one of the output: of a mixed input such a
                bound is loose.
            loose: the ends need not be met.
        """
        from_ = parents or [each for each in self.read if each is not None]
        return Range(
            np.asarray(low, np.float64), np.asarray(high, np.float64),
            nan=nan or any(each.nan for each in from_),
            integer=integer, nonzero=nonzero,
            free=any(each.free for each in from_),
            loose=loose or any(each.loose for each in from_)
            or (mixes and any(each.mixed for each in from_)),
            mixed=mixes or any(each.mixed for each in from_),
            varies=any(each.varies for each in from_),
            failed=any(each.failed for each in from_),
        )  # fmt: skip

    def pair(self, one: int = 0, other: int = 1) -> tuple[Range, Range]:
        """Two inputs whose grids can be combined, and whether both vary is not asked."""
        a, b = together(self[one], self[other])
        return a, b

    def passed(self, slot: int = 0) -> Range:
        """An input as it is: for what only copies."""
        return self[slot]

    def hull(self, slot: int = 0) -> Range:
        """An input's elements in any order, without what is known along axes."""
        return self[slot].hull.without_parts()

    def with_rank(self, slot: int) -> Range:
        """An input with as many axes as its shape has; still without any where that is unknown."""
        rank = self.rank(slot)
        found = self[slot]
        if rank is None or (found.low.ndim not in (0, rank)):
            return found.hull
        return found.spread(rank)


def loosened(one: Range) -> Range:
    """The same, whose ends need not be met."""
    return one if one.loose else replace(one, loose=True)
