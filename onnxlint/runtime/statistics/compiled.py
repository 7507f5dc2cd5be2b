"""Statistics of tensors from compiled passes (passes.c), added up run after run.

They read a tensor once, where numpy needs eight passes, and on all cores. There are none where no
C compiler was at hand on installation (hatch_build.py): numpy does the same, see `statistics`.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Hashable, Sequence
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxlint.runtime import COMPILED
from onnxlint.runtime.protocol import Array, Statistics
from onnxlint.safety.limits import usable_cores

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

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

_KINDS = {"float32": 0, "float16": 1, "bfloat16": 2, "int8": 3, "uint8": 4}
"""What elements the passes read, by numpy's names, and how passes.c numbers them."""

_VARYING = Struct("=QqqqqqQqq")
"""How `Task` of passes.c begins: what differs from run to run, as `_Entry.varying` has it."""

_FIXED, _FIXED_AT = Struct("=qQQfi"), _VARYING.size
"""Then what stays: channels, extremes, the smallest normal number, the kind of elements."""

_REFUSED, _REFUSED_AT = Struct("=i4x"), _FIXED_AT + _FIXED.size

_SEEN, _SEEN_AT = Struct("=qqqqdddd"), _REFUSED_AT + _REFUSED.size

_SEEN_NAMES = (
    "elements", "zeros", "subnormal", "signed_zeros", "minimum", "maximum", "mean", "m2"
)  # fmt: skip

_EXPONENTS_AT = _SEEN_AT + _SEEN.size

_TASK_BYTES = _EXPONENTS_AT + 2 * 8 * EXPONENT_BUCKETS


