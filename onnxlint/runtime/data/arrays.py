"""numpy's own files: `.npz`, `.npy`, a folder of `.npy`. Only the rows that are run are read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.messages import Array


def read(path: Path, rows: int | None) -> dict[str, Array]:
    """The first `rows` rows of every array, or all of them.

    Raises:
        DataError: there are none, or they cannot be read.
    """
    try:
        if path.is_dir() or path.suffix.lower() == ".npy":
            files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
            found = {file.stem: _opened(file, rows) for file in files}
        else:
            found = _members(path, rows)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as numpy arrays ({error})") from error
    if not found:
        kinds = ".npy file, no image and no test_data_set_*/input_0.pb"
        raise DataError(f"{path}: holds no {kinds}" if path.is_dir() else f"{path}: is empty")
    return found


def _opened(file: Path, rows: int | None) -> Array:
    array = np.load(file, mmap_mode="r")
    return np.array(array[:rows] if array.ndim else array)


def _members(path: Path, rows: int | None) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        found = {}
        for name in archive.namelist():
            with archive.open(name) as stream:
                found[name.removesuffix(".npy")] = _head(stream, rows)
        return found


def _head(stream: IO[bytes], rows: int | None) -> Array:
    """The first rows of an array in an archive, without unpacking what follows them."""
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"format {version[0]}.{version[1]} of numpy is not known")
    shape, by_column, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not loaded")
    wanted = shape if by_column or not shape or rows is None else (min(rows, shape[0]), *shape[1:])
    size = int(np.prod(wanted, dtype=np.int64)) * dtype.itemsize
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("it is cut off")
    array = np.frombuffer(bytearray(data), dtype)
    if by_column:
        array = array.reshape(shape, order="F")
        return array[:rows] if shape else array
    return array.reshape(wanted)
