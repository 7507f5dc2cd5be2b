"""Which inputs, or outputs, of two models are the same one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.static.shapes import declared
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import shortened

if TYPE_CHECKING:
    from onnx import TypeProto

_UNNAMED = re.compile(r"\bunk__\d+\b")
"""How onnxruntime calls sizes that have no name, where it saves a model."""


def type_text(value: Value) -> str:
    """The type of an input or output as the file declares it: `float[N, 3]`."""
    shape = declared(value)
    if shape is not None:
        return shortened(_UNNAMED.sub("?", str(shape)))
    return shortened(_kind_text(value.type))


def _kind_text(kind: TypeProto | None) -> str:
    which = kind.WhichOneof("value") if kind is not None else None
    return "untyped" if which is None else which.removesuffix("_type").replace("_", " ")


def paired_ports(old: Sequence[Value], new: Sequence[Value]) -> dict[Value, Value]:
    """The new port for each old one: of its name; else, of its type, at its position."""
    named = {value.name: value for value in new}
    pairs = {value: named[value.name] for value in old if value.name in named}
    taken = set(pairs.values())
    for value, like in zip(old, new, strict=False):
        if value not in pairs and like not in taken and type_text(value) == type_text(like):
            pairs[value] = like
    return pairs