class Part(NamedTuple):
    """Elements of a tensor, flat or not, to take in: all of them, or some from `start` on.

    `values` are of a dtype that `kind_of` knows, the same for all parts of a key; `shape`, `dtype`
    and `tiny`, the smallest normal number, are of the tensor. `samples` is how many its first axis
    counts where rows of them are to be kept; the exponent of each `every`th element is counted (0:
    of none).
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


class Ready(NamedTuple):
    """A task that measures a tensor as soon as somebody tells where its elements lie."""

    entry: _Entry
    rows: Array | None
    address: int


class Table:
    """The statistics of many tensors, by key, which `threads` measure at once."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._tasks = bytearray(_TASK_BYTES)
        self._entries: dict[Hashable, _Entry] = {}

    def add(self, parts: Sequence[Part]) -> list[Part]:
        """Takes tensors in, none of them empty, each of another key.

        Gives back, untouched, what numpy has to measure: tensors that hold NaN or infinities, whose
        memory is in another order, or that have other channels than before.
        """
        taken: list[tuple[Part, _Entry, Array | None]] = []
        left = []
        for part in parts:
            entry = self._entry(part)
            if not (entry.fits(part) and _is_readable(part.values)):
                left.append(part)
                continue
            rows = entry.rows_for(part)
            _VARYING.pack_into(self._tasks, entry.at, *entry.varying(part, rows))
            taken.append((part, entry, rows))
        if taken:
            rows_of_them = [entry.row for _, entry, _ in taken]
            self._measure(rows_of_them, sum(part.values.nbytes for part, _, _ in taken))
        for part, entry, rows in taken:
            if _REFUSED.unpack_from(self._tasks, entry.at + _REFUSED_AT)[0]:
                left.append(part)
                continue
            entry.take(part.shape, rows)
        return left

    def add_file(self, part: Part, file: int, offset: int, elements: int) -> int:
        """Takes in elements that lie in a file, from a byte on; how many, in their order.

        They are read into the values of `part`, as many at a time as it has, and no other thread
        waits meanwhile. It ends at what cannot be read, and before values with NaN or infinities.
        """
        library, entry = compiled(), self._entry(part)
        if library is None or not (entry.fits(part) and _is_readable(part.values)):
            return 0
        _VARYING.pack_into(self._tasks, entry.at, *entry.varying(part, None))
        task = (ctypes.c_char * _TASK_BYTES).from_buffer(self._tasks, entry.at)
        values = part.values
        taken: int = library.onnxlint_measure_file(
            task, file, offset, elements, values.itemsize, values.size
        )
        if taken:
            entry.shape = part.shape
        return taken

    def reserve(self, count: int) -> ctypes.Array[ctypes.c_char]:
        """Makes room for so many tensors; while this is kept, tasks stay where they are."""
        missing = count * _TASK_BYTES - len(self._tasks)
        if missing > 0:
            self._tasks += bytes(missing)
        return (ctypes.c_char * len(self._tasks)).from_buffer(self._tasks)

    def ready(self, part: Part, tasks: ctypes.Array[ctypes.c_char]) -> Ready | None:
        """Prepares for a tensor like the values of a part, which are not read."""
        entry = self._entry(part)
        if not entry.fits(part):
            return None
        rows = entry.rows_for(part)
        _VARYING.pack_into(self._tasks, entry.at, *entry.varying(part, rows))
        return Ready(entry, rows, ctypes.addressof(tasks) + entry.at)

    def samples_of(self, key: Hashable) -> int:
        """How many samples are kept of a tensor."""
        entry = self._entries.get(key)
        return entry.kept if entry else 0

    def statistics(self) -> dict[Hashable, Statistics]:
        """What has been taken in."""
        seen = {
            key: (entry, _SEEN.unpack_from(self._tasks, entry.at + _SEEN_AT))
            for key, entry in self._entries.items()
        }
        return {
            key: entry.statistics(numbers, self._tasks)
            for key, (entry, numbers) in seen.items()
            if numbers[0]
        }

    def _entry(self, part: Part) -> _Entry:
        entry = self._entries.get(part.key)
        if entry is None:
            row = len(self._entries)
            if row * _TASK_BYTES == len(self._tasks):
                self._tasks += bytes(row * _TASK_BYTES)
            entry = self._entries[part.key] = _Entry(row, part)
            _FIXED.pack_into(self._tasks, entry.at + _FIXED_AT, *entry.fixed())
        return entry

    def _measure(self, rows: list[int], size: int) -> None:
        library = compiled()
        assert library is not None
        order, following = (ctypes.c_int64 * len(rows))(*rows), ctypes.c_int64(0)
        tasks = (ctypes.c_char * len(self._tasks)).from_buffer(self._tasks)

        def work(_: object = None) -> None:
            library.onnxlint_measure(tasks, order, len(rows), ctypes.byref(following))

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
        self.row, self.at = row, row * _TASK_BYTES
        self.channels, self._kind = _channels(part), kind_of(part.values.dtype)
        self._extremes = np.empty((2, 2, self.channels), np.float32)  # least, most; a run's, all
        self._extremes[0, 1].fill(math.inf)
        self._extremes[1, 1].fill(-math.inf)
        self.samples: list[Array] = []
        self.kept = 0
        self._layout: tuple[object, tuple[int, ...]] = (None, ())
        self._part = part._replace(values=self._extremes)
        self.shape = part.shape

    def fits(self, part: Part) -> bool:
        """Whether a part is of the channels and the kind of elements of those before it."""
        kind = kind_of(part.values.dtype)
        return kind is not None and kind == self._kind and self.channels == _channels(part)

    def rows_for(self, part: Part) -> Array | None:
        """Memory for the samples that are to be kept of a tensor."""
        if not part.samples:
            return None
        wanted = min(part.samples, MOST_SAMPLES - self.kept)
        if wanted <= 0:
            return None
        size = part.values.size // part.samples
        return np.empty((wanted, 1 + -(-size // row_step(size))), np.float32)

    def take(self, shape: tuple[int, ...], rows: Array | None) -> None:
        """What was measured had this shape, and these rows of samples are of it."""
        self.shape = shape
        if rows is not None:
            self.samples.append(rows)
            self.kept += len(rows)

    def fixed(self) -> tuple[float, ...]:
        """What _FIXED packs."""
        lows = _address(self._extremes) if self.channels else 0
        highs = lows + 2 * self.channels * self._extremes.itemsize
        return self.channels, lows, highs, self._part.tiny, self._kind or 0

    def varying(self, part: Part, rows: Array | None) -> tuple[int, ...]:
        """What _VARYING packs for a part; most of it is known from the run before."""
        key = part.shape, part.values.size, part.start, part.samples, part.every
        if self._layout[0] != key:
            self._layout = key, _layout(part)
        size, start, samples, row_step_, every, inner = self._layout[1]
        address, kept = (0, 0) if rows is None else (_address(rows), len(rows))
        values = _address(part.values)
        return values, size, start, samples, kept, row_step_, address, every, inner

    def statistics(self, numbers: tuple[float, ...], tasks: bytearray) -> Statistics:
        """Of this row."""
        part = self._part
        result = Statistics(
            dtype=part.dtype, shape=self.shape, channel_axis=part.channel_axis,
            **dict(zip(_SEEN_NAMES, numbers, strict=True)),  # type: ignore[arg-type]
        )  # fmt: skip
        if self.channels:
            low, high = self._extremes[:, 1].copy()
            unseen = low > high
            if unseen.any():
                low[unseen] = high[unseen] = np.nan
            result.channel_minimum, result.channel_maximum = low, high
        if self._layout[1] and self._layout[1][4]:
            at = self.at + _EXPONENTS_AT
            counts = np.frombuffer(tasks, np.int64, 2 * EXPONENT_BUCKETS, at)
            result.exponents, result.negative_exponents = counts.reshape(2, -1).copy()
        if self.samples:
            same = len({rows.shape[1] for rows in self.samples}) == 1
            result.samples = np.concatenate(self.samples) if same else NO_SAMPLES
        return result


NO_SAMPLES = np.empty((0, 0), np.float32)
"""Of a tensor whose samples are not of one size."""


def _layout(part: Part) -> tuple[int, ...]:
    """Elements, start, samples, row step, `every` and inner of a part."""
    size, samples, axis = part.values.size, part.samples or 1, part.channel_axis
    inner = 1 if axis is None else math.prod(part.shape[axis + 1 :])
    return size, part.start, samples, row_step(size // samples), part.every, inner


def row_step(elements: int) -> int:
    """Each how manieth element of a sample is kept; odd, so that it meets every channel."""
    return -(-elements // SAMPLE_ELEMENTS) | 1


def exponent_step(elements: int) -> int:
    """Each how manieth element of a tensor has its exponent counted; odd as well."""
    return elements // HISTOGRAM_ELEMENTS | 1


@cache
def kind_of(dtype: np.dtype[Any]) -> int | None:
    """How passes.c numbers elements of a dtype; None where it does not read them."""
    return _KINDS.get(dtype.name) if dtype.isnative else None


def _channels(part: Part) -> int:
    return 0 if part.channel_axis is None else part.shape[part.channel_axis]


def _is_readable(values: Array) -> bool:
    flags = values.flags
    return flags.c_contiguous and flags.aligned


def _address(array: Array) -> int:
    return array.ctypes.data


def usable_threads() -> int:
    """As many threads as this process may use cores."""
    return min(usable_cores(), MOST_THREADS)


@cache
def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # of use only for large arrays

    return ThreadPoolExecutor(MOST_THREADS - 1, "onnxlint-passes")


@cache
def compiled() -> ctypes.CDLL | None:
    """The library; None where it was not compiled, or not from this version of its source."""
    try:
        library = ctypes.CDLL(COMPILED)
    except OSError:
        return None
    library.onnxlint_task_size.restype = ctypes.c_int64
    if library.onnxlint_task_size() != _TASK_BYTES:
        return None
    library.onnxlint_measure.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    library.onnxlint_measure.restype = None
    library.onnxlint_measure_file.argtypes = [
        ctypes.c_void_p, ctypes.c_int, *[ctypes.c_int64] * 4,
    ]  # fmt: skip
    library.onnxlint_measure_file.restype = ctypes.c_int64
    library.onnxlint_products.argtypes = [ctypes.c_void_p]
    return library
