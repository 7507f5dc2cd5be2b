"""What one sample has of one input, small enough to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxlint.model.graph.place import shortened
from onnxlint.portrait.numbers import Shown
from onnxlint.portraying.png import png

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.settings import InputContract
    from onnxlint.types import Array

SIDE = 80
"""Pixels of a picture's longer side; a choice, 15 kB a picture of noise."""

LEAST_SIDE = 4
"""Pixels of a picture's shorter side at least: what is narrower is a row of numbers."""

MOST_NUMBERS = 32
"""Numbers of a row that are shown, which is also the longest row that is no series."""

MOST_TOKENS = 64
MOST_POINTS = 200
LONGEST_TEXT = 300


def shown(
    slot: Slot, array: Array, columns: Sequence[str], contract: InputContract,
    ends: tuple[float, float] | None,
) -> Shown:  # fmt: skip
    """One sample of an input; `ends` are the values that are shown as black and as white."""
    if slot.dtype == "str":
        return _told(slot.name, "text", [shortened(str(each), LONGEST_TEXT)
                                         for each in array.reshape(-1)[:MOST_TOKENS].tolist()],
                     array.size)  # fmt: skip
    pixels = _pixels(array, contract)
    if pixels is not None:
        return _picture(slot.name, pixels, array, ends)
    flat = array.reshape(-1)
    if array.dtype.kind in "iub" and not columns and slot.dtype != "bool":
        return _told(slot.name, "tokens", map(str, flat[:MOST_TOKENS].tolist()), flat.size)
    if columns or flat.size <= MOST_NUMBERS or array.dtype.kind not in "fiu":
        return _row(slot.name, flat, columns)
    return _series(slot.name, flat)


def is_picture(array: Array) -> bool:
    """Whether a sample is shown as a picture."""
    return _channels(array) is not None


def _channels(array: Array) -> int | None:
    """The axis of a picture's channels; 2 also of one that has none, None of what is none."""
    if array.ndim == 2 and array.dtype.kind in "fiu":
        return 2 if min(array.shape) >= 2 * LEAST_SIDE and array.dtype.kind == "f" else None
    if array.ndim != 3 or array.dtype.kind not in "fiu":
        return None
    for axis in (0, 2):
        sides = [size for at, size in enumerate(array.shape) if at != axis]
        if array.shape[axis] in (1, 3, 4) and min(sides) >= LEAST_SIDE:
            return axis
    return None


def _pixels(array: Array, contract: InputContract) -> Array | None:
    """[height, width] or [height, width, 3] in RGB; None of what is no picture."""
    import numpy as np

    axis = _channels(array)
    if axis is None or array.ndim == 2:
        return None if axis is None else array
    spread = np.moveaxis(array, axis, -1)
    if spread.shape[2] == 1:
        return spread[..., 0]
    return spread[..., 2::-1] if contract.colour == "BGR" else spread[..., :3]


def _picture(name: str, pixels: Array, array: Array, ends: tuple[float, float] | None) -> Shown:
    import numpy as np

    height, width = pixels.shape[:2]
    small = _shrunk(pixels)
    finite = small[np.isfinite(small)]
    low, high = ends or ((float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0))
    scaled = (np.nan_to_num(small, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1)
    grey = (np.clip(scaled, 0, 1) * 255).round().astype(np.uint8)
    return Shown(name, "image", png=png(grey), height=height, width=width)


def _shrunk(pixels: Array) -> Array:
    """At most `SIDE` pixels high and wide, each the mean of those that it stands for."""
    import numpy as np

    step = -(-max(pixels.shape[:2]) // SIDE)
    if step > 1:
        height, width = (max(1, size // step) for size in pixels.shape[:2])
        step_down, step_right = min(step, pixels.shape[0]), min(step, pixels.shape[1])
        cut = pixels[: height * step_down, : width * step_right].astype(np.float64)
        blocks = cut.reshape(height, step_down, width, step_right, *pixels.shape[2:])
        return np.asarray(blocks.mean(axis=(1, 3)))
    return pixels.astype(np.float64)


def _row(name: str, flat: Array, columns: Sequence[str]) -> Shown:
    texts = tuple(_number(each) for each in flat[:MOST_NUMBERS].tolist())
    names = tuple(columns[:MOST_NUMBERS]) if len(columns) == flat.size else ()
    return Shown(name, "row", names=names or tuple(map(str, range(len(texts)))), texts=texts,
                 left_out=flat.size - len(texts))  # fmt: skip


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _series(name: str, flat: Array) -> Shown:
    """Its course: of a longer one the means of equal parts."""
    import numpy as np

    step = -(-flat.size // MOST_POINTS)
    kept = flat[: flat.size // step * step].astype(np.float64).reshape(-1, step)
    means = np.nan_to_num(kept, nan=0.0, posinf=0.0, neginf=0.0).mean(axis=1)
    points = tuple(float(f"{each:.4g}") for each in means.tolist())
    return Shown(name, "series", points=points, width=int(flat.size))


def _told(name: str, kind: str, texts: object, size: int) -> Shown:
    from collections.abc import Iterable

    assert isinstance(texts, Iterable)
    kept = tuple(texts)
    return Shown(name, kind, texts=kept, left_out=size - len(kept))
