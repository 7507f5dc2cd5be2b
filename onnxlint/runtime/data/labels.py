"""What should have come out: one array of a file, an element or a row for each sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.data import arrays, tables
from onnxlint.runtime.messages import Array

USUAL_NAMES = ("label", "labels", "y", "target", "targets", "class")
"""How the column, or array, of the labels is called where nobody names it."""


def read(file: Path, key: str | None) -> Array:
    """All labels of the file: integers, floating-point numbers or text.

    Raises:
        DataError: there are none, they cannot be read, or it is unclear which are meant.
    """
    if not file.is_file():
        raise DataError(f"{file}: no such file with labels; check the path")
    suffix = file.suffix.lower()
    if suffix in tables.SUFFIXES:
        columns = tables.columns(file, {key} if key else set(USUAL_NAMES))
        array = columns[_chosen(file, key, list(columns))]
    elif suffix in arrays.SUFFIXES:
        array = arrays.whole(file, _chosen(file, key, arrays.names(file)))
    else:
        known = ", ".join([*arrays.SUFFIXES, *tables.SUFFIXES])
        raise DataError(f"{file}: labels are read from {known}")
    array = tables.numbers(array)
    if array.dtype.kind in "OUST":
        array = np.array([str(label) for label in array.reshape(-1)], object).reshape(array.shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{file}: some labels are missing or not finite; leave their samples out")
    if array.dtype.kind not in "biufO" or not array.ndim or not array.size:
        raise DataError(f"{file}: labels are {array.dtype}{list(array.shape)}, not one a sample")
    return array.astype(np.int64) if array.dtype.kind in "biu" else array


def _chosen(file: Path, key: str | None, names: list[str]) -> str:
    if key is not None:
        if key in names:
            return key
        has = ", ".join(map(repr, names))
        raise DataError(f"{file}: has no labels called {key!r}; it has {has}")
    usual = [name for name in names if name.lower() in USUAL_NAMES]
    for candidates in (names, usual):
        if len(candidates) == 1:
            return candidates[0]
    has = ", ".join(map(repr, names))
    raise DataError(f"{file}: which of {has} are the labels? write {file.name}:NAME")
