"""Files that are being written: whoever is told to end removes them first."""

from __future__ import annotations

import contextlib
from pathlib import Path

UNFINISHED: set[Path] = set()
"""Temporary files of this process, which nobody misses."""


def remove_unfinished() -> None:
    """Removes what would stay half written."""
    for path in [*UNFINISHED]:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    UNFINISHED.clear()
