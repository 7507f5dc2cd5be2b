"""What the compiled passes measure in a run by themselves, where a tap shows it.

A run shows hundreds of values. To call Python for each takes longer than a pass over a small one,
and only one of the runs that are made side by side can be in Python at a time. So what had a shape
in one run is expected to have it in the next, and Python is called only for what is otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from struct import Struct

import numpy as np

from onnxlint.runtime.protocol import Array, Run, Seen
from onnxlint.runtime.statistics.accumulate import Totals
from onnxlint.runtime.statistics.compiled import ALONE_BYTES, Ready
from onnxlint.runtime.worker.taps import Taps

_MOST_DIMS = 8
_EXPECTED = Struct(f"=ii{_MOST_DIMS}qQq")
"""`Expected` of taps.c: type, rank, dims, task, and whether it was measured."""

_MEASURED_AT = _EXPECTED.size - 8

_TYPES = {"float32": 1, "float16": 10}
"""How onnxruntime numbers what the compiled passes read of a run."""


class Expected:
    """The values that are expected in one run, with what measures them."""

    def __init__(
        self, taps: Taps, totals: Totals, request: Run, known: Mapping[str, Seen]
    ) -> None:  # fmt: skip
        self._ready: dict[str, tuple[int, Seen, Ready]] = {}
        self._totals = totals
        if totals.table is None or not known or taps.most or request.only_finite:
            return
        self._tasks = totals.table.reserve(len(request.watched))
        self._told = bytearray(len(taps.numbers) * _EXPECTED.size)
        apart = {*request.kept, *request.held}
        for watch in request.watched:
            number, seen = taps.numbers.get(watch.name), known.get(watch.name)
            if number is None or seen is None or watch.name in apart:
                continue
            like = _like(*seen)
            part = None if like is None else totals.part(watch, like, request.samples)
            if part is None or (totals.threads > 1 and part.values.nbytes >= ALONE_BYTES):
                continue
            ready = totals.table.ready(part, self._tasks)
            if ready is not None:
                self._expect(watch.name, number, seen, ready)

    def _expect(self, name: str, number: int, seen: Seen, ready: Ready) -> None:
        dtype, shape = seen
        dims = [*shape, *[0] * (_MOST_DIMS - len(shape))]
        numbers = _TYPES[dtype], len(shape), *dims, ready.address, 0
        _EXPECTED.pack_into(self._told, number * _EXPECTED.size, *numbers)
        self._ready[name] = number, seen, ready

    @contextmanager
    def told(self, taps: Taps) -> Iterator[None]:
        """While this thread runs the session they are measured, and what is not is shown."""
        if not self._ready:
            yield
            return
        with taps.expecting(self._told):
            yield

    def measured(self) -> dict[str, Seen]:
        """What was as expected; it counts from now on."""
        found: dict[str, Seen] = {}
        assert self._totals.table is not None or not self._ready
        for name, (number, seen, ready) in self._ready.items():
            at = number * _EXPECTED.size + _MEASURED_AT
            if int.from_bytes(self._told[at : at + 8], sys.byteorder):
                ready.entry.take(seen[1], ready.rows)
                found[name] = seen
        return found


@cache
def _like(dtype: str, shape: tuple[int, ...]) -> Array | None:
    """An array of this type and shape without memory of its own; None of what is not measured."""
    if dtype not in _TYPES or len(shape) > _MOST_DIMS:
        return None
    return np.broadcast_to(np.zeros((), dtype), shape)
