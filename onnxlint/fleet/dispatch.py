"""Hands out models, so many at a time, and sees to it that each is answered for once."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from queue import Empty, SimpleQueue

from msgspec import Struct

from onnxlint.fleet.bench import unjudged
from onnxlint.fleet.doors import Door
from onnxlint.fleet.errors import FleetError
from onnxlint.fleet.orders import Answer
from onnxlint.rules.diagnosis import words
from onnxlint.version import __version__

MOST_TRIES = 3
"""Workers that one model may cost before it is reported instead; a choice."""

MOST_LOST = 10
"""How often the answer for one model may be lost on its way; a choice."""

LOOK_SECONDS = 1.0
"""So often it is looked whether there are workers at all, where none of them answers."""

_CANNOT_LOAD = (ImportError, AttributeError, pickle.UnpicklingError)
"""What a worker raises that does not know our function."""


class _Errand(Struct):
    """One model under way. What it cost so far: workers, and answers that were lost."""

    number: int
    order: bytes
    tries: int = 0
    lost: int = 0


class Dispatcher:
    """Sends orders through a door.

    An executor that breaks does not say by which model: all that were under way are then sent again
    one by one, and the one that breaks it again is reported.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._pending: dict[Future[bytes], _Errand] = {}
        self._done: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._again: deque[_Errand] = deque()
        self._suspects: deque[_Errand] = deque()
        self._is_broken = self._is_alone = False
        self._idle_breaks = 0

    def answers(self, orders: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, Answer]]:
        """The answer to each order, by its number, in the order in which they come.

        Raises:
            FleetError: the workers are gone, or refuse.
        """
        while True:
            self._hand_out(orders)
            if not self._pending:
                if self._is_broken:
                    continue
                return
            try:
                future = self._done.get(timeout=LOOK_SECONDS)
            except Empty:
                self._door.check()
                continue
            errand = self._pending.pop(future)
            self._idle_breaks = 0
            answer = self._answer(future, errand)
            if answer is None:
                continue
            if answer.refusal is not None:
                raise FleetError(answer.refusal)
            yield errand.number, answer

    def _hand_out(self, orders: Iterator[tuple[int, bytes]]) -> None:
        if not self._pending:
            self._is_alone = False
            if self._is_broken:
                self._door.renew()
                self._is_broken = False
        while not self._is_broken and len(self._pending) < self._room:
            errand = self._next(orders)
            if errand is None:
                return
            self._send(errand)

    @property
    def _room(self) -> int:
        """How many may be under way: of those that may have broken the executor, one."""
        return 1 if self._suspects or self._is_alone else self._door.window

    def _next(self, orders: Iterator[tuple[int, bytes]]) -> _Errand | None:
        self._is_alone = bool(self._suspects)
        for waiting in (self._suspects, self._again):
            if waiting:
                return waiting.popleft()
        return next((_Errand(*each) for each in orders), None)

    def _send(self, errand: _Errand) -> None:
        try:
            future = self._door.send(errand.order)
        except BrokenExecutor as error:  # by another, or idle
            self._is_broken = True
            self._again.append(errand)
            self._idle_breaks += 1
            if self._idle_breaks == MOST_TRIES:
                told = f"the executor broke {MOST_TRIES} times before it did anything"
                raise FleetError(f"{told} ({words(error)}); check its workers") from error
            return
        self._pending[future] = errand
        future.add_done_callback(self._done.put)

    def _answer(self, future: Future[bytes], errand: _Errand) -> Answer | None:
        """What came of an errand; None where it is sent again."""
        try:
            return Answer.opened(future.result())
        except CancelledError:
            self._door.check()
            errand.lost += 1
            if errand.lost < MOST_LOST:
                self._again.append(errand)
                return None
            return _given_up(errand, f"its answer was lost {MOST_LOST} times")
        except BrokenExecutor:
            self._is_broken = True
            return self._retried(errand, self._suspects, "the worker that linted it ended")
        except _CANNOT_LOAD as error:
            raise FleetError(
                f"a worker cannot load onnxlint {__version__} ({words(error)}); install it on all "
                "workers, and on the scheduler"
            ) from error
        except Exception as error:
            if type(error).__name__ == "KilledWorker":  # Dask's, after as many workers
                return _given_up(errand, "each worker that linted it ended")
            return self._retried(errand, self._again, words(error))

    def _retried(self, errand: _Errand, waiting: deque[_Errand], problem: str) -> Answer | None:
        errand.tries += 1
        if errand.tries < MOST_TRIES:
            waiting.append(errand)
            return None
        return _given_up(errand, f"{problem} ({MOST_TRIES} tries)")


def _given_up(errand: _Errand, problem: str) -> Answer:
    return Answer.opened(unjudged(errand.order, problem))
