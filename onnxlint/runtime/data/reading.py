"""The first samples of data, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import arrays, csv_parquet, generators, images, readers, test_sets
from onnxlint.runtime.data.batching import batched, whole_batches
from onnxlint.runtime.data.files import guarded, is_folder
from onnxlint.runtime.data.fitting import Fed, fitted
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.settings import MOST_SAMPLES, InputContract

LOOKED_AT_SAMPLES = 1000
"""Rows of files that are looked at, where fewer are run: a quarter of a second of reading."""


def read(
    path: Path, slots: list[Slot], samples: int, contracts: Mapping[str, InputContract],
    without: str | None = None,
) -> Fed:  # fmt: skip
    """The first samples of the data at `path`, as many as fill whole batches.

    `without` names a column, or array, that is not an input: the labels in the same file.

    Raises:
        MisfitError: the data was read, and does not fit the model's inputs.
        DataError: there is no such data, or it cannot be read.
    """
    samples = min(samples, MOST_SAMPLES)
    with guarded(path):
        if generators.is_one(path):
            return generators.read(path, slots, samples)
        return _read(path, slots, samples, contracts, without)


def _read(
    path: Path, slots: list[Slot], samples: int, contracts: Mapping[str, InputContract],
    without: str | None,
) -> Fed:  # fmt: skip
    """The same, of files."""
    folders = test_sets.folders(path)
    if folders:
        return test_sets.read(folders[:samples], slots)
    rows = whole_batches(slots, samples)
    looked_at = max(rows, LOOKED_AT_SAMPLES)
    suffix = path.suffix.lower()
    sample_names: list[str] = []
    if suffix in csv_parquet.SUFFIXES:
        found = csv_parquet.read(path, slots, rows, looked_at, without)
    elif images.files(path):
        chosen = images.in_turns(path)[:rows]
        found = images.read(path, chosen, slots, contracts)
        sample_names = images.names(path, chosen)
    elif is_folder(path) or suffix in arrays.SUFFIXES:
        found = arrays.read(path, slots, rows, looked_at, without)
    elif (reader := readers.reader_of(path)) is not None:
        return readers.read(reader, path, slots, samples)
    else:
        known = ", ".join([*arrays.SUFFIXES, *csv_parquet.SUFFIXES, *readers.suffixes()])
        remedy = f"give {known}, a folder of .npy or images, test_data_set_*, or module:function"
        raise DataError(f"{path}: unsupported data format; {remedy}")
    return replace(batched(fitted(found, slots), slots, samples), names=sample_names)
