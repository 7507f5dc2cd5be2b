"""The linter's end of the worker process: limits, and a sentence for every way it can die."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from onnxlint.runtime.native_text import readable
from onnxlint.runtime.worker.ahead import Taken, taken_over
from onnxlint.runtime.worker.environment import MODULE, command, environment
from onnxlint.safety.limits import Alarm, Budget, default_memory_limit, jobs_at_work
from onnxlint.safety.pipes import AT_ONCE, widen

if TYPE_CHECKING:
    import ctypes
    import subprocess

    from onnxlint.runtime.protocol import (
        Array,
        Level,
        Profiled,
        Ran,
        Reply,
        Request,
        Run,
        Seen,
        Statistics,
    )

    Process = subprocess.Popen[bytes] | Taken


class RunFailure(Exception):  # noqa: N818 - the model's failure, not ours
    """onnxruntime refused to load or run the model; the message is its own.

    `native` is the same with its places in sources of C++.
    """

    def __init__(self, native: str) -> None:
        super().__init__(readable(native))
        self.native = native


class WorkerDied(Exception):  # noqa: N818 - it is the worker's end, told as it happened
    """The worker ended by itself or was ended at a limit; the message says how and when."""


class LimitReached(WorkerDied):
    """It wanted more time or memory than it was allowed, which may be enough elsewhere.

    `option` is that of the command line which allows more, empty where none does.
    """

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(message)
        self.option = option


Meanwhile = Callable[[], bool]
"""Does a piece of work, and raises nothing; whether there was one."""

_RUNNING = "running the model"


def nothing() -> bool:
    """There is no work."""
    return False


class Worker:
    """One worker process; it serves model after model, and a dead one is replaced.

    Started early, its start-up overlaps the static rules. Limits are in seconds for each request,
    and in bytes for the whole process; `budget` is what the model that it runs has left.
    """

    module = MODULE
    runs_model = True
    """What is built from a worker runs the model."""

    def __init__(self, time_limit: float, memory_limit: int | None = None) -> None:
        self.time_limit = time_limit
        self.memory_limit = memory_limit or default_memory_limit()
        self.budget: Budget | None = None
        self._log: IO[bytes] | None = None
        self._process: Process | None = None
        self._dying: list[Process] = []
        self.session = 0
        """Counts the sessions, and the ends of the process, so that users know theirs."""
        self.cut_short: list[LimitReached] = []
        """What limits ended, of the model that it runs."""
        self.peak = 0
        """Bytes of memory that the process took at most, as far as it told."""
        self._owes_reply = False
        self._has_replied = False
        """Whether the process is loaded, and so reads what it is sent at once."""
        self.meanwhile: Meanwhile = nothing
        """What is done, piece by piece, while the process is waited for."""
        self.first: Callable[[], None] | None = None
        """What is done before that, once: whoever asks makes what is to be asked next."""

    def serve(self, budget: Budget) -> None:
        """Is for the model that has this budget from now on."""
        if budget is not self.budget:
            self.budget, self.cut_short = budget, []

    def start(self) -> None:
        """Starts the process if there is none, or the last one died."""
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._has_replied = False
        self._process = self._taken_over() or self._spawned()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            widen(stream.fileno())
        if _CAN_WAIT and self._process.stdin is not None:
            os.set_blocking(self._process.stdin.fileno(), False)

    def _taken_over(self) -> Taken | None:
        """The process that was started before it was known for what."""
        taken = taken_over(self.module, self.memory_limit)
        if taken is not None:
            self._close_log()
            self._log = taken.log
        return taken

    def _spawned(self) -> Process:
        import subprocess
        import tempfile

        if self._log is None:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        return subprocess.Popen(
            command(self.module, self.memory_limit or 0, os.getpid()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(),
        )

    def load(
        self, model: bytes, folder: Path, level: Level = "all", *, in_order: bool = False,
        taps: Sequence[str] = (), most_shown: int = 0, lanes: int = 1,
        has_ours: bool = False, expected: dict[str, Seen] | None = None,
    ) -> None:  # fmt: skip
        """Creates a session on a serialized model, whose external data lies in `folder`.

        With `in_order` nodes run as they stand in the file: what stands late is not kept waiting.
        `taps` are the names of what is tapped in it, by number; each is shown `most_shown` times in
        a run, 0 for always. So many `lanes` are for runs that are made side by side.
        `has_ours`: our own operators are in it. `expected` are types that taps may show.

        Raises:
            RunFailure: onnxruntime cannot create it.
            WorkerDied: the worker crashed or went over a limit.
        """
        from onnxlint.runtime.protocol import Load, Loaded

        self.start()
        self.session += 1
        place = str(folder.resolve())
        load = Load(
            model, place, level, in_order, [*taps], most_shown, lanes, bool(taps) or has_ours,
            expected or {}, jobs_at_work(),
        )  # fmt: skip
        reply = self._ask(load, "creating a session")
        assert isinstance(reply, Loaded)

    def run(self, request: Run, *, whole: bool = True) -> Ran:
        """Runs the session once; with `whole`, outputs that are too large to send are a failure.

        Raises:
            RunFailure: onnxruntime cannot run it.
            WorkerDied: the worker crashed or went over a limit.
        """
        from onnxlint.runtime.protocol import Ran

        reply = self._ask(request, _RUNNING)
        assert isinstance(reply, Ran)
        return self._taken(reply, whole=whole)

    def run_together(self, requests: Sequence[Run], *, whole: bool = True) -> list[Ran]:
        """Runs the session so often, side by side in its lanes; as `run`.

        Raises:
            RunFailure: onnxruntime cannot run one of them: the first that is refused.
            WorkerDied: the worker crashed or went over a limit.
        """
        from onnxlint.runtime.protocol import AllRan, Failed, Together

        if len(requests) == 1:
            return [self.run(requests[0], whole=whole)]
        reply = self._ask(Together([*requests]), _RUNNING, len(requests))
        assert isinstance(reply, AllRan)
        runs = []
        for each in reply.replies:
            if isinstance(each, Failed):
                self._raise(each.message, _RUNNING)
            runs.append(self._taken(each, whole=whole))
        return runs

    def _taken(self, ran: Ran, *, whole: bool) -> Ran:
        self.peak = ran.peak
        if whole and ran.withheld:
            raise LimitReached(f"output {ran.withheld[0]!r} is too large to be kept")
        return ran

    def total(self) -> dict[str, Statistics]:
        """The statistics that runs added up since they were asked for last.

        Raises:
            WorkerDied: the worker crashed or went over a limit.
        """
        from onnxlint.runtime.protocol import Total, Totalled

        reply = self._ask(Total(), "adding up statistics")
        assert isinstance(reply, Totalled)
        return reply.statistics

    def profile(
        self, model: bytes, folder: Path, level: Level, feeds: dict[str, Array], runs: int, *,
        keeps_graph: bool = True,
    ) -> Profiled:  # fmt: skip
        """Times the kernels of a model in some runs; the session that was open is not any more.

        Raises:
            RunFailure: onnxruntime cannot load it, or cannot run it.
            WorkerDied: the worker crashed or went over a limit.
        """
        import tempfile

        from onnxlint.runtime.protocol import Profile, Profiled

        self.start()
        self.session += 1
        with tempfile.TemporaryDirectory(prefix="onnxlint-profile-") as scratch:
            place = str(folder.resolve())
            request = Profile(model, place, level, feeds, runs, scratch, keeps_graph)
            reply = self._ask(request, "timing the kernels")
        assert isinstance(reply, Profiled)
        return reply

    def log(self) -> str:
        """What the worker and the native code in it printed so far."""
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self) -> None:
        """Ends the worker; nothing of it is left."""
        self._end()
        for process in self._dying:
            process.wait()
        self._close_log()

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def end(self) -> None:
        """Ends the process, and does not wait for that: nobody asks it any more."""
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self.session += 1
            self._process.kill()
            self._dying.append(self._process)  # to give back gigabytes takes it seconds
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # a pipe whose reader is gone
                        stream.close()
            self._process = None
            if self._log is not None:
                self._log.seek(0)
                self._log.truncate()

    def _ask(self, request: Request, doing: str, runs: int = 1) -> Reply:
        from onnxlint.runtime.protocol import Failed

        if self._owes_reply:
            raise RuntimeError(f"{doing} while the worker process still owes a reply")
        process = self._process
        if process is None:
            raise WorkerDied(f"the worker process exited before {doing}")
        if process.poll() is not None:  # it has ended before it was asked, as if by that
            death = self._death(doing)
            self._end()
            raise death
        assert process.stdin is not None
        assert process.stdout is not None
        allowed = self._allowed_seconds(runs)
        if not allowed:
            raise self._out_of_time(doing)
        is_late = threading.Event()
        try:
            with Alarm.waiting(), _ended_late(process, allowed, is_late):
                patience = _Patience(allowed, self._left, self._one_piece)
                reply = _exchange(process, request, patience, is_read=self._has_replied)
        except TimeoutError:
            is_late.set()
            reply = None
        except ValueError as error:
            self._end()
            raise WorkerDied(
                f"{doing} made the worker process send an invalid reply: {error}"
            ) from error
        if reply is None:
            death = self._out_of_time(doing) if is_late.is_set() else self._death(doing)
            self._end()
            raise death
        self._has_replied = True
        if isinstance(reply, Failed):
            self._raise(reply.message, doing)
        return reply

    def _one_piece(self) -> bool:
        """Does a piece of other work; it asks nothing of the process, which owes a reply."""
        self._owes_reply = True
        try:
            first, self.first = self.first, None
            if first is None:
                return self.meanwhile()
            first()
            return True
        finally:
            self._owes_reply = False

    def _allowed_seconds(self, runs: int) -> float:
        return min(runs * self.time_limit, self._left)

    @property
    def _left(self) -> float:
        """Seconds that the model has left, whatever they are spent on."""
        return math.inf if self.budget is None else self.budget.left

    def _out_of_time(self, doing: str) -> LimitReached:
        is_spent = self.budget is not None and self.budget.is_spent
        limit = self.budget.seconds if self.budget is not None and is_spent else self.time_limit
        return self._cut_short(f"{doing} took longer than the {limit:g} s allowed", "--time-limit")

    def _cut_short(self, message: str, option: str) -> LimitReached:
        self.cut_short.append(LimitReached(message, option))
        return self.cut_short[-1]

    def _raise(self, message: str, doing: str) -> NoReturn:
        if "bad_alloc" in message or "Failed to allocate memory" in message:
            raise self._out_of_memory(doing)
        raise RunFailure(message)

    def _death(self, doing: str) -> WorkerDied:
        assert self._process is not None
        status = self._process.wait()
        if "bad_alloc" in self.log() or "MemoryError" in self.log():
            return self._out_of_memory(doing)
        if status < 0:
            return WorkerDied(f"{doing} crashed the process ({signal.Signals(-status).name})")
        return WorkerDied(f"{doing} ended the process with exit status {status}")

    def _out_of_memory(self, doing: str) -> LimitReached:
        allowed = f"{(self.memory_limit or 0) / 2**20:,.0f} MiB"
        return self._cut_short(f"{doing} ran out of the {allowed} allowed", "--memory-limit")


class Workers:
    """The workers of a run over many models: one for each pair of limits."""

    def __init__(self) -> None:
        self._workers: dict[tuple[float, int | None], Worker] = {}
        self.is_last = False
        """Whether the model that is judged is the last one."""

    def with_limits(self, time_limit: float, memory_limit: int | None) -> Worker:
        """A worker with these limits, started."""
        limits = (time_limit, memory_limit)
        if limits not in self._workers:
            self._workers[limits] = Worker(*limits)
        self._workers[limits].start()
        return self._workers[limits]

    def close(self) -> None:
        """Ends them all."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()


