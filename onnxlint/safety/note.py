"""A short text that one process writes and another may read at any time, even when it has died."""

from __future__ import annotations

import mmap

MOST_BYTES = 1000
"""Of a text; what is longer is cut."""

_HEAD = 2


class Note:
    """Memory that a process shares with those that it forks.

    A rule takes as long as three messages through a pipe, each of which wakes the reader; this
    costs neither of them anything.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD + MOST_BYTES)

    def write(self, text: bytes) -> None:
        """Takes the place of what was written before."""
        text = text[:MOST_BYTES]
        self._memory[:_HEAD] = bytes(_HEAD)  # whoever reads meanwhile finds nothing
        self._memory[_HEAD : _HEAD + len(text)] = text
        self._memory[:_HEAD] = len(text).to_bytes(_HEAD, "big")

    def read(self) -> bytes:
        """What was written last; nothing while it is being written."""
        length = int.from_bytes(self._memory[:_HEAD], "big")
        return self._memory[_HEAD : _HEAD + length]

    def close(self) -> None:
        """Gives the memory back, in this process."""
        self._memory.close()
