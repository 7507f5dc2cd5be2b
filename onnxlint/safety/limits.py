"""What judging one model may take: time, memory and cores, for every process with a part in it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from onnxlint.settings import Settings

DEFAULT_MEMORY_SHARE = 0.8
"""Without a memory limit, the share of the memory at hand that one process may take."""

LONGEST_SECONDS = 1e9
"""Thirty years; timers take no more than three hundred."""

OVERTIME_SECONDS = 3.0
"""After its limit a model is not run any more, but judged for so long: rules take milliseconds."""

_CGROUP_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
"""Where Linux tells what a container may take: cgroups of version 2, and of version 1."""


class Budget(Struct, frozen=True):
    """Seconds for one model, counted from when this was made, and bytes for each process.

    The time limit is meant for one model and the default number of samples; whoever runs more, or
    a series of checkpoints, gets as much more.
    `memory` is None where neither the user nor the platform tells a limit.
    """

    seconds: float
    memory: int | None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def build(cls, settings: Settings) -> Budget:
        """What the settings allow, from now on."""
        from onnxlint.settings import DEFAULT_SAMPLES  # the worker has no settings

        more = max(1.0, settings.samples / DEFAULT_SAMPLES)
        if settings.series is not None:  # each of them is read and run
            more *= len(settings.series.files) + 1
        memory = settings.memory_limit or default_memory_limit()
        return cls(min(settings.time_limit * more, LONGEST_SECONDS), memory)

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when there are none."""
        return max(0.0, self.started + self.seconds - time.monotonic())

    @property
    def is_spent(self) -> bool:
        """Whether the time is over."""
        return self.left == 0.0

    @property
    def is_overdrawn(self) -> bool:
        """Whether also the time is over in which rules say what became of a run at its limit."""
        return time.monotonic() > self.started + self.seconds + OVERTIME_SECONDS

    @property
    def allowed_memory(self) -> str:
        """The limit of memory in words."""
        return f"{(self.memory or 0) / 2**20:,.0f} MiB"

    @property
    def allowed_time(self) -> str:
        """The limit of time in words."""
        return f"{self.seconds:g} s"


def default_memory_limit() -> int | None:
    """A share of the memory of the machine, or of the container that this runs in, in bytes.

    None where the platform does not tell.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return int(min([total, *_container_limits()]) * DEFAULT_MEMORY_SHARE)


def _container_limits(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> Iterator[int]:
    """The limits of the control groups that this process is in, in bytes."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    groups = {line.rpartition(":")[2].strip("/") for line in lines}
    above = {up for group in groups for up in accumulate(group.split("/"), "{}/{}".format)}
    for name in _CGROUP_LIMITS:
        kind, _, file = name.rpartition("/")
        for group in {"", *above}:
            place = os.path.join(root, kind, group, file)  # noqa: PTH118 - ten times as fast
            try:
                with open(place) as told:  # noqa: PTH123 - as above, and asked for each model
                    yield int(told.read())
            except (OSError, ValueError):  # "max" is not a number
                continue


def limit_memory(limit: int | None, process: int = 0) -> None:
    """Caps what a process may allocate, in bytes, where the platform can; None is no cap.

    Without a number it is this one; another one can be limited on Linux alone.
    """
    if not limit:
        return
    try:
        import resource
    except ImportError:
        return
    # Data rather than address space: weights that are mapped from a file cost nothing.
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    limits = (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    with contextlib.suppress(ValueError, OSError):
        if process:
            resource.prlimit(process, kind, limits)
        else:
            resource.setrlimit(kind, limits)


_jobs_at_work = 1


def share_cores(jobs: int) -> None:
    """Leaves this process from now on its share of the cores, beside so many jobs with itself."""
    global _jobs_at_work
    _jobs_at_work = max(1, jobs)


def jobs_at_work() -> int:
    """How many jobs the cores are shared by."""
    return _jobs_at_work


def usable_cores() -> int:
    """How many cores this process may keep busy: its share of those that it may use at all."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (cores or 1) // _jobs_at_work)


def data_size() -> int:
    """Bytes that this process has allocated, as `limit_memory` counts them; 0 if nobody tells.

    A forked child begins with them.
    """
    return _pages(5)


def resident_size() -> int:
    """Bytes of this process that lie in memory, with which a forked child begins; 0 as above."""
    return _pages(1)


def _pages(column: int) -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[column])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


_PR_SET_PDEATHSIG = 1
"""Of Linux' prctl: the signal that a process gets when its parent ends."""


def end_with_parent(parent: int) -> None:
    """Makes this process end when `parent` does, whatever native code it is in by then.

    Linux sends a signal; elsewhere a thread watches, which native code may keep from running.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


class RuleTimeout(BaseException):
    """A rule took longer than it may; no rule's `except Exception` gets hold of it."""


STUCK = 75
"""Exit status of a process whose code catches every interruption: the one left is to end it."""

MOST_RINGS = 3
"""Interruptions that code may catch; more, and it is not tidying up."""


class Alarm:
    """Interrupts the main thread's Python code after some seconds, where the platform can.

    Waiting for another process does not count: that has limits of its own.
    """

    _waits = 0
    _rings = 0

    @classmethod
    @contextlib.contextmanager
    def waiting(cls) -> Iterator[None]:
        """What happens inside is not interrupted."""
        cls._waits += 1
        try:
            yield
        finally:
            cls._waits -= 1

    @classmethod
    @contextlib.contextmanager
    def after(cls, seconds: float | None) -> Iterator[None]:
        """Raises RuleTimeout in what happens inside, and again each second until it ends.

        Inside another one, while that waits, it takes none of the other's time.
        """
        if seconds is None or not hasattr(signal, "setitimer"):
            yield
            return
        outer = cls._waits, cls._rings
        cls._waits = cls._rings = 0
        handler = signal.signal(signal.SIGALRM, cls._ring)
        left = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, *left)
            signal.signal(signal.SIGALRM, handler)
            cls._waits, cls._rings = outer

    @classmethod
    def _ring(cls, *_: object) -> None:
        if cls._waits:
            return
        cls._rings += 1
        if cls._rings > MOST_RINGS:
            os._exit(STUCK)
        raise RuleTimeout
