"""Workers that a test closes serve the next one: to start a process takes a quarter of a second."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import IO, Any
from weakref import WeakKeyDictionary

import pytest

from onnxlint.runtime.worker.client import Worker
from onnxlint.runtime.worker.environment import environment

OWN = ("test_ahead", "test_in_memory", "test_worker")
"""Files that look at the life of a worker's process."""

Kind = tuple[Any, ...]

_spare: dict[Kind, tuple[Popen[bytes], IO[bytes]]] = {}
"""For each kind of process one without work, and what it prints to."""

_kinds: WeakKeyDictionary[Worker, Kind] = WeakKeyDictionary()
_start, _close = Worker.start, Worker.close
_owner = os.getpid()  # forks start their own: a process cannot serve two


@contextmanager
def spare_workers() -> Iterator[None]:
    """Has the processes of workers kept when they are closed, and taken when they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "start", _take_or_start)
        patch.setattr(Worker, "close", _keep_or_close)
        yield


def end_spare_workers() -> None:
    """Ends the processes that nobody took."""
    while _spare and os.getpid() == _owner:
        process, log = _spare.popitem()[1]
        process.kill()
        process.communicate()
        log.close()


def _take_or_start(worker: Worker) -> None:
    if worker._process is None and os.getpid() == _owner:
        kind = (worker.module, worker.memory_limit, *sorted(environment().items()))
        _kinds[worker] = kind
        process, log = _spare.pop(kind, (None, None))
        if process is not None and log is not None and process.poll() is None:
            worker._close_log()
            worker._process, worker._log = process, log  # type: ignore[assignment]
            log.seek(0)
            log.truncate()
            return
    _start(worker)


def _keep_or_close(worker: Worker) -> None:
    process, kind = worker._process, _kinds.get(worker)
    lives = process is not None and process.poll() is None and os.getpid() == _owner
    if process is None or kind is None or not lives or kind in _spare:
        _close(worker)
        return
    _spare[kind] = process, worker._log
    worker._process = None
    worker.session += 1
    for dying in worker._dying:
        dying.wait()
