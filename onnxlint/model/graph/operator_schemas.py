"""What the installed onnx says of an operator, whatever version a file asks for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx.defs import OpSchema

_NEWEST_VERSION = 2**31 - 1
"""The largest version that onnx can be asked for, a C int; files hold 64 bits."""


@cache
def schema_of(domain: str, op_type: str, version: int) -> OpSchema | None:
    """The schema of an operator at an opset version of its domain; None where there is none."""
    from onnx import defs

    if version < 1:
        return None
    try:
        return defs.get_schema(op_type, min(version, _NEWEST_VERSION), domain)
    except defs.SchemaError:
        return None


@cache
def attribute_types(domain: str, op_type: str, version: int) -> Mapping[str, int]:
    """The types of an operator's attributes, as `AttributeProto` numbers them."""
    schema = schema_of(domain, op_type, version)
    attributes = {} if schema is None else schema.attributes
    return {name: _numbers_of_types()[a.type] for name, a in attributes.items()}


@cache
def _numbers_of_types() -> Mapping[object, int]:
    """The number in a file of each type of attribute that a schema names."""
    from onnx import AttributeProto
    from onnx.defs import OpSchema

    numbers = AttributeProto.AttributeType.items()
    known = [(name, number) for name, number in numbers if hasattr(OpSchema.AttrType, name)]
    return {getattr(OpSchema.AttrType, name): number for name, number in known}
