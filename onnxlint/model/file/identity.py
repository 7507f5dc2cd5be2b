"""What tells a large file from what it was before, without a look at its bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SETTLED_SECONDS = 2.0
"""A file that changed within so long is no one to rely on: the clock of a file system may stand for
some milliseconds, or for two seconds on old ones, in which it may change again."""


def identity(file: Path, before: float) -> str | None:
    """64 hex digits that differ where a file is another one, or was written to.

    None where that cannot be told: of a file that had not settled at a time, in seconds since 1970,
    and where the system does not say when a file changed.

    Raises:
        OSError: there is no such file.
    """
    status = file.stat()
    if not hasattr(os, "geteuid") or status.st_ctime > before - SETTLED_SECONDS:
        return None
    told = (
        str(file.resolve()), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns,
        status.st_ctime_ns,
    )  # fmt: skip
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()
