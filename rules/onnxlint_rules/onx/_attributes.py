"""What is wrong with the attributes of a node, by the schema of its operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from onnxlint import Node
from onnxlint.nearest import nearest

_NEVER_EMPTY: dict[int, Any] = {4: "t", 5: "g", 11: "sparse_tensor", 13: "tp"}
"""The field of each type of attribute without a default. A list may be empty; proto3 writers omit
0, 0.0 and "", which onnx's checker and onnxruntime accept."""


_ALTERNATIVES = {"ai.onnx.ml::ZipMap": ("classlabels_int64s", "classlabels_strings")}
"""Operators that require one of these attributes, each of which the schema calls optional."""


Problem: TypeAlias = tuple[str, str]
"""What is wrong with an attribute, and what to do about it."""


def incomplete(node: Node, typed: bool) -> Iterator[Problem]:
    """What every attribute must have, those of custom operators included."""
    for attribute in node.attribute_list:
        if not attribute.name:
            yield "an attribute has no name", "name the attribute, or remove it"
        elif typed and not attribute.type:
            yield f"attribute {attribute.name!r} has no type", f"set the type of {attribute.name!r}"


def may_need(schema: Any) -> bool:
    """Whether a node without attributes may lack one."""
    op = f"{schema.domain}::{schema.name}" if schema.domain else schema.name
    return op in _ALTERNATIVES or any(each.required for each in schema.attributes.values())


def problems(node: Node, known: Mapping[str, Any]) -> Iterator[Problem]:
    """What the schema of an operator does not allow, and what it requires and is missing."""
    attributes = node.attributes
    for name, attribute in attributes.items():
        if name and name not in known:
            yield f"unknown attribute {name!r} at opset {node.opset}", _rename(name, known)
        elif name and attribute.type and attribute.type != known[name].type.value:
            found, wanted = attribute.AttributeType.Name(attribute.type), known[name].type.name
            yield f"attribute {name!r} must be {wanted}, is {found}", f"write {name!r} as {wanted}"
        elif _lacks_value(attribute):
            yield f"attribute {name!r} has no value", f"set the value of {name!r}, or remove it"
    alternatives = _ALTERNATIVES.get(node.op, ())
    given = [attributes[name] for name in alternatives if name in attributes]
    if alternatives and not any(a.ints or a.strings or a.ref_attr_name for a in given):
        names = " or ".join(map(repr, alternatives))
        yield f"required attribute {names} is missing", f"set {names}"
    for name, formal in known.items():
        if formal.required and name not in attributes:
            yield f"required attribute {name!r} is missing", f"set {name!r}"


def _rename(name: str, known: Mapping[str, Any]) -> str:
    near = nearest(name, known)
    either = f"rename {name!r} to {near[0]!r}" if near else f"remove {name!r}"
    return f"{either}, or import the opset that has it"


def _lacks_value(attribute: Any) -> bool:
    field = _NEVER_EMPTY.get(attribute.type)
    return field is not None and not attribute.ref_attr_name and not attribute.HasField(field)
