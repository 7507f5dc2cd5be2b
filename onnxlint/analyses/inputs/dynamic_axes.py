"""The dynamic sizes of a model's inputs, and feeds of other sizes made from one that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed


_SURE = r"(?i)batch|^(n|b|bs)$"
"""Names of axes that are made for any number of samples."""

_OTHER = r"(?i)node|point|token|edge|atom|box|roi|frame|sample|num_|count"
"""Names of first axes along which the parts belong together, as the nodes of one graph do."""

_MADE_UP = r"(?i)((^|_)dim_?|unk__|Dimension\.|_axes_|^[sud])\d+$|^(None|-1|\?)$|\["
"""Names that exporters give to axes which nobody named, and ours."""


class Sizes:
    """The symbols of the inputs, and which of their axes they name.

    `batch` is the symbol of the axis that counts samples, None where there is none; `batch_axes`
    is that axis of each input which has it.
    """

    def __init__(self, slots: list[Slot], feed: Feed) -> None:
        from onnxlint.runtime.feeds.synthesis import batch_axes

        self._slots = [slot for slot in slots if slot.name in feed]
        axes = batch_axes(self._slots)
        free = {slot.name: slot.dims for slot in self._slots}
        self.batch_axes = {
            name: axis
            for name, axis in axes.items()
            if axis is not None and isinstance(free[name][axis], str)
        }
        counted = [str(free[name][axis]) for name, axis in self.batch_axes.items()]
        self.batch = counted[0] if counted else None
        self._counted = frozenset(counted)
        self.base = {
            str(dim): feed[slot.name].shape[axis]
            for slot in self._slots
            for axis, dim in enumerate(slot.dims)
            if isinstance(dim, str)
        }

    @property
    def others(self) -> list[str]:
        """The symbols beside a sure batch that can be chosen, in the order of the inputs."""
        from onnxlint.runtime.feeds.synthesis import evaluate

        def follows(symbol: str) -> bool:
            rest = {known: 1 for known in self.base if known != symbol}
            return evaluate(symbol, rest) is not None

        return [
            symbol
            for symbol, size in self.base.items()
            if size and not follows(symbol)
            if symbol not in self._counted or self.batch_is_doubtful
        ]

    @property
    def names(self) -> list[str]:
        """The inputs that are fed."""
        return [slot.name for slot in self._slots]

    def slot(self, name: str) -> Slot | None:
        """What is known of an input."""
        return next((slot for slot in self._slots if slot.name == name), None)

    @property
    def batch_is_sure(self) -> bool:
        """Whether the name tells that any number of samples may be fed."""
        return self.batch is not None and re.search(_SURE, self.batch) is not None

    @property
    def batch_is_something_else(self) -> bool:
        """Whether somebody chose a name for the first axis, and none that tells of samples."""
        if self.batch is None or self.batch_is_sure:
            return False
        return re.search(_MADE_UP, self.batch) is None

    @property
    def batch_is_doubtful(self) -> bool:
        """Whether the first axis may well hold parts of one sample.

        So it is where its name says so, where first axes have several names or an input has free
        axes and no batch, as nodes and edges of a graph, and where there is but one axis, as of a
        recording.
        """
        named = self.batch is not None and not self.batch_is_sure and re.search(_OTHER, self.batch)
        apart = any(
            slot.name not in self.batch_axes and any(isinstance(dim, str) for dim in slot.dims)
            for slot in self._slots
        )
        return (
            bool(named)
            or apart
            or len(self._counted) > 1
            or all(len(slot.dims) < 2 for slot in self._slots)
        )

    def tied(self, symbol: str) -> list[str]:
        """The symbols that have, by chance or by need, the same size; the batch is none of them."""
        size = self.base[symbol]
        return [other for other in self.others if self.base[other] == size]

    def with_batch(self, feed: Feed, rows: list[int]) -> Feed:
        """The feed with these samples alone; what has no batch axis stays."""
        taken = {
            name: array.take(rows, self.batch_axes[name]) if name in self.batch_axes else array
            for name, array in feed.items()
        }
        return self._bounded(taken, {**self.base, self.batch or "": len(rows)})

    def resized(self, feed: Feed, changes: Mapping[str, int]) -> Feed:
        """The feed cut, or repeated, to other sizes; symbols that follow from these follow."""
        sizes = {**self.base, **changes}
        return self._bounded(feed | dict(self._resized(feed, sizes, changes)), sizes)

    def _bounded(self, feed: Feed, sizes: Mapping[str, int]) -> Feed:
        """With indices that stay below lengths which follow the sizes."""
        from onnxlint.runtime.feeds.input_slots import bounded

        return feed | {
            slot.name: bounded(slot, feed[slot.name], sizes)
            for slot in self._slots
            if slot.follows_sizes
        }

    def _resized(
        self, feed: Feed, sizes: Mapping[str, int], changes: Mapping[str, int]
    ) -> Iterator[tuple[str, Array]]:
        from onnxlint.runtime.feeds.synthesis import evaluate

        for slot in self._slots:
            array = feed[slot.name]
            for axis, dim in enumerate(slot.dims):
                if not isinstance(dim, str) or not array.shape[axis]:
                    continue
                size = sizes[dim] if dim in changes else evaluate(dim, sizes) or sizes[dim]
                if size != array.shape[axis]:
                    array = array.take([i % array.shape[axis] for i in range(size)], axis)
            yield slot.name, array
