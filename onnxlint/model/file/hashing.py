"""The hash of a model file, which is taken while nothing else is to be done."""

from __future__ import annotations

import hashlib
import importlib
import mmap
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

AT_ONCE = 4 * 1024**2
"""Bytes, 3 ms: so long somebody who waits for a reply may not look whether it is there."""


LITTLE = 1 << 18
"""Bytes that Python's own SHA-256 takes a millisecond for; OpenSSL's takes two to load."""


def sha256_of_little(data: bytes = b"") -> _Hash:
    """The SHA-256 of some bytes, and of more that it is updated by, by what loads in no time."""
    return _own_sha256()(data)


@cache
def _own_sha256() -> Callable[[bytes], _Hash]:
    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before
        with suppress(ImportError):
            own: Callable[[bytes], _Hash] = importlib.import_module(name).sha256
            return own
    return hashlib.sha256


class Hashing:
    """The SHA-256 of bytes that stay as they are; pages of a mapped file are given back."""

    def __init__(self, data: mmap.mmap | memoryview) -> None:
        self._data: mmap.mmap | memoryview | None = data
        self._done, self._size = 0, len(data)
        self._digest = sha256_of_little() if self._size <= LITTLE else hashlib.sha256()

    def steps(self) -> Iterator[None]:
        """Takes it piece by piece, and holds on to nothing between them."""
        while self._data is not None and self._done < self._size:
            start, self._done = self._done, min(self._done + AT_ONCE, self._size)
            with memoryview(self._data) as view, view[start : self._done] as piece:
                self._digest.update(piece)
            if isinstance(self._data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                self._data.madvise(mmap.MADV_DONTNEED, start, self._done - start)
            yield

    def result(self) -> str:
        """The hash, 64 hex digits; what is left of it is taken now.

        Raises:
            ValueError: the bytes were let go before.
        """
        for _ in self.steps():
            pass
        if self._done < self._size:
            raise ValueError("the model is closed: its hash was not taken")
        return self._digest.hexdigest()

    def close(self) -> None:
        """Lets the bytes go: a file stays open as long as they are mapped."""
        self._data = None
