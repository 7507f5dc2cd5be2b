"""Pipes between our processes."""

from __future__ import annotations

import contextlib
import sys

AT_ONCE = 1 << 20
"""Bytes that are written or read at once, and that pipes hold where the system lets them."""


def widen(pipe: int) -> None:
    """Lets a pipe hold so much that whoever writes to it goes on while nobody has read."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # a user's pipes may have only so much
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, AT_ONCE)
