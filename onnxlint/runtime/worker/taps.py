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
from threading import get_ident
from typing import Any

import numpy as np

from onnxlint.runtime import COMPILED
from onnxlint.runtime.protocol import Array

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


class Listener:
    """Gets what one run shows; `shown` counts how often each tap did, and what is more than `most`.

    `error` is what went wrong meanwhile.
    """

    def __init__(self, take: Take, most: int = 0) -> None:
        self._take, self._most = take, most
        self.shown: Counter[str] = Counter()
        self.error: Exception | None = None

    def hear(self, name: str, dtype: int, data: int | None, shape: tuple[int, ...]) -> None:
        """Called by native code, which must not be thrown at."""
        try:
            self.shown[name] += 1
            if self._most and self.shown[name] > self._most:
                return
            array = _array(dtype, data, shape)
            if array is not None:
                self._take(name, array)
        except Exception as error:  # it is raised when the run has ended
            self.error = error


class Taps:
    """The taps of one session, by name, in the order of their numbers.

    Each shows its value `most` times in a run, 0 for always. Runs that are made side by side, each
    in a thread, hear what is their own: a kernel shows its value in the thread that called the run.
    """

    def __init__(self, names: Sequence[str], most: int = 0) -> None:
        self._names, self.most = names, most
        self.numbers = {name: number for number, name in enumerate(names)}
        self._folded: dict[str, Array] = {}
        self._loading = Listener(self._keep, most)
        self._listeners: dict[int, Listener] = {}
        self._function = _SHOW(self._show)

    def __contains__(self, name: str) -> bool:
        return name in self.numbers

    def listen(self) -> None:
        """Has taps call this from now on: also while a session is made."""
        if self._names:
            _library().onnxlint_show(self._function, self.most and self.most + 1)

    @contextmanager
    def shown_to(self, take: Take) -> Iterator[Listener]:
        """While this thread runs the session, `take` gets what is tapped, to be read at once.

        What onnxruntime made a constant of when it loaded the model comes first.
        """
        listener = Listener(take, self.most)
        if not self._names:
            yield listener
            return
        for name, array in self._folded.items():
            take(name, array)
        self._listeners[get_ident()] = listener
        self.listen()
        try:
            yield listener
        finally:
            del self._listeners[get_ident()]
        if listener.error is not None:
            raise listener.error

    @contextmanager
    def expecting(self, values: bytearray) -> Iterator[None]:
        """While this thread runs the session, what is as expected (`expected.py`) is not shown."""
        told = (ctypes.c_char * len(values)).from_buffer(values)
        _library().onnxlint_expect(told, len(self._names))
        try:
            yield
        finally:
            _library().onnxlint_expect(None, 0)

    def _keep(self, name: str, array: Array) -> None:
        self._folded[name] = array.copy()

    def _show(self, tap: int, dtype: int, data: int | None, dims: Any, rank: int) -> None:
        if tap >= len(self._names):  # a node of the model's own
            return
        listener = self._listeners.get(get_ident(), self._loading)
        listener.hear(self._names[tap], dtype, data, tuple(dims[:rank]))


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
    library.onnxlint_expect.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    library.onnxlint_expect.restype = None
    return library
