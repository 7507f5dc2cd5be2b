"""The features of an input as columns of both sets: what each sample gives, and its bins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.inputs.user_data import FedInput
from onnxlint.shift_report import Side

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_COLUMNS = 4096
"""Columns of an input; of more, every n-th is compared. A choice: a page of 64 by 64 pixels."""

FEW_IDS = 8
"""Integers of a sample that are columns, each with its own meaning; more are tokens. A choice."""

FEW_VALUES = 16
"""Values of a column that are a scale, or classes; a choice."""


MOST_CHANNELS = 32
"""Channels of a series whose axis no reader tells; a choice."""

LEAST_CHANGE, LEAST_CHANGE_OF_FEW = 0.2, 0.05
"""Change of a share that a message names, and where a column has few values. A choice."""


class Compared(Struct, frozen=True, eq=False):
    """One feature: `values` of the samples of training, then of the others; `bins` as they are
    tested, [samples, bins]. Of tokens a value is all ids of a sample."""

    input: FedInput
    name: str
    kind: str
    values: list[Array] | Array
    bins: Array

    def sides(self, first: int) -> tuple[Side, Side, str | None]:
        """Both sets, of which the first holds so many samples, and the value that changed most."""
        import numpy as np

        if self.kind in ("category", "token"):
            flat = [
                np.concatenate([np.ravel(each) for each in part]).astype(str)
                for part in (self.values[:first], self.values[first:])
            ]
            most, shares = _most_changed(*flat)
            return Side(share=shares[0]), Side(share=shares[1]), repr(most)
        numbers = np.asarray(self.values, np.float64)
        parts = numbers[:first], numbers[first:]
        value = repeated(*parts) if self.kind == "number" else None
        sides = [_side(part, value) for part in parts]
        return sides[0], sides[1], None if value is None else f"{value:.6g}"


def compared(
    mine: FedInput, rows: Array, other: FedInput, others: Array
) -> Iterator[tuple[str, str, list[Array] | Array]]:
    """The columns of an input (name, kind, values), training first: `mine` and its samples."""
    import numpy as np

    from onnxlint.runtime.feeds.synthesis import Meaning

    slot = mine.slot
    blocks = [*_picked(mine, rows), *_picked(other, others)]
    if slot.dtype == "str":
        yield from _columns(mine, blocks, "category")
    elif slot.meaning is Meaning.MASK or (slot.dtype == "bool" and len(slot.dims) > 2):
        yield "share of ones", "statistic", _gathered(blocks, _means)
    elif slot.meaning is Meaning.INDEX and _is_long(blocks):
        yield "ids", "token", [sample for block in blocks for sample in block]
    elif max(block.ndim for block in blocks) <= 2:
        kind = "category" if slot.meaning is Meaning.INDEX else "number"
        yield from _columns(mine, blocks, kind)
    else:
        axis = _channel_axis(mine)
        for name, statistic in _STATISTICS.items():
            parts = [_channels(block, axis) for block in blocks]
            found = _gathered(parts, statistic)
            for channel in range(found.shape[1] if found.ndim == 2 else 0):
                of = f"channel {channel}: {name}" if axis is not None else name
                yield of, "statistic", np.asarray(found[:, channel])


def repeated(train: Array, data: Array) -> float | None:
    """A number that one set repeats and the other does not: a sensor that sticks, a code for
    missing values; of few numbers, as of a scale or classes, one that came or went."""
    import numpy as np

    values, rows = np.unique(np.concatenate([train, data]), return_inverse=True)
    rows = rows.reshape(-1)
    shares = [np.bincount(part, minlength=len(values)) / max(1, len(part))
              for part in (rows[: len(train)], rows[len(train) :])]  # fmt: skip
    change = np.where(np.isfinite(values), np.abs(shares[1] - shares[0]), 0)
    most = int(change.argmax())
    least = LEAST_CHANGE_OF_FEW if len(values) < FEW_VALUES else LEAST_CHANGE
    return float(values[most]) if change[most] >= least else None


def _picked(fed: FedInput, rows: Array) -> list[Array]:
    """The chosen samples, block by block, the axis of samples first."""
    import numpy as np

    found, start = [], 0
    for block in fed.blocks:
        if fed.batch_axis is None or block.ndim <= fed.batch_axis:
            samples = block[None]
        else:
            samples = np.moveaxis(block, fed.batch_axis, 0)
        inside = rows[(rows >= start) & (rows < start + len(samples))] - start
        start += len(samples)
        if len(inside):
            found.append(samples[inside])
    return found


def _is_long(blocks: list[Array]) -> bool:
    widths = {block.shape[1:] for block in blocks}
    return len(widths) > 1 or max(block[0].size for block in blocks) > FEW_IDS


def _columns(fed: FedInput, blocks: list[Array], kind: str) -> Iterator[tuple[str, str, Array]]:
    import numpy as np

    rows = [block.reshape(len(block), -1) for block in blocks]
    width = min(block.shape[1] for block in rows)
    names = fed.columns if len(fed.columns) == width else []
    table = np.concatenate([block[:, :width] for block in rows])
    for at in range(0, width, -(-width // MOST_COLUMNS) or 1):
        name = names[at] if names else f"column {at}" if width > 1 else fed.value.name
        yield name, kind, table[:, at]


def _gathered(blocks: list[Array], made: Callable[[Array], Array]) -> Array:
    import numpy as np

    with np.errstate(all="ignore"):
        return np.concatenate([np.asarray(made(block)) for block in blocks])


def _means(block: Array) -> Array:
    import numpy as np

    return np.asarray(block.reshape(len(block), -1).mean(axis=1, dtype=np.float64))


def _after(axis: int, batch_axis: int | None) -> int:
    """Where an axis is once that of the samples stands first."""
    if batch_axis is None:
        return axis + 1
    return axis if axis > batch_axis else axis + 1


def _channel_axis(fed: FedInput) -> int | None:
    """Where channels are once the samples stand first; of a series, the short one of its axes."""
    axis, dims = fed.axis, fed.slot.dims
    if axis is None and len(dims) == 3:
        sizes = {dim: at for at, dim in enumerate(dims) if at and isinstance(dim, int)}
        axis = sizes[min(sizes)] if sizes and min(sizes) <= MOST_CHANNELS else None
    if axis is None or axis == fed.batch_axis:
        return None
    return _after(axis, fed.batch_axis)


def _channels(block: Array, axis: int | None) -> Array:
    """[samples, channels, …] in float64."""
    import numpy as np

    wide = block.astype(np.float64)
    if axis is None or axis >= wide.ndim:
        return wide[:, None]
    return np.moveaxis(wide, axis, 1)


def _sharpness(channels: Array) -> Array:
    """The mean difference of neighbours: less where something was blurred, more with noise."""
    import numpy as np

    if channels.ndim < 3 or channels.shape[-1] < 2:
        return np.zeros(channels.shape[:2])
    steps = np.abs(np.diff(channels, axis=-1))
    return np.asarray(steps.reshape(*channels.shape[:2], -1).mean(axis=2))


_STATISTICS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda channels: channels.reshape(*channels.shape[:2], -1).mean(axis=2),
    "standard deviation": lambda channels: channels.reshape(*channels.shape[:2], -1).std(axis=2),
    "difference of neighbours": _sharpness,
}
"""What a sample has for each of its channels."""


def _most_changed(train: Array, data: Array) -> tuple[str, tuple[float, float]]:
    """The value whose share changed most, and its share in both."""
    import numpy as np

    values, rows = np.unique(np.concatenate([train, data]), return_inverse=True)
    rows = rows.reshape(-1)
    one, other = (np.bincount(part, minlength=len(values)) / max(1, len(part))
                  for part in (rows[: len(train)], rows[len(train) :]))  # fmt: skip
    most = int(np.abs(other - one).argmax())
    return str(values[most]), (float(one[most]), float(other[most]))


def _side(values: Array, value: float | None) -> Side:
    import numpy as np

    finite = values[np.isfinite(values)]
    missing = float(np.isnan(values).mean())
    share = None if value is None else float((values == value).mean())
    if not finite.size:
        return Side(None, None, missing, share)
    return Side(float(finite.mean()), float(finite.std()), missing, share)
