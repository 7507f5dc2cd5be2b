"""Grids of boxes along axes: what is folded of them, and what rounding adds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node
    from onnxlint.types import Array

ASSUMED_COUNT = 1024
"""Elements that are taken to be along axes of unknown size where only rounding depends on it."""

SINGLE = 2.0**-23
"""The precision in which kernels add up half-precision numbers."""


class Grid(Struct, frozen=True):
    """A range as boxes of a known number of axes, of which some are to be folded.

    `axes` count from the end; None where they are not known. `sizes` are the sizes of these axes,
    None where one is not known. Ends without axes stand for all elements.
    """

    low: Array
    high: Array
    axes: tuple[int, ...] | None
    sizes: tuple[int | None, ...]

    @property
    def count(self) -> int | None:
        """The number of elements that are folded into one; None where it is not known."""
        if self.axes is None or None in self.sizes:
            return None
        return int(np.prod([size for size in self.sizes if size is not None], dtype=np.int64))

    @property
    def told_apart(self) -> tuple[int, ...]:
        """The axes among them along which there are boxes."""
        if not self.low.ndim or self.axes is None:
            return ()
        return tuple(axis for axis in self.axes if self.low.shape[axis] > 1)

    @property
    def merged(self) -> int | None:
        """How many elements each box stands for along the folded axes."""
        apart = self.told_apart
        sizes = [s for a, s in zip(self.axes or (), self.sizes, strict=False) if a not in apart]
        return None if self.count is None else int(np.prod(sizes, dtype=np.int64))  # type: ignore[arg-type]

    def folded(self, ends: Array, reduce: Callable[..., Array]) -> Array:
        """Ends of boxes along the folded axes brought together; the axes are kept."""
        if not ends.ndim:
            return ends
        axes = tuple(range(-ends.ndim, 0)) if self.axes is None else self.axes
        return np.asarray(reduce(ends, axis=axes, keepdims=True))

    def extremes(self) -> tuple[Array, Array]:
        """The least and the largest along the folded axes."""
        return self.folded(self.low, np.min), self.folded(self.high, np.max)


def grid(at: At, slot: int, axes: Sequence[int] | None) -> Grid:
    """An input as boxes, to be folded along axes that count from either end."""
    x, dims = at[slot], at.dims(slot)
    low, high = np.broadcast_arrays(x.low, x.high)
    if dims is None or low.ndim > len(dims) or axes is None:
        own = x.hull
        return Grid(own.low, own.high, None, ())
    rank = len(dims)
    if not low.size or any(not -rank <= axis < rank for axis in axes):
        return Grid(np.asarray(x.least), np.asarray(x.most), None, ())
    if low.ndim:
        shape = (1,) * (rank - low.ndim) + low.shape
        low, high = low.reshape(shape), high.reshape(shape)
    from_end = tuple(sorted({axis % rank - rank for axis in axes}))
    sizes = tuple(s if isinstance(s, int) else None for s in (dims[axis] for axis in from_end))
    return Grid(low, high, from_end, sizes)


def slip(at: At, count: int | None) -> float:
    """How far a sum of so many numbers may be off, relative to the sum of their magnitudes.

    Half an ulp for each addition: n · eps / 2. Halves are added up in float32.
    """
    if not at.is_float:
        return 0.0
    eps = min(at.eps, SINGLE)
    return min((ASSUMED_COUNT if count is None else count) + 4, 2.0 / eps) * eps / 2


def bounded(made: Range) -> Range:
    """Bounded by what the operator does, whatever it is fed: that an input is free says nothing."""
    return replace(made, free=False, loose=True) if made.free else made


def axes_from_end(at: At, node: Node) -> list[int] | None:
    """The axes of a reduction, counted from the end of its input; [] where it reduces none."""
    dims = at.evaluation.world.dims(node.input(0))
    if dims is None:
        return None
    axes = at.evaluation.attribute(node, "axes")
    if isinstance(axes, int):
        axes = [axes]
    if axes is None and node.input(1) is not None:
        axes = known_integers(at, node, 1)
        if axes is None:
            return None
    if not axes:
        if at.evaluation.attribute(node, "noop_with_empty_axes", 0):
            return []
        axes = range(len(dims))
    if not all(isinstance(axis, int) and -len(dims) <= axis < len(dims) for axis in axes):
        return None
    return sorted({axis % len(dims) - len(dims) for axis in axes})


def known_integers(at: At, node: Node, slot: int) -> list[int] | None:
    """The elements of an operand of any node, where they are known."""
    value = node.input(slot)
    return At(at.evaluation, node, [None] * slot + [at.evaluation.of(value)]).integers(slot)
