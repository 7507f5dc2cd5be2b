"""A worker's process that is started before anybody knows whether it is wanted, and for what.

To load onnxruntime takes as long as the command line, the rules and the model together: so the two
go on side by side. Whoever first wants a worker takes the process over, mostly the fork that judges
the first model. As it is no child of theirs, a keeper stands between: the process is its child, it
ends with whoever owns it, and the keeper tells how.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys

from onnxlint.runtime.worker.environment import MODULE, command, environment

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module `typing` takes longer to load than all that this does
    from typing import BinaryIO, NoReturn

_NUMBER = 4
"""Bytes of a number in a pipe: that of a process, or how one ended."""

_NOBODY = -1
"""No process: the worker's is to end."""

_started: _Keeper | None = None


def start_ahead() -> None:
    """Starts the process, where the platform can, and none is there for whoever wants one.

    `end_ahead` ends it.
    """
    global _started
    if _started is not None and _started.is_taken:
        end_ahead()
    if _started is None and hasattr(os, "pidfd_open") and has_streams():
        try:
            _started = _Keeper()
        except OSError:  # too few files or processes: whoever wants a worker is told
            _started = None


def taken_over(module: str, memory_limit: int | None) -> Taken | None:
    """The process, with this limit of its memory; None where there is none, or another has it."""
    keeper = _started
    if keeper is None or module != MODULE or keeper.circumstances != _circumstances():
        return None
    return keeper.taken_over(memory_limit)


def end_ahead(*, waits: bool = True) -> None:
    """Ends the process, whoever has it by now; who leaves at once need not wait for that."""
    global _started
    keeper, _started = _started, None
    if keeper is not None:
        keeper.end(waits=waits)


class Taken:
    """A process that was taken over, as `subprocess.Popen` has its own."""

    def __init__(self, pid: int, requests: int, replies: int, log: int, ending: int) -> None:
        self.pid = pid
        self.stdin: BinaryIO = open(requests, "wb", buffering=0)  # noqa: SIM115
        self.stdout: BinaryIO = open(replies, "rb")  # noqa: SIM115
        self.log: BinaryIO = open(log, "w+b")  # noqa: SIM115
        self._ending = ending
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        if self.returncode is None and select.select([self._ending], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """How it ended, when it has: its exit status, or the signal's number below zero."""
        if self.returncode is None:
            told = _number(self._ending)
            self.returncode = -9 if told is None else told  # the keeper was killed, and it so, too
            os.close(self._ending)
        return self.returncode

    def kill(self) -> None:
        """Ends it."""
        if self.poll() is None:
            _kill(self.pid)


class _Keeper:
    """The keeper, the ends of the pipes to the process, and that on which it tells of it.

    Forks share them: the one that gets the token owns the process.
    """

    def __init__(self) -> None:
        self.circumstances = _circumstances()
        self._owner = os.getpid()
        folder = os.environ.get("TMPDIR") or "/tmp"
        opened = [os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)]
        try:
            for _ in range(5):
                opened += os.pipe()
            self._log, *pipes = opened
            self._theirs = (pipes[0], pipes[3], self._log)
            self._requests, self._replies = pipes[1], pipes[2]
            self._ending, ending = pipes[4:6]
            owners, self._owners = pipes[6:8]
            self._token, token = pipes[8:]
            self._pid = os.fork()
        except OSError:
            for each in opened:
                os.close(each)
            raise
        if not self._pid:
            try:
                self._keep(owners, ending)
            finally:
                os._exit(1)
        os.set_blocking(self._token, False)
        os.write(token, b"t")
        for each in (pipes[0], pipes[3], ending, owners, token):
            os.close(each)

    @property
    def is_taken(self) -> bool:
        """Whether somebody has the process."""
        return not select.select([self._token], [], [], 0)[0]

    def taken_over(self, memory_limit: int | None) -> Taken | None:
        """The process, if nobody has it."""
        if not self._is_mine():
            return None
        pid = _number(self._ending)
        if pid is None:
            return None
        from onnxlint.safety.limits import limit_memory

        _tell(self._owners, os.getpid())
        limit_memory(memory_limit, pid)
        return Taken(pid, self._requests, self._replies, self._log, self._ending)

    def _is_mine(self) -> bool:
        try:
            return bool(os.read(self._token, 1))
        except BlockingIOError:
            return False

    def end(self, *, waits: bool) -> None:
        """Ends the process, and waits for the keeper, in the process that began both."""
        if self._owner == os.getpid():
            with contextlib.suppress(BrokenPipeError):  # it has ended
                _tell(self._owners, _NOBODY)
            if waits:
                os.waitpid(self._pid, 0)

    def _keep(self, owners: int, ending: int) -> NoReturn:
        """The keeper's whole life."""
        import _signal as signal  # type: ignore[import-not-found]

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        owner = _pidfd(self._owner)
        if owner is None or os.getppid() != self._owner:
            os._exit(1)
        process = self._spawned()
        _tell(ending, process)
        ends = os.pidfd_open(process)
        waited = select.poll()
        for each in (owner, ends, owners):
            waited.register(each, select.POLLIN)
        while ends not in (ready := {fd for fd, _ in waited.poll()}):
            if owners in ready:
                if owner is not None:
                    waited.unregister(owner)
                owner = _pidfd(_number(owners) or _NOBODY)
                if owner is not None:
                    waited.register(owner, select.POLLIN)
            if owner is None or owner in ready:
                _kill(process)
        _tell(ending, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
        os._exit(0)

    def _spawned(self) -> int:
        """The worker's process, whose streams are not this one's."""
        null = os.open(os.devnull, os.O_RDWR)
        places = [*zip(self._theirs, range(3), strict=True)]
        process = os.posix_spawn(
            sys.executable,
            command(MODULE, 0, os.getpid()),
            environment(),
            file_actions=[(os.POSIX_SPAWN_DUP2, end, place) for end, place in places],
        )
        for stream in range(3):  # nobody who reads what the command prints waits for this process
            os.dup2(null, stream)
        for each in (self._requests, self._replies, *self._theirs):
            os.close(each)
        return process


def _circumstances() -> tuple[object, ...]:
    """What a process inherits that may change what the worker does.

    How much memory it may take is not among it: that it is told when it is taken over.
    """
    import resource

    kinds = (name for name in dir(resource) if name.startswith("RLIMIT_") and name != "RLIMIT_DATA")
    limits = [resource.getrlimit(getattr(resource, name)) for name in kinds]
    return environment(), limits, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)


def _pidfd(process: int) -> int | None:
    """What tells when a process ends; None if it has."""
    try:
        return os.pidfd_open(process)
    except OSError:
        return None


def _number(pipe: int) -> int | None:
    """The next one from a pipe; None where nobody writes it any more."""
    told = os.read(pipe, _NUMBER)
    return int.from_bytes(told, "big", signed=True) if told else None


def _tell(pipe: int, number: int) -> None:
    os.write(pipe, number.to_bytes(_NUMBER, "big", signed=True))


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 9)


def has_streams() -> bool:
    """Whether the first pipe would not take the place of a closed stream."""
    try:
        for number in range(3):
            os.fstat(number)
    except OSError:
        return False
    return True
