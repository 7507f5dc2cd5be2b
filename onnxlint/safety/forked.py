"""Calls a function on bytes in a child process, so that a crash of native code stays there."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import select
import signal
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from onnxlint.safety.limits import (
    Alarm,
    Budget,
    data_size,
    end_with_parent,
    limit_memory,
    resident_size,
)
from onnxlint.safety.memory import is_out_of_memory
from onnxlint.safety.pipes import AT_ONCE, widen

Function = Callable[[bytes], bytes]
Prepare = Callable[[bytes], Callable[[], Iterator[bytes]]]

_NATIVE = {"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV"}

_HEADER = struct.Struct("<?Q")
"""What a reply begins with: whether the function returned, and how many bytes follow."""

_ENDING: list[int] = []
"""Children that have said all: it takes them milliseconds to give back what they inherited."""

_OUT_OF_MEMORY = 3
"""Exit status of a child that was refused memory."""

_STARVED_SHARE = 0.3
"""A native crash beyond this share of the limit is laid to it: what doubles its memory, and holds
the old beside the new meanwhile, dies so with a third of the limit and more."""

_LEAST = 64 << 20
"""And any that had less than this, in bytes, beside what it inherited: to parse a small model and
to set up what is needed takes half of it."""


class Crashed(Exception):  # noqa: N818 - it says what became of the child
    """The child died; the message says how, and `signal` names the one that ended it.

    `option` is that of the command line which allows more, empty where none does.
    """

    def __init__(
        self, message: str, signal_name: str = "", *, at_limit: bool = False, option: str = ""
    ) -> None:
        super().__init__(message)
        self.signal = signal_name
        self.at_limit = at_limit
        self.option = option

    @property
    def is_native(self) -> bool:
        """Whether native code crashed; a child that took too long or too much was ended."""
        return self.signal in _NATIVE and not self.at_limit


def fork(serve: Callable[[int], None]) -> tuple[int, int]:
    """Forks a child that calls `serve` with the end of a pipe to write to, and then leaves.

    Returns the child's process and the end to read from. The child ends when this process does;
    what it prints is nobody's, and it runs nothing of what its parent set up for its own end.
    """
    _bury()
    reader, writer = os.pipe()
    parent = os.getpid()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # closed, or full
            stream.flush()
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns of threads: the child touches none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if child:
        os.close(writer)
        return child, reader
    try:
        gc.freeze()  # to look for garbage in what is inherited would copy it, page by page
        os.close(reader)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_parent(parent)
        faulthandler.disable()  # the parent tells of a crash
        serve(writer)
    finally:
        os._exit(1)


class _Call:
    """A call under way in a child: started at once, its results taken later; within a budget.

    Args:
        argument: what it is called with.
        growth: what the child may allocate beside what it inherits, in bytes; None leaves it what
            the budget says of a process.
        parts: how many results there are, one after the other.
    """

    def __init__(self, argument: bytes, budget: Budget, growth: int | None, parts: int = 1) -> None:
        self.argument, self.budget = argument, budget
        self._parts = parts
        self._inherited, self._resident = data_size(), resident_size()
        self._limit = budget.memory
        if growth is not None:
            self._limit = min(self._inherited + growth, budget.memory or sys.maxsize)
        self._child: int | None = None
        self._pipe = -1
        if hasattr(os, "fork"):
            self._fork()
        self._here = self._results() if self._child is None else None

    def _results(self) -> Iterator[bytes]:
        """Makes the call."""
        raise NotImplementedError

    def _fork(self) -> None:
        self._child, self._pipe = fork(self._serve)
        if self._parts > 1:
            widen(self._pipe)  # the child goes on while nobody has read the first

    @property
    def is_done(self) -> bool:
        """Whether the next result is there, or will not come: nobody waits for it then."""
        return self._child is None or bool(select.select([self._pipe], [], [], 0)[0])

    def result(self) -> bytes:
        """What the function returned; where there are several, the next one.

        Raises:
            Crashed: the child died, took too long or too much, or the function raised.
        """
        if self._here is not None:  # no fork on this platform: run here, unprotected
            try:
                return next(self._here)
            except Exception as error:
                raise Crashed(f"{type(error).__name__}: {error}") from error
        try:
            with Alarm.waiting():
                has_returned, length = _HEADER.unpack(self._read(_HEADER.size))
                data = self._read(length)
        except (EOFError, TimeoutError) as error:
            raise self._crash(is_late=isinstance(error, TimeoutError)) from None
        except BaseException:
            self.close()
            raise
        self._parts -= 1
        if not has_returned or not self._parts:
            leave_alone(self._gone())
        if has_returned:
            return data
        raise Crashed(data.decode(errors="replace"))

    def _read(self, size: int) -> bytes:
        """So many bytes of what the child writes.

        Raises:
            EOFError: it ended before.
            TimeoutError: it takes too long.
        """
        read = bytearray()
        while len(read) < size:
            if not select.select([self._pipe], [], [], self.budget.left)[0]:
                raise TimeoutError
            part = os.read(self._pipe, min(size - len(read), AT_ONCE))
            if not part:
                raise EOFError
            read += part
        return bytes(read)

    def _gone(self) -> int:
        """The child, of which nothing more is read."""
        assert self._child is not None
        child, self._child = self._child, None
        os.close(self._pipe)
        self._pipe = -1
        return child

    def _crash(self, *, is_late: bool) -> Crashed:
        """What became of a child that ended without a whole reply, or has to end."""
        child = self._gone()
        if is_late:
            os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
        if is_late:
            told_limit = f"took longer than the {self.budget.allowed_time} allowed"
            return Crashed(told_limit, at_limit=True, option="--time-limit")
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        code = os.waitstatus_to_exitcode(status)
        own = sys.maxsize if self._limit is None else max(1, self._limit - self._inherited)
        starved = code < 0 and (own < _LEAST or peak - self._resident > _STARVED_SHARE * own)
        if code == _OUT_OF_MEMORY or starved:
            told = f"ran out of the {own / 2**20:,.0f} MiB allowed"
            is_users = self._limit is not None and self._limit == self.budget.memory
            return Crashed(told, at_limit=True, option="--memory-limit" if is_users else "")
        if code < 0:
            name = signal.Signals(-code).name
            return Crashed(f"native code crashed ({name})", name)
        return Crashed(f"ends the process (exit status {code})")

    def close(self) -> None:
        """Ends a child whose result nobody took."""
        if self._child is not None:
            child = self._gone()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def _serve(self, writer: int) -> None:
        """The child's whole life."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        limit_memory(self._limit)
        silence = os.open(Path(os.devnull), os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        with os.fdopen(writer, "wb") as pipe:
            try:
                for data in self._results():
                    _tell(pipe, data)
            except Exception as error:
                if is_out_of_memory(error):
                    os._exit(_OUT_OF_MEMORY)
                import traceback

                reason = traceback.format_exc(limit=0).strip().encode()
                _tell(pipe, reason, has_returned=False)
        os._exit(0)


def _tell(pipe: IO[bytes], data: bytes, *, has_returned: bool = True) -> None:
    pipe.write(_HEADER.pack(has_returned, len(data)))
    pipe.write(data)
    pipe.flush()


class Isolated(_Call):
    """One function on bytes, called at once."""

    def __init__(
        self, function: Function, argument: bytes, budget: Budget, growth: int | None = None
    ) -> None:
        self._function = function
        super().__init__(argument, budget, growth)

    def _results(self) -> Iterator[bytes]:
        yield self._function(self.argument)


class Held(_Call):
    """A call that the child prepares at once, and makes when `allow` says that it may.

    `prepare` gives what is then called, for the argument; that gives the results.
    """

    def __init__(
        self,
        prepare: Prepare,
        argument: bytes,
        budget: Budget,
        growth: int | None = None,
        parts: int = 1,
    ) -> None:
        self._prepare = prepare
        self._gate = self._key = -1
        super().__init__(argument, budget, growth, parts)

    def _fork(self) -> None:
        self._gate, self._key = os.pipe()
        try:
            super()._fork()
        except OSError:
            self._drop_key()
            raise
        finally:  # the child never comes here
            os.close(self._gate)
            self._gate = -1

    def _results(self) -> Iterator[bytes]:
        call = self._prepare(self.argument)
        if self._gate != -1:
            self._drop_key()
            if not os.read(self._gate, 1):
                os._exit(1)  # nobody is left who could allow it
        yield from call()

    def allow(self) -> None:
        """Lets the child make the call, of which `result` then tells."""
        if self._key != -1:
            with contextlib.suppress(BrokenPipeError):  # it has ended
                os.write(self._key, b"1")
            self._drop_key()

    def close(self) -> None:
        """Ends a child whose result nobody took, be the call made or not."""
        super().close()
        self._drop_key()

    def _drop_key(self) -> None:
        if self._key != -1:
            os.close(self._key)
            self._key = -1


def leave_alone(child: int) -> None:
    """Has nobody wait for a child that is ending; the next one that is forked buries it."""
    _ENDING.append(child)


def _bury() -> None:
    """Takes leave of those that have ended meanwhile."""
    _ENDING[:] = [child for child in _ENDING if not _has_ended(child)]


def _has_ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG)[0] != 0
    except ChildProcessError:  # it is a child of the process that this one was forked from
        return True
