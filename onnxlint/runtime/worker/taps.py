"""What a session shows of the values inside it while it runs, and does not keep.

Every output of a graph stays in memory until the run ends, whether it is fetched or not. A tap is a
node that reads a value (taps.c): once it and the other readers ran, the value is freed.
"""

from __future__ import annotations

import ctypes
import math
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
    """The taps of one session, by name, in the order of their numbers."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._folded: dict[str, Array] = {}
        self._take: Take = self._keep
        self._error: Exception | None = None
        self._function = _SHOW(self._show)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def register(self, options: onnxruntime.SessionOptions) -> None:
        """Makes the operator known to a session, if there are taps."""
        if self._names:
            _library().onnxlint_show(self._function)
            options.register_custom_ops_library(str(COMPILED))

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
        _library().onnxlint_show(self._function)
        try:
            yield
        finally:
            self._take = self._keep
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _keep(self, name: str, array: Array) -> None:
        self._folded[name] = array.copy()

    def _show(self, tap: int, dtype: int, data: int | None, dims: Any, rank: int) -> None:
        """Called by native code, which must not be thrown at."""
        try:
            array = _array(dtype, data, tuple(dims[:rank]))
            if array is not None:
                self._take(self._names[tap], array)
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
    return ctypes.CDLL(str(COMPILED))
