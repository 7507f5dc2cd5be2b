"""How a fork of the resident process becomes the command that was asked for."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys

from onnxlint.resident.request import Request


def become(request: Request, streams: list[int]) -> None:
    """Makes this process, in all, one that was started where the request comes from."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.setsid()  # a signal for the resident process's terminal is none for this command
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)
    os.chdir(request.folder)
    os.environb.clear()
    os.environb.update(request.environment)
    os.umask(request.mask)
    _limit(request)
    sys.argv = ["onnxlint", *map(os.fsdecode, request.arguments)]
    sys.stdin, sys.stdout, sys.stderr = (
        _text(0, "r", "strict"), _text(1, "w", "strict"), _text(2, "w", "backslashreplace")
    )  # fmt: skip


def _limit(request: Request) -> None:
    """What the command may take; more than the resident process may, it cannot be given."""
    for name, (low, high) in request.limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (low, high))
    if request.niceness > os.nice(0):
        os.nice(request.niceness - os.nice(0))
    if request.cores and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, request.cores)


def _text(number: int, mode: str, errors: str) -> io.TextIOWrapper:
    """A standard stream, as Python makes it when it starts."""
    encoding = (sys.__stdout__ or sys.stdout).encoding
    raw = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - it stays open
    is_error = number == 2
    return io.TextIOWrapper(
        raw, encoding=encoding, errors=errors, line_buffering=is_error or os.isatty(number)
    )
