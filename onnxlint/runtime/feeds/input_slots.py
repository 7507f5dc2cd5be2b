"""What one input of a model is like: its dtype, its dims with symbols, and what it means."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from enum import StrEnum
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from onnxlint.types import Array


Dim = int | str

LONGEST_EXPRESSION = 1_000
"""Characters of a symbol that is read as a sum or a product of others; those have some dozens."""


class Meaning(StrEnum):
    """What an input's numbers stand for."""

    NOISE = "noise"
    POSITIVE = "positive"
    INDEX = "index"
    MASK = "mask"
    COUNT = "count"
    LENGTH = "length"
    GIVEN = "given"
    PIXEL = "pixel"
    TEXT = "text"


class Column(Struct, frozen=True):
    """What the model says of one column of an input, or of all elements.

    `options` are the values that it knows, or one from each side of its thresholds; where there are
    none, numbers lie around `centre` with the standard deviation `spread`. `has_words`: the options
    are texts that are split into words, and so may be empty.
    """

    options: tuple[float | int | str, ...] = ()
    centre: float = 0.0
    spread: float = 1.0
    has_words: bool = False


class Bound(Struct, frozen=True):
    """An index into an axis of this size, after it was multiplied by `scale` and `shift` added."""

    size: Dim
    scale: int = 1
    shift: int = 0

    def ends(self, sizes: Mapping[str, int]) -> tuple[int, int] | None:
        """The lowest and the highest valid number; None where there is none, or it is not known."""
        size = size_of(self.size, sizes)
        if size is None or not self.scale:
            return None
        ends = (-self.shift / self.scale, (size - 1 - self.shift) / self.scale)
        lowest, highest = ceil(min(ends)), floor(max(ends))
        return (lowest, highest) if lowest <= highest else None


class Slot(Struct, frozen=True):
    """One input to synthesise: numpy dtype, dims with symbols, and what it means.

    `bound` is the number of rows of the table that an index must stay in, or what is counted, and
    `lowest` the least index; `bounds` tell both once sizes are known. `range` is the least and the
    largest number, `given` the numbers where no others are valid, `columns` what the model says of
    all elements, or of each column, `exact` a dim and what is added
    to it where no other number is valid. `is_signal`: the last axis is time in fine steps;
    `may_be_signal`: that is tried where shorter ones do not run.
    """

    name: str
    dtype: str
    dims: tuple[Dim, ...]
    meaning: Meaning = Meaning.NOISE
    bound: int = 2
    range: tuple[float, float] | None = None
    given: tuple[float, ...] = ()
    is_signal: bool = False
    may_be_signal: bool = False
    lowest: int = 0
    bounds: tuple[Bound, ...] = ()
    columns: tuple[Column, ...] = ()
    exact: tuple[Dim, int] | None = None

    @property
    def follows_sizes(self) -> bool:
        """Whether its numbers must stay below lengths that follow dynamic sizes."""
        free = any(isinstance(bound.size, str) for bound in self.bounds)
        return self.meaning is Meaning.INDEX and (free or self.exact is not None)


def resolved(slot: Slot, sizes: Mapping[str, int]) -> Slot:
    """The slot whose bounds hold at these sizes; a bound that no number fulfils is left out."""
    if slot.exact is not None:
        size = (size_of(slot.exact[0], sizes) or 1) + slot.exact[1]
        return replace(slot, lowest=size, bound=size + 1)
    ends = [found for bound in slot.bounds if (found := bound.ends(sizes)) is not None]
    lowest = max((low for low, _ in ends), default=slot.lowest)
    highest = min((high for _, high in ends), default=slot.bound - 1)
    return replace(slot, lowest=lowest, bound=max(lowest, highest) + 1) if ends else slot


def bounded(slot: Slot, array: Array, sizes: Mapping[str, int]) -> Array:
    """Indices brought back below the bounds that hold at other sizes than they were made for."""
    now = resolved(slot, sizes)
    wrapped = now.lowest + (array - now.lowest) % max(1, now.bound - now.lowest)
    return np.asarray(wrapped, array.dtype)


def size_of(dim: Dim, sizes: Mapping[str, int]) -> int | None:
    """The size of a dim, be it fixed, a symbol or a sum of symbols."""
    if isinstance(dim, int):
        return dim
    return sizes[dim] if dim in sizes else evaluate(dim, sizes)


_OPERATORS = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "FloorDiv": operator.floordiv,
    "Div": operator.floordiv,
}
"""By the names that Python's own syntax has for them: its module loads for a millisecond."""


def evaluate(symbol: str, sizes: Mapping[str, int]) -> int | None:
    """What a symbol such as `past_sequence_length + 1` is by the sizes of its parts.

    None where it is no such expression, or a part is not known.
    """

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name) and node.id in sizes:
            return sizes[node.id]
        if isinstance(node, ast.BinOp) and type(node.op).__name__ in _OPERATORS:
            return int(_OPERATORS[type(node.op).__name__](value(node.left), value(node.right)))
        raise ValueError(symbol)

    if symbol.isidentifier():
        return sizes.get(symbol)
    if len(symbol) > LONGEST_EXPRESSION:
        return None
    try:
        return value(ast.parse(symbol, mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        return None