def _exchange(
    process: Process, request: Request, patience: _Patience, *, is_read: bool
) -> Reply | None:
    """Sends a request, which may be read at once, and waits for the reply.

    None where the worker is gone.

    Raises:
        TimeoutError: it took too long.
        ValueError: what it sent is not a reply.
    """
    from onnxlint.runtime import protocol

    assert process.stdin is not None
    assert process.stdout is not None
    try:
        protocol.send(_Written(process.stdin, patience, is_read=is_read), request)
        return_freed_memory()
        return protocol.read_reply(_Timed(process.stdout.fileno(), patience))
    except TimeoutError:
        raise
    except OSError:
        return None


_CAN_WAIT = sys.platform != "win32"
"""Whether it can be waited for pipes."""


@contextlib.contextmanager
def _ended_late(process: Process, allowed: float, is_late: threading.Event) -> Iterator[None]:
    """Ends a process after so many seconds, where pipes cannot be waited for.

    Elsewhere nobody need watch: a thread for each request takes as long as a small model.
    """
    if _CAN_WAIT:
        yield
        return

    def end() -> None:
        is_late.set()
        process.kill()

    alarm = threading.Timer(allowed, end)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


class _Patience:
    """How long pipes are waited for, from now on.

    What is done meanwhile takes none of these seconds, but of the `most` that all may take.
    """

    def __init__(self, seconds: float, most: float, meanwhile: Meanwhile) -> None:
        now = time.monotonic()
        self._deadline, self._last = now + seconds, now + most
        self._meanwhile = meanwhile

    def wait(self, pipe: int, *, to_write: bool = False, is_soon: bool = False) -> None:
        """Until a pipe can be read, or written, where pipes can be waited for.

        `is_soon`: whoever is at the other end is at it, and would have to wait for a piece of work.

        Raises:
            TimeoutError: the time is over.
        """
        while _CAN_WAIT and not is_soon and not _is_ready(pipe, 0, to_write):
            is_soon = not self._does_a_piece()
        left = self._deadline - time.monotonic()
        if left <= 0 or (_CAN_WAIT and not _is_ready(pipe, left, to_write)):
            raise TimeoutError

    def _does_a_piece(self) -> bool:
        begin = time.monotonic()
        is_more = self._meanwhile()
        self._deadline = min(self._last, self._deadline + time.monotonic() - begin)
        return is_more


