"""What a node does beside its weights: attributes, and small constant operands."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, Protocol

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operator_schemas import schema_of

_OF_LAYOUT = frozenset({"alpha", "beta", "transA", "transB"})
"""Attributes of Gemm that say how its weight is stored, which the numbers account for."""

_CONSTANTS = 32
"""Elements of a constant operand that is compared: starts, ends, axes and the like; a choice."""


class Known(Protocol):
    """What is known of the model that a node is of; `recipes` number how sizes are computed."""

    graph: Graph
    shapes: Shapes
    weights: Weights
    recipes: dict[Value, int]


def attributes(side: Known, node: Node) -> dict[str, Any]:
    """Its attributes, those that are not given by their defaults; graphs and tensors left out."""
    schema = schema_of(node.domain, node.op_type, node.opset)
    known = {} if schema is None else schema.attributes
    found = {name: _plain(about.default_value) for name, about in known.items()}
    given = ((name, _plain(attribute)) for name, attribute in node.attributes.items())
    found |= {name: value for name, value in given if value is not None}
    shape = side.shapes.of(node.input(0))
    rank, axis = None if shape is None else shape.rank, found.get("axis")
    if rank is not None and isinstance(axis, int) and -rank <= axis < 0:
        found["axis"] = axis + rank
    left_out = _OF_LAYOUT if node.op == "Gemm" else frozenset()
    if node.op == "Reshape" and 0 not in (side.graph.integers(node.input(1)) or ()):
        left_out = frozenset({"allowzero"})  # it says what a 0 means
    return {name: value for name, value in found.items() if name not in left_out}


def _plain(attribute: Any) -> Any:
    from onnx import AttributeProto
    from onnx.helper import get_attribute_value

    plain = (
        AttributeProto.INT, AttributeProto.FLOAT, AttributeProto.STRING, AttributeProto.INTS,
        AttributeProto.FLOATS, AttributeProto.STRINGS,
    )  # fmt: skip
    if not attribute.name or attribute.ref_attr_name or attribute.type not in plain:
        return None
    value = get_attribute_value(attribute)
    return list(value) if attribute.type in plain[3:] else value


_UNSET: Mapping[str, Any] = {"pads": 0, "strides": 1, "dilations": 1}
"""What lists of sizes are filled with where they are not given."""


def is_same(name: str, one: Any, other: Any) -> bool:
    """Whether an attribute is the same on both sides; None where it is absent."""
    given = other if one is None else one
    if one is None or other is None:
        if name == "kernel_shape":  # the weight has it, too
            return True
        filled = isinstance(given, list) and name in _UNSET
        return given is None or (filled and {*given} <= {_UNSET[name]})
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(is_same(name, *pair) for pair in pairs)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def operands(graph: Graph, node: Node) -> dict[str, list[int]]:
    """Constant operands of integers, such as axes, starts and repeats, by what they are called."""
    schema = schema_of(node.domain, node.op_type, node.opset)
    inputs = [] if schema is None else schema.inputs
    found: dict[str, list[int]] = {}
    for slot, value in enumerate(node.inputs):
        integers = graph.integers(value)
        if integers is not None and len(integers) <= _CONSTANTS:
            found[inputs[slot].name if slot < len(inputs) else f"input {slot}"] = integers
    return found


def traits(side: Known, node: Node) -> Hashable:
    """The same for nodes of the same attributes that read the same constants, byte by byte.

    Sizes are the same where they are computed in the same way.
    """
    known = tuple((name, repr(value)) for name, value in sorted(attributes(side, node).items()))
    constants: list[Hashable] = []
    for slot, value in enumerate(node.inputs):
        tensor = side.graph.tensor(value)
        if value in side.recipes:
            constants.append((slot, side.recipes[value]))
        elif tensor is not None:
            constants.append((slot, tensor.element_type, tensor.dims, side.weights.digest(tensor)))
    return known, tuple(constants)
