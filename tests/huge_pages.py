"""Forks of the tests' process in a third of the time: its memory in pages of 2 MiB.

All tests together are 200 MiB of objects, and each of thousands of forks copies an entry for every
4 KiB of them. Linux gathers small pages to large ones when it is asked to; what a process writes
while a fork of it lives falls apart again. A page that is gathered is there as a whole: only those
are that are mostly there, for stacks and what native code sets aside would become gigabytes.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path

HUGE = 2 << 20
PAGE = mmap.PAGESIZE
FULL = 0.75
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
    system = ctypes.CDLL(None)
    for start, end in _large_regions():
        for address in _full(system, start, end):
            system.madvise(ctypes.c_void_p(address), ctypes.c_size_t(HUGE), COLLAPSE)


def _full(system: ctypes.CDLL, start: int, end: int) -> Iterator[int]:
    """The addresses of large pages that are mostly there."""
    there = (ctypes.c_ubyte * ((end - start) // PAGE))()
    if system.mincore(ctypes.c_void_p(start), ctypes.c_size_t(end - start), there) != 0:
        return
    pages, each = bytes(there), HUGE // PAGE
    for number in range(len(pages) // each):
        if pages[number * each : (number + 1) * each].count(1) >= FULL * each:
            yield start + number * HUGE


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
