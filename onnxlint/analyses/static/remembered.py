"""Statistics of weights in files beside models, kept from run to run: these files are large.

They hold while the file does, and the code that measured; whatever else of the model, or of how it
is linted, changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from onnxlint.model.file.identity import identity
from onnxlint.model.file.mapped_files import Files, TensorError
from onnxlint.safety.cache_folder import prepared
from onnxlint.safety.writing import placed

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxlint.model.file.tensors import Tensor
    from onnxlint.runtime.protocol import Array, Statistics

LEAST_BYTES = 1024**2
"""Of a tensor that is worth it: smaller ones are measured in less than a millisecond. A choice."""

LARGEST_BYTES = 64 * 1024**2
"""Of what is kept of one file: a choice, of some thousand weights with channels."""

MAGIC = b"onnxlint-weights-1 "

_COUNTS = ("elements", "nan", "positive_infinite", "negative_infinite", "zeros", "subnormal",
           "signed_zeros")  # fmt: skip
_NUMBERS = ("minimum", "maximum", "mean", "m2")


class Kept(Struct, array_like=True):
    """The statistics of one tensor: counts, numbers, and the extremes of its channels as bytes.

    `name` is that of the tensor's dtype, `dtype` that of the extremes.
    """

    name: str
    counts: tuple[int, int, int, int, int, int, int]
    numbers: tuple[float, float, float, float]
    dtype: str = ""
    low: bytes = b""
    high: bytes = b""

    @classmethod
    def of(cls, seen: Statistics) -> Kept:
        """Those of a weight, which has no samples and no histogram."""
        low, high = seen.channel_minimum, seen.channel_maximum
        kept = cls(
            seen.dtype,
            tuple(getattr(seen, name) for name in _COUNTS),
            tuple(getattr(seen, name) for name in _NUMBERS),
        )
        if low is not None and high is not None:
            kept.dtype, kept.low, kept.high = low.dtype.str, low.tobytes(), high.tobytes()
        return kept

    def statistics(self, tensor: Tensor, axis: int | None) -> Statistics | None:
        """As they were; None where they cannot be those of this tensor."""
        from onnxlint.runtime.protocol import Statistics

        low, high = self._channels(self.low), self._channels(self.high)
        count = None if axis is None else tensor.dims[axis]
        if self.counts[0] != tensor.size or not _are_of(count, low) or not _are_of(count, high):
            return None
        seen = Statistics(dtype=self.name, shape=tensor.dims, channel_axis=axis)
        names, numbers = (*_COUNTS, *_NUMBERS), (*self.counts, *self.numbers)
        for name, number in zip(names, numbers, strict=True):
            setattr(seen, name, number)
        seen.channel_minimum, seen.channel_maximum = low, high
        return seen

    def _channels(self, stored: bytes) -> Array | None:
        import numpy as np

        if self.dtype not in ("<f4", "<f8") or len(stored) % int(self.dtype[2:]):
            return None
        return np.frombuffer(stored, self.dtype)


def _are_of(count: int | None, channels: Array | None) -> bool:
    return (channels is None) if count is None else channels is not None and channels.size == count


class _Entry(Struct):
    """What is kept of a file, under its identity, so that no entry can take another's place."""

    key: str
    tensors: dict[str, Kept] = field(default_factory=dict)


class WeightMemory:
    """The statistics that are kept in a folder, and those to be kept; without one, none.

    `made_by` gives a hash of the code that measures.
    """

    def __init__(self, folder: Path | None = None, made_by: Callable[[], str] = str) -> None:
        self._folder, self._made_by = folder, made_by
        self._began = time.time()
        self._entries: dict[Path, _Entry | None] = {}
        self._added: set[Path] = set()

    @classmethod
    def build(cls) -> WeightMemory:
        """Remembers nothing: whoever has a folder gives one that does."""
        return cls()

    def recall(self, tensor: Tensor, axis: int | None) -> Statistics | None:
        """The statistics of a tensor with channels along an axis, if they are known."""
        entry, _ = self._place(tensor)
        kept = None if entry is None else entry.tensors.get(_key(tensor, axis))
        return None if kept is None else kept.statistics(tensor, axis)

    def keep(self, tensor: Tensor, axis: int | None, seen: Statistics) -> None:
        """Remembers the statistics of a tensor."""
        entry, file = self._place(tensor)
        if entry is not None and file is not None and seen.channel_axis == axis:
            entry.tensors[_key(tensor, axis)] = Kept.of(seen)
            self._added.add(file)

    def close(self) -> None:
        """Writes what is new, if the files are what they were."""
        for file in self._added:
            entry = self._entries[file]
            with contextlib.suppress(OSError):  # a full disk, say
                if entry is not None and self._key_of(file) == entry.key:
                    self._write(entry)

    def _place(self, tensor: Tensor) -> tuple[_Entry | None, Path | None]:
        """What is kept of the file that holds a tensor's data, and that file."""
        if self._folder is None or tensor.nbytes < LEAST_BYTES or not tensor.is_external:
            return None, None
        files, extent = tensor.files, tensor.extent
        if extent is None or type(files) is not Files:  # one that is remote, or in memory
            return None, None
        try:
            file = files.resolved(extent[0])
        except TensorError:
            return None, None
        if file not in self._entries:
            key = self._key_of(file)
            self._entries[file] = None if key is None else self._read(key)
        return self._entries[file], file

    def _key_of(self, file: Path) -> str | None:
        try:
            found = identity(file, self._began)
        except OSError:
            return None
        if found is None:
            return None
        return hashlib.sha256(f"{self._made_by()} {found}".encode()).hexdigest()

    def _read(self, key: str) -> _Entry:
        """What is kept under a key; nothing of what is damaged."""
        assert self._folder is not None
        try:
            with (self._folder / key[:2] / _name(key)).open("rb") as stream:
                data = stream.read(LARGEST_BYTES + len(MAGIC) + 65)
        except OSError:
            return _Entry(key)
        head, _, payload = data.partition(b"\n")
        if head == MAGIC + hashlib.sha256(payload).hexdigest().encode():
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                entry = msgspec.msgpack.decode(payload, type=_Entry)
                return entry if entry.key == key else _Entry(key)
        return _Entry(key)

    def _write(self, entry: _Entry) -> None:
        payload = msgspec.msgpack.encode(entry)
        if len(payload) > LARGEST_BYTES:
            return
        assert self._folder is not None
        with placed(prepared(self._folder, entry.key) / _name(entry.key), 0o600) as stream:
            stream.write(MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)


def _name(key: str) -> str:
    return f"{key}.weights"


def _key(tensor: Tensor, axis: int | None) -> str:
    """Which part of the file is read, and how."""
    _, offset, length = tensor.extent or ("", 0, 0)
    return f"{offset} {length} {tensor.element_type} {[*tensor.dims]} {axis}"


NO_MEMORY = WeightMemory()
