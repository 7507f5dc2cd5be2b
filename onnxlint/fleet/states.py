"""Whether a model is still what it was when it was judged, without reading it again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISREG

from onnxlint.fleet.orders import State


def is_address(path: str) -> bool:
    """Whether a model lies behind an address, and not in a file system."""
    return "://" in path


def stat_of(path: str) -> tuple[int, int] | None:
    """Size and time of change of a file; zeros behind an address, None where there is no file."""
    if is_address(path):
        return 0, 0
    try:
        status = os.stat(path)  # noqa: PTH116 - a million of them
    except (OSError, ValueError):
        return None
    return (status.st_size, status.st_mtime_ns) if S_ISREG(status.st_mode) else None


def state_of(
    path: str, before: tuple[int, int] | None, external: Iterable[str] | None
) -> State | None:
    """The state of a model that was `before` it was judged; None if it changed meanwhile."""
    if before is None or stat_of(path) != before:
        return None
    beside: dict[str, tuple[int, int]] = {}
    for location in () if is_address(path) else external or ():
        seen = stat_of(str(Path(path).parent / location))
        if seen is None:
            return None
        beside[location] = seen
    return *before, beside


def is_unchanged(path: str, state: State | None) -> bool:
    """Whether a model's files have the sizes and times that they had."""
    if state is None:
        return False
    size, changed, beside = state
    return state_of(path, (size, changed), beside) == state
