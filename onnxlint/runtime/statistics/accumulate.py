"""Statistics of what is watched, added up over runs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import msgspec
import numpy as np

from onnxlint.runtime.protocol import Array, Statistics, Watch
from onnxlint.runtime.statistics.compiled import (
    MOST_SAMPLES,
    Part,
    Table,
    compiled,
    exponent_step,
    kind_of,
    usable_threads,
)
from onnxlint.runtime.statistics.measure import measure, measure_quantised, merge
from onnxlint.runtime.statistics.numpy_passes import dtype_name, smallest_normal


class Totals:
    """The statistics of watched values by name; compiled passes take in what they can."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or usable_threads()
        self._table = Table(self.threads) if compiled() else None
        self._others: dict[Hashable, Statistics] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def add(self, watched: Sequence[Watch], arrays: Mapping[str, Array], samples: int) -> bool:
        """Takes in a run with that many samples; tells whether all numbers were finite."""
        seen = {watch: arrays[watch.name] for watch in watched if watch.name in arrays}
        parts = {
            watch.name: _part(watch, array, self._rows(watch, array, samples))
            for watch, array in seen.items() if self._table is not None and _is_plain(watch, array)
        }  # fmt: skip
        left = {part.key for part in self._table.add([*parts.values()])} if self._table else set()
        is_finite = True
        for watch, array in seen.items():
            if watch.name in parts and watch.name not in left:
                continue
            found = _measured(watch, array, self._rows(watch, array, samples))
            if found is not None:
                is_finite &= not (found.nan or found.infinite)
                known = self._others.get(watch.name)
                self._others[watch.name] = merge(known, found) if known else found
        return is_finite

    @property
    def table(self) -> Table | None:
        """What the compiled passes took in."""
        return self._table

    def part(self, watch: Watch, like: Array, samples: int) -> Part | None:
        """How the compiled passes take a value in, of which only shape and type are known."""
        rows = self._rows(watch, like, samples)
        return _part(watch, like, rows) if _is_plain(watch, like) else None

    def add_repeated(self, watch: Watch, arrays: Sequence[Array]) -> bool:
        """Takes in one value as it was several times in a run, in one shape: samples of none."""
        first = arrays[0]
        if first.ndim and _channel_axis(watch, first) == 0:
            found = [self.add([watch], {watch.name: array}, 0) for array in arrays]
            return all(found)
        if not first.ndim:
            watch = msgspec.structs.replace(watch, channel_axis=None)
        joined = np.concatenate(arrays) if first.ndim else np.stack(arrays)
        self._shapes[watch.name] = first.shape
        return self.add([watch], {watch.name: joined}, 0)

    def statistics(self) -> dict[str, Statistics]:
        """Those of all runs, merged."""
        totals = dict(self._others)
        for name, seen in (self._table.statistics() if self._table else {}).items():
            totals[name] = merge(totals[name], seen) if name in totals else seen
        for name, shape in self._shapes.items():
            if name in totals:
                totals[name].shape = shape
        return {str(name): seen for name, seen in totals.items()}

    def _rows(self, watch: Watch, array: Array, samples: int) -> int | None:
        """How many samples the tensor holds, if some of them are still to be kept."""
        counted = watch.counts_samples and array.ndim and array.shape[0] == samples
        if not counted and samples != 1:
            return None
        known = self._others.get(watch.name)
        kept = len(known.samples) if known is not None and known.samples is not None else 0
        if self._table is not None:
            kept += self._table.samples_of(watch.name)
        return samples if kept < MOST_SAMPLES else None


def _is_plain(watch: Watch, array: Array) -> bool:
    is_read = array.dtype.kind == "f" and kind_of(array.dtype) is not None
    return is_read and array.size > 0 and not watch.sizes_only


def _part(watch: Watch, array: Array, rows: int | None) -> Part:
    return Part(
        watch.name, array, array.shape, dtype_name(array.dtype), smallest_normal(array.dtype),
        channel_axis=_channel_axis(watch, array), samples=rows, every=exponent_step(array.size),
    )  # fmt: skip


def _measured(watch: Watch, array: Array, rows: int | None) -> Statistics | None:
    """numpy's statistics of a tensor; None where it is of no interest unless it is empty."""
    if not array.size and not watch.integers:
        return Statistics(dtype=str(array.dtype), shape=array.shape)
    if watch.sizes_only:
        return None
    axis = _channel_axis(watch, array)
    if watch.quantisation is not None and array.dtype.kind in "iu":
        return measure_quantised(array, watch.quantisation, axis, rows)
    if watch.integers and array.dtype.kind in "iub" and array.size:
        return measure(array, None, rows)
    return measure(array, axis, rows) if array.dtype.kind == "f" else None


def _channel_axis(watch: Watch, array: Array) -> int | None:
    axis = watch.channel_axis
    return axis % array.ndim if axis is not None and -array.ndim <= axis < array.ndim else None
