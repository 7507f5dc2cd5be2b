"""Messages in a pipe: how many bytes, and so many."""

from __future__ import annotations

import struct
from typing import IO

_SIZE = struct.Struct(">Q")


def send(pipe: IO[bytes], message: bytes) -> None:
    """Writes one message."""
    pipe.write(_SIZE.pack(len(message)) + message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Reads one message; None where the other side has ended."""
    head = pipe.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(head)
    message = pipe.read(size)
    return message if len(message) == size else None
