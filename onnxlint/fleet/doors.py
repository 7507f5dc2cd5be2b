"""Ways to workers: processes of this machine, a Dask cluster, or any executor of one's own.

What is asked of an executor is `submit` of `concurrent.futures`, and no more.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Protocol

from onnxlint.fleet.bench import Benches, judge
from onnxlint.fleet.errors import FleetError
from onnxlint.rules.diagnosis import words

IN_FLIGHT = 256
"""Models that are handed out at a time to an executor that does not say how many it can do; a
choice: enough for a cluster that grows with what waits for it."""

AHEAD = 3
"""Models that are handed out for each that can be judged at a time; a choice."""

CONNECT_SECONDS = 10
"""A scheduler that has not answered by then is told to be gone; a choice."""

RECOUNT_SECONDS = 5.0
"""So often a cluster is asked how many workers it has: they come and go."""


class Door(Protocol):
    """Where models are sent, and how many at a time."""

    @property
    def window(self) -> int:
        """How many may be under way."""
        ...

    @property
    def note(self) -> str | None:
        """What somebody who waits should know."""
        ...

    def send(self, order: bytes) -> Future[bytes]:
        """Sends an order; the future is its answer.

        Raises:
            BrokenExecutor: there are no workers any more.
        """
        ...

    def check(self) -> None:
        """Waits while the workers cannot be reached for the moment.

        Raises:
            FleetError: they are gone.
        """
        ...

    def renew(self) -> None:
        """Makes workers in place of those that broke.

        Raises:
            FleetError: that is not possible.
        """
        ...

    def close(self, *, at_once: bool) -> None:
        """Lets go of the workers; `at_once` gives up what is under way."""
        ...


def opened(named: str | None, jobs: int | None) -> Door:
    """The door that `--executor` names; without it, processes of this machine.

    `jobs` is how many models may be under way.

    Raises:
        FleetError: there is none, or nobody answers.
    """
    if named is None:
        return Here(jobs or 1)
    scheme, is_address, place = named.partition("://")
    if is_address and scheme in SCHEMES:
        return Dask(f"{SCHEMES[scheme]}://{place}", jobs)
    if not is_address and ":" in named:
        return Own(named, jobs)
    raise FleetError(
        f"--executor {named!r} is unknown; give dask://HOST:PORT, or MODULE:ATTRIBUTE of an "
        "executor of concurrent.futures"
    )


SCHEMES = {"dask": "tcp", "dask+tls": "tls"}
"""How Dask calls what it speaks, by the scheme of our addresses."""


class Here:
    """As many processes of this machine as models are judged at a time."""

    def __init__(self, jobs: int) -> None:
        self.window = AHEAD * jobs
        self._benches = Benches(jobs)
        self._threads = ThreadPoolExecutor(jobs, "onnxlint")

    @property
    def note(self) -> str | None:
        """Nothing."""
        return None

    def send(self, order: bytes) -> Future[bytes]:
        """Sends an order to the next thread that is free."""
        return self._threads.submit(self._benches.judge, order)

    def check(self) -> None:
        """They are always there."""

    def renew(self) -> None:
        """Threads do not break."""

    def close(self, *, at_once: bool) -> None:
        """Ends all processes."""
        self._threads.shutdown(wait=not at_once, cancel_futures=at_once)
        self._benches.close()


class Dask:
    """A Dask cluster, by the executor of its client: it sends elsewhere what a worker lost."""

    def __init__(self, address: str, jobs: int | None) -> None:
        if find_spec("distributed") is None:
            raise FleetError("dask:// requires distributed: pip install 'onnxlint[dask]'")
        from distributed import Client

        _silence("distributed")
        self._address, self._jobs = address, jobs
        try:
            self._client = Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False, name="onnxlint"
            )
        except Exception as error:  # of many types, by what is wrong with the address
            told = f"no Dask scheduler answers at {address} ({_first_line(error)})"
            raise FleetError(f"{told}; check the address, and that it runs") from error
        self._executor: Executor = self._client.get_executor(pure=False)
        self._counted, self._threads = -RECOUNT_SECONDS, 0

    @property
    def window(self) -> int:
        """What keeps all threads of the cluster busy."""
        if time.monotonic() - self._counted > RECOUNT_SECONDS:
            with suppress(Exception):  # it is gone, which the next result tells
                self._threads = sum(self._client.nthreads().values())
            self._counted = time.monotonic()
        return self._jobs or max(IN_FLIGHT, AHEAD * self._threads)

    @property
    def note(self) -> str | None:
        """That there is no worker yet: a cluster may start some for what waits."""
        if self.window and not self._threads:
            return f"the Dask scheduler at {self._address} has no workers yet; waiting for them"
        return None

    def send(self, order: bytes) -> Future[bytes]:
        """Sends an order to the scheduler."""
        try:
            return self._executor.submit(judge, order)
        except Exception as error:  # the client was closed, as its scheduler is gone
            self.check()
            raise BrokenExecutor(_first_line(error)) from error

    def check(self) -> None:
        """Waits while the client looks for its scheduler."""
        while self._client.status == "connecting":
            time.sleep(0.1)
        if self._client.status != "running":
            raise FleetError(f"the Dask scheduler at {self._address} is gone")

    def renew(self) -> None:
        """Cannot be asked for: a cluster has other workers."""
        self.check()

    def close(self, *, at_once: bool) -> None:
        """Lets go of the cluster, which goes on."""
        with suppress(Exception):  # it is gone: nothing is to be let go of
            if at_once:
                self._executor.shutdown(wait=False)
            self._client.close(timeout=CONNECT_SECONDS)


class Own:
    """An executor that somebody names: a class, a function that makes one, or one itself."""

    def __init__(self, named: str, jobs: int | None) -> None:
        self._named, self._jobs = named, jobs
        self._make = _imported(named)
        self._executor = self._made()

    @property
    def window(self) -> int:
        """What keeps its workers busy, as far as it says how many there are."""
        if self._jobs is not None:
            return self._jobs
        for name in ("num_workers", "_max_workers"):
            number = getattr(self._executor, name, None)
            if isinstance(number, int) and number > 0:
                return AHEAD * number
        return IN_FLIGHT

    def _made(self) -> Executor:
        if not callable(self._make):
            return self._checked(self._make)
        try:
            made = self._make()
        except Exception as error:
            raise FleetError(f"--executor {self._named}: {words(error)}") from error
        return self._checked(made)

    def _checked(self, made: Any) -> Executor:
        if not callable(getattr(made, "submit", None)):
            told = f"is a {type(made).__name__}, which has no submit(function, …)"
            raise FleetError(f"--executor {self._named}: {told}")
        executor: Executor = made
        return executor

    @property
    def note(self) -> str | None:
        """Nothing is known of its workers."""
        return None

    def send(self, order: bytes) -> Future[bytes]:
        """Sends an order to whatever it is."""
        return self._executor.submit(judge, order)

    def check(self) -> None:
        """Nobody can tell whether it is still there."""

    def renew(self) -> None:
        """Makes another one."""
        if not callable(self._make):
            told = "broke, and onnxlint cannot make another: name the function that makes it"
            raise FleetError(f"--executor {self._named}: {told}")
        self.close(at_once=True)
        self._executor = self._made()

    def close(self, *, at_once: bool) -> None:
        """Shuts it down, if we made it."""
        shutdown = getattr(self._executor, "shutdown", None)
        if not callable(self._make) or shutdown is None:
            return
        ended = at_once and _end_processes(self._executor)
        try:
            shutdown(wait=ended or not at_once, cancel_futures=at_once)
        except TypeError:  # as before Python 3.9
            shutdown(wait=ended or not at_once)


def _end_processes(executor: Executor) -> bool:
    """Ends the processes of a pool of this machine, which would outlive us; whether it is one."""
    processes = getattr(executor, "_processes", None)
    if not isinstance(processes, dict):
        return False
    for process in [*processes.values()]:
        process.terminate()
    return True


def _imported(named: str) -> Callable[[], Any] | Any:
    """What `module:attribute` names, in installed packages or in the working directory."""
    module, _, path = named.partition(":")
    sys.path.append(os.getcwd())  # noqa: PTH109 - last: what is installed wins
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except Exception as error:  # whatever the module does
        raise FleetError(f"--executor {named}: {words(error)}") from error
    return found


def _silence(library: str) -> None:
    """Ends what a library logs: what goes wrong, we tell."""
    for name in [library, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] == library:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
