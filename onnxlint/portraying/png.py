"""Writes small pictures as PNG files, which browsers show from a `data:` address."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.types import Array

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2


def png(pixels: Array) -> str:
    """Bytes [height, width], or [height, width, 3], as a PNG file in base64."""
    height, width = pixels.shape[:2]
    kind = _GREY if pixels.ndim == 2 else _COLOUR
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # 0: no filter of its own
    header = struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b64encode(_SIGNATURE + b"".join(_chunk(*each) for each in chunks)).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
