"""What shape inference tells of a model, as it goes from the child process to its parent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

if TYPE_CHECKING:
    from onnx import TypeProto


class Inferred(Struct):
    """Onnx's complaints, and the types of all values by the scopes that they stand in.

    Many values have one type, so that each is told once: `types` are serialized ones, and `names`
    and `numbers` have for each scope its values and which of the types each has. `crashes` are
    complaints, too: of nodes at which native code crashes, so that nothing is known behind them.
    """

    complaints: str = ""
    crashes: str = ""
    types: list[bytes] = field(default_factory=list)
    names: list[list[str]] = field(default_factory=list)
    numbers: list[list[int]] = field(default_factory=list)

    @classmethod
    def of(cls, complaints: str, scopes: Iterable[Iterable[tuple[str, TypeProto]]]) -> Inferred:
        """Gathers the types of each scope's values."""
        seen: dict[bytes, int] = {}
        told = cls(complaints)
        for scope in scopes:
            names, numbers = [], []
            for name, type_proto in scope:
                names.append(name)
                numbers.append(seen.setdefault(type_proto.SerializeToString(), len(seen)))
            told.names.append(names)
            told.numbers.append(numbers)
        told.types = [*seen]
        return told

    @classmethod
    def decoded(cls, data: bytes) -> Inferred:
        """What `encoded` made bytes of."""
        return msgspec.msgpack.decode(data, type=cls)

    def encoded(self) -> bytes:
        """As bytes, for a pipe."""
        return msgspec.msgpack.encode(self)
