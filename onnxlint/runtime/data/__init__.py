"""The user's data as feeds for the model; a file for each format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnxlint.model.errors import DataError
from onnxlint.runtime.data import arrays, generators, images, tables, test_sets
from onnxlint.runtime.data.batching import batched, whole_batches
from onnxlint.runtime.data.fitting import Fed, MisfitError, fitted
from onnxlint.runtime.synthesis import Slot
from onnxlint.settings import InputContract


def read(
    path: Path, slots: list[Slot], samples: int, contracts: Mapping[str, InputContract]
) -> Fed:
    """The first samples of the data at `path`, as many as fill whole batches.

    Raises:
        MisfitError: the data was read, and does not fit the model's inputs.
        DataError: there is no such data, or it cannot be read.
    """
    rows = whole_batches(slots, samples)
    if generators.is_one(path):
        return generators.read(path, slots, samples)
    if not path.exists():
        remedy = "give a file, a folder, or module:function"
        raise DataError(f"{path}: no such data; {remedy}")
    folders = test_sets.folders(path)
    if folders:
        return test_sets.read(folders[:samples], slots)
    if path.suffix.lower() in tables.SUFFIXES:
        return batched(fitted(tables.read(path, slots, rows), slots), slots, rows)
    if images.files(path):
        return batched(fitted(images.read(path, slots, rows, contracts), slots), slots, rows)
    uncut = any(not slot.dims for slot in slots)
    return batched(fitted(arrays.read(path, None if uncut else rows), slots), slots, rows)


__all__ = ["Fed", "MisfitError", "read"]
