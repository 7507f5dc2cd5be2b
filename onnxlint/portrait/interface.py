"""What a model is from outside: where it comes from, what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Port(Struct, frozen=True):
    """An input or output: `type` is as text, dtype and shape of a tensor; None where unknown."""

    name: str
    type: str | None = None
    doc: str = ""


class Interface(Struct, frozen=True):
    """A model's ports, and what its file says of its origin; `opsets` are versions by domain."""

    producer: str
    ir_version: int
    opsets: Mapping[str, int]
    nodes: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    doc: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
