"""Shape inference inside standard operators that are functions, as it runs in a child process.

Onnx's inference tells the result's shape of most of them without a look at the body, so operands
that the body could not take pass. Here each is replaced by its body, as the schema has it for these
operands.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TypeProto,
    ValueInfoProto,
    defs,
)

from onnxlint.runtime.shape_inference.onnx_inference import InferenceError, infer_shapes


def packed(questions: Iterable[ModelProto]) -> bytes:
    """Models of one node each, as `complaints` takes them."""
    return json.dumps([b64encode(each.SerializeToString()).decode() for each in questions]).encode()


def complaints(questions: bytes) -> bytes:
    """What inference has to say inside the node of each model, in order: JSON, null for nothing."""
    models = (ModelProto.FromString(b64decode(each)) for each in json.loads(questions))
    return json.dumps([_complaint(model) for model in models]).encode()


def _complaint(model: ModelProto) -> str | None:
    expanded = _expanded(model)
    if expanded is None:
        return None
    try:
        infer_shapes(expanded, strict=True, data_prop=True)
    except InferenceError as error:
        return str(error)
    return None


def _expanded(model: ModelProto) -> ModelProto | None:
    """The model with the node's body in its place; None where the schema has no body for it."""
    graph, node = model.graph, model.graph.node[0]
    opset = model.opset_import[0].version
    types = {info.name: info.type for info in graph.input}
    schema = defs.get_schema(node.op_type, opset, "")
    body = _body(schema, node, opset, [types.get(name, TypeProto()) for name in node.input])
    if body is None:
        return None
    given = {name: each.default_value for name, each in schema.attributes.items()}
    given = {name: value for name, value in given.items() if value.type}
    given |= {each.name: each for each in node.attribute}
    actual = dict(zip(body.input, node.input, strict=False))
    _bind(body.node, given, {name for name in body.input if not actual.get(name)})
    formal = {name: formal for formal, name in actual.items()}
    inner = GraphProto(node=body.node, name="body")
    inner.input.extend(ValueInfoProto(name=formal[name], type=types[name]) for name in types)
    inner.output.extend(ValueInfoProto(name=name) for name in body.output)
    for tensor in graph.initializer:
        tensor.name = formal[tensor.name]
        inner.initializer.append(tensor)
    imports = body.opset_import or model.opset_import
    return ModelProto(graph=inner, opset_import=imports, ir_version=model.ir_version)


def _body(
    schema: Any, node: NodeProto, opset: int, types: Sequence[TypeProto]
) -> FunctionProto | None:
    """The newest body that the schema has for an opset; that of some depends on the operands."""
    fixed = [version for version in schema.function_opset_versions if version <= opset]
    versions = schema.context_dependent_function_opset_versions
    dependent = [version for version in versions if version <= opset]
    if dependent:
        given = [each.SerializeToString() for each in types]
        data = schema.get_context_dependent_function_with_opset_version(
            max(dependent), node.SerializeToString(), given
        )
    elif fixed:
        data = schema.get_function_with_opset_version(max(fixed))
    else:
        return None
    return FunctionProto.FromString(data) if data else None


def _bind(
    nodes: Iterable[NodeProto], given: Mapping[str, AttributeProto], absent: set[str]
) -> None:
    """Gives the nodes of a body the attributes of the call; inputs that it lacks are left out."""
    for node in nodes:
        node.input[:] = ["" if name in absent else name for name in node.input]
        for attribute in list(node.attribute):
            if attribute.ref_attr_name in given:
                name = attribute.name
                attribute.CopyFrom(given[attribute.ref_attr_name])
                attribute.name = name
            elif attribute.ref_attr_name:
                node.attribute.remove(attribute)
            if attribute.HasField("g"):
                _bind(attribute.g.node, given, absent)
