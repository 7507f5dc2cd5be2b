"""Statistics of float32 tensors from compiled passes (passes.c), added up run after run.

They read a tensor once, where numpy needs eight passes, and on all cores. There are none where no
C compiler was at hand on installation (hatch_build.py): numpy does the same, see `statistics`.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from onnxlint.runtime import COMPILED
from onnxlint.runtime.protocol import Array, Statistics

EXPONENT_BUCKETS = 300
"""Powers of two from 2^-150 (below float32's smallest subnormal) to 2^150 (above its maximum)."""

HISTOGRAM_ELEMENTS = 1024
"""Elements that the exponents of one tensor are counted on; a regular subset of all."""

SAMPLE_ELEMENTS = 256
"""Elements of each sample that are kept, to compare the samples by."""

MOST_SAMPLES = 64
"""Samples of which they are kept."""

ALONE_BYTES = 1 << 21
"""Below 2 MiB, 0.3 ms of work, other threads are not woken: that takes 0.05 ms."""

MOST_THREADS = 8
"""As many as were tried, on 16 cores: eight still took less time than four."""

_SEEN = [("elements", "i8"), ("zeros", "i8"), ("subnormal", "i8"),
         ("minimum", "f8"), ("maximum", "f8"), ("mean", "f8"), ("m2", "f8")]  # fmt: skip

_TASK = np.dtype(
    [
        ("values", "u8"), ("elements", "i8"), ("start", "i8"),
        ("samples", "i8"), ("kept", "i8"), ("row_step", "i8"), ("rows", "u8"), ("every", "i8"),
        ("channels", "i8"), ("inner", "i8"), ("lows", "u8"), ("highs", "u8"),
        ("tiny", "f4"), ("refused", "i4"),
        ("total", np.dtype(_SEEN, align=True)), ("exponents", "i8", (2, EXPONENT_BUCKETS)),
    ],
    align=True,
)  # fmt: skip
"""`Task` of passes.c."""


class Part(NamedTuple):
    """Elements of a tensor, flat or not, to take in: all of them, or some from `start` on.

    `values` are float32, as what they came in is widened to; `shape`, `dtype` and `tiny`, the
    smallest normal number, are of the tensor. `samples` is how many its first axis counts where
    rows of them are to be kept; the exponent of each `every`th element is counted (0: of none).
    """

    key: Hashable
    values: Array
    shape: tuple[int, ...]
    dtype: str = "float32"
    tiny: float = float(np.finfo(np.float32).tiny)
    channel_axis: int | None = None
    samples: int | None = None
    every: int = 0
    start: int = 0


class Table:
    """The statistics of many tensors, by key, which `threads` measure at once."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._tasks = np.zeros(1, _TASK)
        self._entries: dict[Hashable, _Entry] = {}

    def add(self, parts: Sequence[Part]) -> list[Part]:
        """Takes tensors in, none of them empty, each of another key.

        Gives back, untouched, what numpy has to measure: tensors that hold NaN or infinities, whose
        memory is in another order, or that have other channels than before.
        """
        entries = [self._entry(part) for part in parts]
        taken = [
            (part, entry, entry.rows_for(part))
            for part, entry in zip(parts, entries, strict=True)
            if entry.channels == _channels(part) and _is_readable(part.values)
        ]
        if not taken:
            return list(parts)
        rows = np.array([entry.row for _, entry, _ in taken])
        columns = zip(*(entry.columns(part, kept) for part, entry, kept in taken), strict=True)
        for name, column in zip(_VARYING, columns, strict=True):
            self._tasks[name][rows] = column
        self._measure(rows, sum(part.values.nbytes for part, _, _ in taken))
        refused = self._tasks["refused"][rows].tolist()
        for (part, entry, kept), is_refused in zip(taken, refused, strict=True):
            if not is_refused:
                entry.shape = part.shape
                if kept is not None:
                    entry.samples.append(kept)
                    entry.kept += len(kept)
        done = {part.key for (part, _, _), no in zip(taken, refused, strict=True) if not no}
        return [part for part in parts if part.key not in done]

    def samples_of(self, key: Hashable) -> int:
        """How many samples are kept of a tensor."""
        entry = self._entries.get(key)
        return entry.kept if entry else 0

    def statistics(self) -> dict[Hashable, Statistics]:
        """What has been taken in."""
        seen = {key: self._tasks[entry.row] for key, entry in self._entries.items()}
        return {
            key: self._entries[key].statistics(task)
            for key, task in seen.items() if task["total"]["elements"]
        }  # fmt: skip

    def _entry(self, part: Part) -> _Entry:
        entry = self._entries.get(part.key)
        if entry is None:
            row = len(self._entries)
            if row == len(self._tasks):
                self._tasks = np.concatenate([self._tasks, np.zeros(row, _TASK)])
            entry = self._entries[part.key] = _Entry(row, part)
            task = self._tasks[row]
            task["channels"], task["tiny"] = entry.channels, part.tiny
            task["lows"], task["highs"] = map(_address, entry.extremes)
        return entry

    def _measure(self, rows: Array, size: int) -> None:
        library = compiled()
        assert library is not None
        following = ctypes.c_int64(0)

        def work(_: object = None) -> None:
            library.onnxlint_measure(
                _address(self._tasks), _address(rows), len(rows), ctypes.byref(following)
            )

        if self._threads < 2 or size < ALONE_BYTES:
            work()
            return
        beside = _threads().map(work, range(min(self._threads, len(rows)) - 1))
        work()
        for _ in beside:
            pass  # waits, and raises what went wrong there


class _Entry:
    """What belongs to a row of the table and does not fit in it."""

    def __init__(self, row: int, part: Part) -> None:
        self.row = row
        self.channels = _channels(part)
        self.extremes = np.empty((2, 2, self.channels), np.float32)  # least, most; a run's, all
        self.extremes[:, 1] = [[math.inf], [-math.inf]]
        self.samples: list[Array] = []
        self.kept = 0
        self._layout: tuple[object, tuple[int, ...]] = (None, ())
        self._part = part._replace(values=self.extremes)
        self.shape = part.shape

    def rows_for(self, part: Part) -> Array | None:
        """Memory for the samples that are to be kept of a tensor."""
        if not part.samples:
            return None
        wanted = min(part.samples, MOST_SAMPLES - self.kept)
        if wanted <= 0:
            return None
        size = part.values.size // part.samples
        return np.empty((wanted, 1 + -(-size // row_step(size))), np.float32)

    def columns(self, part: Part, rows: Array | None) -> tuple[int, ...]:
        """What the columns of _VARYING hold for a part; what they held is known from before."""
        key = part.shape, part.values.size, part.start, part.samples, part.every
        if self._layout[0] != key:
            self._layout = key, _layout(part)
        kept = (0, 0) if rows is None else (_address(rows), len(rows))
        return _address(part.values), *kept, *self._layout[1]

    def statistics(self, task: Any) -> Statistics:
        """Of this row."""
        total, part = task["total"], self._part
        result = Statistics(
            dtype=part.dtype, shape=self.shape, channel_axis=part.channel_axis,
            **{name: total[name].item() for name, _ in _SEEN},
        )  # fmt: skip
        if self.channels:
            low, high = self.extremes[:, 1]
            seen = low <= high
            result.channel_minimum = np.where(seen, low, np.float32(np.nan))
            result.channel_maximum = np.where(seen, high, np.float32(np.nan))
        if task["every"]:
            result.exponents, result.negative_exponents = task["exponents"].copy()
        if self.samples:
            same = len({rows.shape[1] for rows in self.samples}) == 1
            result.samples = np.concatenate(self.samples) if same else NO_SAMPLES
        return result


NO_SAMPLES = np.empty((0, 0), np.float32)
"""Of a tensor whose samples are not of one size."""

_VARYING = ("values", "rows", "kept", "elements", "start", "samples", "row_step", "every", "inner")


def _layout(part: Part) -> tuple[int, ...]:
    """What the columns of _VARYING hold for a part, but for its addresses and rows."""
    size, samples, axis = part.values.size, part.samples or 1, part.channel_axis
    inner = 1 if axis is None else math.prod(part.shape[axis + 1 :])
    return size, part.start, samples, row_step(size // samples), part.every, inner


def row_step(elements: int) -> int:
    """Each how manieth element of a sample is kept; odd, so that it meets every channel."""
    return -(-elements // SAMPLE_ELEMENTS) | 1


def exponent_step(elements: int) -> int:
    """Each how manieth element of a tensor has its exponent counted; odd as well."""
    return elements // HISTOGRAM_ELEMENTS | 1


def _channels(part: Part) -> int:
    return 0 if part.channel_axis is None else part.shape[part.channel_axis]


def _is_readable(values: Array) -> bool:
    flags = values.flags
    return flags.c_contiguous and flags.aligned


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def usable_threads() -> int:
    """As many threads as this process may use cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, MOST_THREADS)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_THREADS - 1, "onnxlint-passes")


@cache
def compiled() -> ctypes.CDLL | None:
    """The library; None where it was not compiled, or not from this version of its source."""
    try:
        library = ctypes.CDLL(str(COMPILED))
    except OSError:
        return None
    library.onnxlint_task_size.restype = ctypes.c_int64
    if library.onnxlint_task_size() != _TASK.itemsize:
        return None
    library.onnxlint_measure.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    library.onnxlint_measure.restype = None
    return library
