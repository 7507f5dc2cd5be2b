"""The headers of numpy's files, read as the format defines them and never evaluated.

numpy reads them with Python's own parser, which can be made to recurse, or to take any memory.
"""

from __future__ import annotations

import re
from typing import IO, Any

import numpy as np

LONGEST_HEADER = 1 << 16
"""Bytes; what the first version of the format can say, and no header of plain arrays needs more."""

MOST_DIMS = 64
"""Axes of an array, as numpy 2 limits them."""

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4, (3, 0): 4}

_MAGIC = b"\x93NUMPY"

_ENTRY = re.compile(r"""
    \s*(?P<quote>['"])(?P<key>descr|fortran_order|shape)(?P=quote)\s*:\s*
    (?P<value>'[^'\\]*' | "[^"\\]*" | True | False | \([0-9,\sL]*\))
    \s*(?:,|(?=\}))
""", re.VERBOSE)  # fmt: skip

_SHAPE = re.compile(r"\(\s*(?:[0-9]{1,19}L?\s*,\s*)+(?:[0-9]{1,19}L?\s*)?\)|\(\s*\)")

_DTYPE = re.compile(r"[<>=|]?[?biufcmMOSUV][0-9]{0,10}(?:\[[0-9a-zA-Z]{1,12}\])?")


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is stored by column, and dtype; the stream is then at the elements.

    Raises:
        ValueError: there is no such header, or what it says cannot be read.
    """
    magic = _taken(stream, len(_MAGIC) + 2)
    width = _LENGTH_BYTES.get((magic[-2], magic[-1]))
    if magic[:-2] != _MAGIC or width is None:
        raise ValueError("not an array saved by numpy")
    length = int.from_bytes(_taken(stream, width), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"the header declares {length:,} bytes (limit {LONGEST_HEADER:,})")
    return _parsed(_taken(stream, length).decode("latin-1"))


def _taken(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("not an array saved by numpy: the file ends within the header")
    return data


def _parsed(text: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    entries = _entries(text)
    descr, order, shape = (entries.get(key, "") for key in ("descr", "fortran_order", "shape"))
    if re.search(r"""['"]descr['"]\s*:\s*\[""", text):
        raise ValueError("contains records, which are not supported: save one array per field")
    if order not in ("True", "False") or not _SHAPE.fullmatch(shape):
        raise ValueError("invalid header")
    dims = tuple(int(dim.rstrip("L")) for dim in re.findall("[0-9]+L?", shape))
    if len(dims) > MOST_DIMS:
        raise ValueError(f"{len(dims):,} axes (limit {MOST_DIMS})")
    return dims, order == "True", _dtype(descr[1:-1])


def _entries(text: str) -> dict[str, str]:
    """The texts of the header's values; empty where it is not such a header."""
    body = text.strip()
    if not body.startswith("{"):
        return {}
    entries: dict[str, str] = {}
    at = 1
    while found := _ENTRY.match(body, at):
        entries[found["key"]] = found["value"]
        at = found.end()
    return entries if body[at:].strip() == "}" else {}


def _dtype(descr: str) -> np.dtype[Any]:
    if not _DTYPE.fullmatch(descr):
        raise ValueError("invalid header")
    try:
        dtype = np.dtype(descr)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"the header names a dtype that numpy does not have, {descr}") from error
    if dtype.hasobject:
        raise ValueError("contains pickled Python objects, which are not loaded")
    if not dtype.itemsize:
        raise ValueError("invalid header")
    return dtype
