"""A process that is told to end, and the files that it was writing."""

from __future__ import annotations

import contextlib
from pathlib import Path


class Terminated(BaseException):
    """A signal asks this process to end; `number` is which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


UNFINISHED: set[Path] = set()
"""Temporary files of this process, which nobody misses."""


def remove_unfinished() -> None:
    """Removes what would stay half written."""
    for path in [*UNFINISHED]:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    UNFINISHED.clear()
