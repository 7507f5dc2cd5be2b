"""Runs one function on bytes in a child process, so that a crash of native code stays there."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

TIME_LIMIT_SECONDS = 120.0
"""What a static analysis in native code may take; 100,000 nodes need under 5 s."""

Function = Callable[[bytes], bytes]


_NATIVE = {"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV"}


class Crashed(Exception):  # noqa: N818 - it says what became of the child
    """The child died; the message says how, and `signal` names the one that ended it."""

    def __init__(self, message: str, signal_name: str = "") -> None:
        super().__init__(message)
        self.signal = signal_name

    @property
    def is_native(self) -> bool:
        """Whether native code stumbled; a child that took too long or too much was killed."""
        return self.signal in _NATIVE


class Isolated:
    """A call under way: started at once, its result taken later."""

    def __init__(self, function: Function, argument: bytes) -> None:
        self._function, self.argument = function, argument
        self._child: int | None = None
        self._pipe = -1
        if hasattr(os, "fork"):
            self._fork()

    def _fork(self) -> None:
        reader, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Python 3.12 warns of threads: the child touches none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child = os.fork()
        if self._child == 0:
            os.close(reader)
            _serve(writer, self._function, self.argument)
        os.close(writer)
        self._pipe = reader

    def result(self) -> bytes:
        """What the function returned.

        Raises:
            Crashed: the child died, took too long, or the function raised.
        """
        if self._child is None:  # no fork on this platform: run here, unprotected
            try:
                return self._function(self.argument)
            except Exception as error:
                raise Crashed(f"{type(error).__name__}: {error}") from error
        child, self._child = self._child, None
        alarm = threading.Timer(TIME_LIMIT_SECONDS, os.kill, (child, signal.SIGKILL))
        alarm.start()
        with os.fdopen(self._pipe, "rb") as pipe:
            data = pipe.read()
        alarm.cancel()
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            name = signal.Signals(-code).name
            raise Crashed(f"native code crashed ({name})", name)
        if code > 0:
            raise Crashed(data.decode(errors="replace"))
        return data

    def close(self) -> None:
        """Ends a child whose result nobody took."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            os.close(self._pipe)
            self._child = None


def _serve(writer: int, function: Function, argument: bytes) -> None:
    """The child's whole life: it leaves without running what its parent set up."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        faulthandler.disable()  # the parent tells of a crash
        silence = os.open(Path(os.devnull), os.O_WRONLY)
        os.dup2(silence, 2)
        try:
            data, status = function(argument), 0
        except Exception:
            data = traceback.format_exc(limit=0).strip().encode()
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(status)
