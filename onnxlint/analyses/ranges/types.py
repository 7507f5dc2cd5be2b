"""Types of values in the bodies of functions, where they follow from what a call hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from onnxlint.analyses.static.shapes import Dim, Shape
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operator_schemas import schema_of
from onnxlint.model.graph.operators import TYPE_NAMED_BY

if TYPE_CHECKING:
    from onnx.defs import OpSchema

Typed = Callable[[Value | None], Shape | None]

_ELEMENTS = {"value_float": 1, "value_floats": 1, "value_int": 7, "value_ints": 7}


def inferred(
    node: Node, shape_of: Typed, attribute: Callable[[str], Any], is_pointwise: bool
) -> Iterator[Shape | None]:
    """The types of a node's outputs, as its operator's schema has them."""
    schema = schema_of(node.domain, node.op_type, node.opset)
    read = [shape_of(value) for value in node.inputs]
    dims = _broadcast(read) if is_pointwise else None
    for slot in range(len(node.outputs)):
        found = _told(node, attribute) if slot == 0 else None
        if found is None and schema is not None:
            found = _by_schema(schema, slot, read)
        yield None if found is None else Shape(found, dims if slot == 0 else None)


def _told(node: Node, attribute: Callable[[str], Any]) -> int | None:
    """The element type that an attribute names, or has."""
    if node.op == "Constant":
        for name, element_type in _ELEMENTS.items():
            if attribute(name) is not None:
                return element_type
        return getattr(attribute("value"), "data_type", None)
    name, default = TYPE_NAMED_BY.get(node.op, ("", None))
    given = attribute(name) if name else None
    given = getattr(given, "data_type", given)
    return given if isinstance(given, int) else default


def _by_schema(schema: OpSchema, slot: int, read: Sequence[Shape | None]) -> int | None:
    fixed, sources = _rule(schema, slot)
    if fixed is not None:
        return fixed
    known = (read[source] for source in sources if source < len(read))
    return next((shape.element_type for shape in known if shape is not None), None)


@cache
def _rule(schema: OpSchema, slot: int) -> tuple[int | None, tuple[int, ...]]:
    """The only type that an output can have, else the inputs whose type it shares."""
    from onnx import TensorProto

    outputs = schema.outputs
    if not outputs:
        return None, ()
    name = outputs[min(slot, len(outputs) - 1)].type_str
    allowed = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
    strings = allowed.get(name, [name])
    if len(strings) == 1:
        inner = strings[0].removeprefix("tensor(").removesuffix(")")
        return TensorProto.DataType.DESCRIPTOR.values_by_name[inner.upper()].number if (
            inner.upper() in TensorProto.DataType.DESCRIPTOR.values_by_name
        ) else None, ()  # fmt: skip
    return None, tuple(at for at, each in enumerate(schema.inputs) if each.type_str == name)


def _broadcast(read: Sequence[Shape | None]) -> tuple[Dim, ...] | None:
    """The dims of what is made element by element; None where they are not all known."""
    every = [None if shape is None else shape.dims for shape in read]
    known = [dims for dims in every if dims is not None]
    if not known or len(known) < len(every):
        return None
    rank = max(map(len, known))
    padded = [(1,) * (rank - len(dims)) + dims for dims in known]
    return tuple(_one(sizes) for sizes in zip(*padded, strict=True))


def _one(sizes: Sequence[Dim]) -> Dim:
    wide = {size for size in sizes if size != 1}
    return 1 if not wide else wide.pop() if len(wide) == 1 else None
