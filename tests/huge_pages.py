"""Forks of the tests' process in a third of the time: its memory in pages of 2 MiB.

All tests together are 300 MiB of objects, and each of thousands of forks copies an entry for every
4 KiB of them. Linux gathers small pages to large ones when it is asked to; what a process writes
while a fork of it lives falls apart again.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from pathlib import Path

HUGE = 2 << 20
COLLAPSE = 25
"""MADV_COLLAPSE of Linux 6.1; an older one refuses it, and nothing is changed."""
OFTEN = 100
"""So many forks later, a half has fallen apart."""
MAPS = Path("/proc/self/maps")
ANONYMOUS = re.compile(r"^(\w+)-(\w+) rw-p \S+ 00:00 0\s*(?:\[heap\]|\[anon.*\])?$", re.MULTILINE)

_owner = os.getpid()
_forks = 0


def gather() -> None:
    """Gathers what lies in small pages, where the system can."""
    if not MAPS.exists():
        return
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for start, end in _large_regions():
        advise(start, end - start, COLLAPSE)


def keep_gathered() -> None:
    """Gathers now, and again each time that many forks were made."""
    gather()
    os.register_at_fork(after_in_parent=_count)


def _count() -> None:
    global _forks
    if os.getpid() == _owner:
        _forks += 1
        if _forks % OFTEN == 0:
            gather()


def _large_regions() -> Iterator[tuple[int, int]]:
    for found in ANONYMOUS.finditer(MAPS.read_text()):
        start, end = (int(address, 16) for address in found.groups())
        start, end = -(-start // HUGE) * HUGE, end // HUGE * HUGE
        if start < end:
            yield start, end
