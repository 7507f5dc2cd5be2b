"""What a session shows of the values inside it while it runs, and does not keep.

Every output of a graph stays in memory until the run ends, whether it is fetched or not. A tap is a
node that reads a value (taps.c): once it and the other readers ran, the value is freed.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxlint.runtime import COMPILED
from onnxlint.runtime.protocol import Array

if TYPE_CHECKING:
    import onnxruntime


_SHOW = ctypes.CFUNCTYPE(
    None, ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64),
    ctypes.c_int64,
)  # fmt: skip

_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
"""numpy's names of ONNX's types, but for strings."""

_STRING = 8

Take = Callable[[str, Array], None]


class Taps:
    """The taps of one session, by name, in the order of their numbers.

    Each shows its value `most` times in a run, 0 for always; `shown` counts how often it did in the
    last run, and once more where there was more to show.
    """

    def __init__(self, names: Sequence[str], most: int = 0) -> None:
        self._names, self._most = names, most
        self.shown: Counter[str] = Counter()
        self._folded: dict[str, Array] = {}
        self._take: Take = self._keep
        self._error: Exception | None = None
        self._function = _SHOW(self._show)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def register(self, options: onnxruntime.SessionOptions) -> None:
        """Makes the operator known to a session, if there are taps."""
        if self._names:
            self._listen()
            options.register_custom_ops_library(COMPILED)

    @contextmanager
    def shown_to(self, take: Take) -> Iterator[None]:
        """While the session runs, `take` gets every value that is tapped, to be read at once.

        What onnxruntime made a constant of when it loaded the model comes first.
        """
        if not self._names:
            yield
            return
        for name, array in self._folded.items():
            take(name, array)
        self._take = take
        self.shown.clear()
        self._listen()
        try:
            yield
        finally:
            self._take = self._keep
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _listen(self) -> None:
        _library().onnxlint_show(self._function, self._most and self._most + 1)

    def _keep(self, name: str, array: Array) -> None:
        self._folded[name] = array.copy()

    def _show(self, tap: int, dtype: int, data: int | None, dims: Any, rank: int) -> None:
        """Called by native code, which must not be thrown at."""
        try:
            name = self._names[tap]
            self.shown[name] += 1
            if self._most and self.shown[name] > self._most:
                return
            array = _array(dtype, data, tuple(dims[:rank]))
            if array is not None:
                self._take(name, array)
        except Exception as error:  # it is raised when the run has ended
            self._error = error


def _array(dtype: int, data: int | None, shape: tuple[int, ...]) -> Array | None:
    """A tensor where it lies; of strings only the shape; None where numpy has no such type."""
    if dtype == _STRING:
        return np.broadcast_to(np.array("", object), shape)
    if dtype not in _DTYPES:
        return None
    kind = np.dtype(_DTYPES[dtype])
    if not math.prod(shape) or data is None:
        return np.empty(shape, kind)
    memory = (ctypes.c_char * (math.prod(shape) * kind.itemsize)).from_address(data)
    found: Array = np.frombuffer(memoryview(memory), kind).reshape(shape)
    return found


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(COMPILED)
    library.onnxlint_show.argtypes = [_SHOW, ctypes.c_int64]
    library.onnxlint_show.restype = None
    return library