def _is_ready(pipe: int, seconds: float, to_write: bool) -> bool:
    readable, writable = ([], [pipe]) if to_write else ([pipe], [])
    return any(select.select(readable, writable, [], seconds))


class _Written:
    """Writes a pipe while it is patient: a worker may not read what it is sent."""

    def __init__(self, stream: IO[bytes], patience: _Patience, *, is_read: bool) -> None:
        self._stream, self._patience, self._is_read = stream, patience, is_read

    def write(self, data: bytes, /) -> int:
        """All of it.

        Raises:
            TimeoutError: it took too long.
        """
        if not _CAN_WAIT:
            return self._stream.write(data)
        pipe, left = self._stream.fileno(), memoryview(data)
        while left:
            self._patience.wait(pipe, to_write=True, is_soon=self._is_read)
            left = left[os.write(pipe, left[:AT_ONCE]) :]
        return len(data)

    def flush(self) -> None:
        """What was written is there already."""
        if not _CAN_WAIT:
            self._stream.flush()


class _Timed:
    """Reads a pipe while it is patient: a process' end shows only when its memory is freed."""

    def __init__(self, pipe: int, patience: _Patience) -> None:
        self._pipe, self._patience = pipe, patience
        self._has_begun = False

    def read(self, size: int) -> bytes:
        """So many bytes; fewer where the pipe ends."""
        parts: list[bytes] = []
        while size > 0:
            self._patience.wait(self._pipe, is_soon=self._has_begun)
            self._has_begun = True
            part = os.read(self._pipe, min(size, AT_ONCE))
            if not part:
                self._patience.wait(self._pipe)  # ended late, where pipes cannot be waited for
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def return_freed_memory() -> None:
    """Gives back to the system what this process freed: glibc keeps it, beside a worker's session.

    Measured beside a session of 18 MB of weights: 9 of the 84 MiB that the linter's end held.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library of another kind
            _c_library().malloc_trim(0)


@cache
def _c_library() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None)
