"""What should have come out: of a file or folders, an element or a row for each sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import arrays, class_folders, csv_parquet
from onnxlint.runtime.data.files import guarded, is_folder
from onnxlint.runtime.data.fitting import TEXT_KINDS
from onnxlint.runtime.data.wording import listed, quoted
from onnxlint.runtime.protocol import Array

USUAL_NAMES = ("label", "labels", "y", "target", "targets", "class")
"""How the column, or array, of the labels is called where nobody names it."""


def read(file: Path, key: str | None) -> Array:
    """All labels of the file: integers, floating-point numbers or text.

    Raises:
        DataError: there are none, they cannot be read, or it is unclear which are meant.
    """
    with guarded(file):
        return _checked(file, _read(file, key))


def _read(file: Path, key: str | None) -> Array:
    if is_folder(file):
        if key is not None:
            raise DataError(f"{file}: is a folder, which has no {quoted(key)}; leave ':{key}' out")
        return class_folders.labels(file)
    suffix = file.suffix.lower()
    if suffix in csv_parquet.SUFFIXES:
        expected = {key} if key else set(USUAL_NAMES)
        name = _chosen(file, key, csv_parquet.names(file, expected))
        return csv_parquet.column(file, expected, name)
    if suffix in arrays.SUFFIXES:
        return csv_parquet.whole_numbers(arrays.whole(file, _chosen(file, key, arrays.names(file))))
    known = ", ".join([*arrays.SUFFIXES, *csv_parquet.SUFFIXES])
    raise DataError(f"{file}: labels are read from {known}")


def _checked(file: Path, array: Array) -> Array:
    if array.dtype.kind in TEXT_KINDS:
        array = np.array([str(label) for label in array.reshape(-1)], object).reshape(array.shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{file}: some labels are missing or not finite; leave their samples out")
    if array.dtype.kind not in "biufO" or not array.ndim or not array.size:
        raise DataError(f"{file}: labels are {array.dtype}{list(array.shape)}, not one per sample")
    return array.astype(np.int64) if array.dtype.kind in "biu" else array


def _chosen(file: Path, key: str | None, names: list[str]) -> str:
    if not names:
        raise DataError(f"{file}: contains no labels; write them again")
    if key is not None:
        if key in names:
            return key
        raise DataError(f"{file}: has no labels called {quoted(key)}; the file has {listed(names)}")
    usual = [name for name in names if name.lower() in USUAL_NAMES]
    for candidates in (names, usual):
        if len(candidates) == 1:
            return candidates[0]
    told = f"which of {listed(names)} are the labels? write {file.name}:NAME"
    raise DataError(f"{file}: {told}")
