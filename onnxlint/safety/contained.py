"""Code of others, run so that it leaves this process as it found it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """What is printed meanwhile goes to standard error; the working directory, standard output
    and pending alarms are afterwards what they were.
    """
    with _same_directory(), _private_output(), _no_alarms():
        yield


@contextlib.contextmanager
def _same_directory() -> Iterator[None]:
    try:
        home = os.open(os.curdir, os.O_RDONLY)
    except OSError:  # it is gone, or a folder cannot be opened here
        yield
        return
    try:
        yield
    finally:
        os.fchdir(home)
        os.close(home)


@contextlib.contextmanager
def _private_output() -> Iterator[None]:
    """Standard output of Python, and of all else: its object, and its descriptor."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):  # full, or closed
            sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
        stream = os.fdopen(os.dup(2), "w", 1, "utf-8", "backslashreplace")
    except OSError:  # there are no such streams
        yield
        return
    try:
        with contextlib.redirect_stdout(stream):
            yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            stream.close()
        os.dup2(kept, 1)
        os.close(kept)


@contextlib.contextmanager
def _no_alarms() -> Iterator[None]:
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
                signal.setitimer(timer, 0)
