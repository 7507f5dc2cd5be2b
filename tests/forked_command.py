"""The command in a fork of the tests' process: a process as its user has, and nothing to import.

A fresh `python -m onnxlint` takes half a second of imports, and the tests run hundreds of commands.
Tests with the marker `fresh` start such ones, which must import all that they use; so does a test
that tells Python something by a variable.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import traceback
import types
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Event, Timer

import onnxlint.__main__ as command
from onnxlint.rules.packs import discover


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a fork does the same: what Python is told, it must hear at its start."""
    told_to_python = any(name.startswith("PYTHON") for name in environment)
    return hasattr(os, "fork") and not told_to_python


def run_forked(
    arguments: list[str], folder: Path, stdin: bytes | None, environment: Mapping[str, str],
    timeout: float,
) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
    """Runs the command with these arguments in a folder, as `subprocess.run` would.

    Raises:
        TimeoutError: it did not end.
    """
    (given, giving), (hearing, told), (listening, complained) = (os.pipe() for _ in range(3))
    streams = (given if stdin is not None else None, told, complained)
    ours = (given, giving, hearing, listening)
    child = start_forked(arguments, folder, streams, os.environ | environment, ours)
    for end in (given, told, complained):
        os.close(end)
    late = Event()
    alarm = Timer(timeout, _end, (child, late))
    alarm.start()
    with ThreadPoolExecutor(3) as threads:
        threads.submit(_give, giving, stdin or b"")
        output, errors = threads.map(_read, (hearing, listening))
    _, status = os.waitpid(child, 0)
    alarm.cancel()
    if late.is_set():
        raise TimeoutError(f"{arguments} did not end within {timeout} s")
    code = os.waitstatus_to_exitcode(status)
    return subprocess.CompletedProcess(["onnxlint", *arguments], code, output, errors)


def start_forked(
    arguments: list[str], folder: Path, streams: Iterable[int | None],
    environment: Mapping[str, str], foreign: Iterable[int] = (),
) -> int:  # fmt: skip
    """Starts the command in a folder, and gives the number of its process.

    `streams` are its standard input, output and errors, where they are not those of the tests;
    `environment` is all that it has, and `foreign` what it has not to keep open.
    """
    _load_all()
    with warnings.catch_warnings():  # Python 3.12 warns of threads
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    try:
        gc.freeze()  # to look for garbage in what is inherited would copy it, page by page
        _take(list(streams), foreign)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _look_fresh(arguments)
        command.main()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _take(streams: list[int | None], foreign: Iterable[int]) -> None:
    for number, end in enumerate(streams):
        if end is not None:
            os.dup2(end, number)
    for end in {end for end in (*streams, *foreign) if end is not None}:
        os.close(end)


def _end(child: int, late: Event) -> None:
    late.set()
    os.kill(child, signal.SIGKILL)


@cache
def _load_all() -> None:
    """Imports once what each command would import."""
    discover()
    package = Path(command.__file__).parent
    for file in sorted(package.rglob("[a-z]*.py")):
        importlib.import_module(".".join(file.relative_to(package.parent).with_suffix("").parts))


def _give(end: int, data: bytes) -> None:
    try:
        with os.fdopen(end, "wb") as pipe:
            pipe.write(data)
    except BrokenPipeError:  # it ended without reading all, as it may
        return


def _read(end: int) -> bytes:
    with os.fdopen(end, "rb") as pipe:
        return pipe.read()


def _look_fresh(arguments: list[str]) -> None:
    """What of the tests' process a command could see."""
    encoding = sys.__stdout__.encoding if sys.__stdout__ is not None else None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode = "w" if number else "r"
        stream = open(number, mode, encoding=encoding, closefd=False)  # noqa: SIM115 - stays open
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = [command.__file__, *arguments]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__package__ = "onnxlint"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.resetwarnings()
    for quiet in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", quiet)
