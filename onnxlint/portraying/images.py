"""Matrices as grey PNG files."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from onnxlint.portrait.pictures import Image

if TYPE_CHECKING:
    from onnxlint.types import Array

LONGEST_SIDE = 64
"""Pixels of a side: a choice, four kilobytes an image at most. Larger matrices are averaged."""


def image(matrix: Array, number: int | None, longest: int = LONGEST_SIDE) -> Image:
    """A matrix whose finite elements go from black to white."""
    import numpy as np

    values = np.asarray(matrix, np.float64)
    finite = np.isfinite(values)
    odd = int(values.size - np.count_nonzero(finite))
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (
        0.0, 0.0)  # fmt: skip
    small = _smaller(np.where(finite, values, low), longest)
    width = high - low
    grey = np.zeros(small.shape) if not width else (small - low) / width * 255
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Image(png(pixels), pixels.shape[1], pixels.shape[0], number, low, high, odd)


def png(pixels: Array) -> bytes:
    """The file of a matrix of bytes."""
    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _smaller(values: Array, longest: int) -> Array:
    """Means of blocks, so that no side is longer."""
    import numpy as np

    for axis in (0, 1):
        step = -(-values.shape[axis] // longest)
        if step > 1:
            starts = np.arange(0, values.shape[axis], step)
            sums = np.add.reduceat(values, starts, axis=axis)
            counts = np.diff([*starts, values.shape[axis]])
            values = sums / (counts[:, None] if axis == 0 else counts)
    return values
