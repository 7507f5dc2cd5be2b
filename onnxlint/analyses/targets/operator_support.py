"""Which nodes a target does not run: by its kernels, and by what it writes operators out with.

On every operator case of onnx 1.23 this says what onnxruntime does, from 1.16 to 1.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.static.schemas import Schemas
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.targets.targets import Target
from onnxlint.model.file.dtypes import dtype_name
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import DTYPE_ATTRIBUTE, DTYPE_OPERAND

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

Dtypes = dict[str, str]
"""Element types by slot: `{"i0": "float", "o0": "int64"}`; unknown ones are not in it."""

_CONSTANTS = {
    "value_float": "float", "value_floats": "float", "value_int": "int64", "value_ints": "int64",
    "value_string": "string", "value_strings": "string",
}  # fmt: skip


class Unsupported(Struct, frozen=True):
    """Why a target does not run a node: what it does not support, e.g. `Max for int16`.

    `dtype` is the element type that it has no implementation for, if that is why; `on_host` says
    that the target's host, onnxruntime's CPU provider, runs the node in its place.
    """

    reason: str
    dtype: str | None = None
    on_host: bool = False


class _Use(Struct, frozen=True, eq=False):
    """An operator at an opset with the types that are known; most nodes share theirs."""

    op: str
    opset: int
    schema: Any
    dtypes: Dtypes

    @property
    def since(self) -> int | None:
        """The version of the operator."""
        return None if self.schema is None else int(self.schema.since_version)


class Support:
    """Says why a target does not run a node.

    onnxruntime writes out an operator that it has no kernel for, if the specification says how, and
    then needs kernels for that; the model's own functions it writes out, too.
    """

    def __init__(self, shapes: Shapes, schemas: Schemas) -> None:
        self._shapes = shapes
        self._schemas = schemas
        self._uses: dict[Node, _Use | None] = {}
        self._interned: dict[tuple[object, ...], _Use] = {}
        self._refusals: dict[tuple[_Use, str], Unsupported | None] = {}
        self._widened: dict[tuple[_Use, str], bool] = {}

    @classmethod
    def build(cls, shapes: Shapes, schemas: Schemas) -> Support:
        """Looks at nothing yet."""
        return cls(shapes, schemas)

    def refusal(self, node: Node, target: Target) -> Unsupported | None:
        """Why the target does not run the node.

        None where it does, or where it is not known: of an operator that the installed onnx does
        not know, of a vendor's that the target has no list of, of an opset beyond the target's.
        """
        use = self._use(node)
        if use is None or use.opset > target.opsets.get(node.domain, use.opset):
            return None
        if use.schema is None and node.domain not in target.domains:
            return None
        key = use, target.name
        if key not in self._refusals:
            self._refusals[key] = _refusal(use.op, use.since, use.dtypes, target)
        refusal = self._refusals[key]
        if refusal is None or use.schema is None or not target.is_onnxruntime:
            return refusal
        expansion = _Expansion(target, self._schemas, use.opset)
        return expansion.refusal(node.proto, use.schema, use.dtypes)

    def widens(self, node: Node, target: Target) -> bool:
        """Whether the target computes in wider numbers than the node's, with casts around it."""
        use = self._use(node)
        if use is None:
            return False
        key = use, target.name
        if key not in self._widened:
            self._widened[key] = target.widens(use.op, use.since, use.dtypes)
        return self._widened[key]

    def _use(self, node: Node) -> _Use | None:
        """How a node uses its operator; None where that is a matter of others."""
        if node not in self._uses:
            self._uses[node] = self._read_use(node)
        return self._uses[node]

    def _read_use(self, node: Node) -> _Use | None:
        opset = node.scope.opsets.get(node.domain)
        if node.called is not None or opset is None or node.op == "Constant":
            return None
        schema = self._schemas.of(node)
        if schema is None and node.domain in self._schemas.domains:
            return None
        dtypes = self._dtypes(node)
        key = (node.op, opset, *dtypes.items())
        return self._interned.setdefault(key, _Use(node.op, opset, schema, dtypes))

    def _dtypes(self, node: Node) -> Dtypes:
        dtypes = {}
        for side, values in (("i", node.inputs), ("o", node.outputs)):
            for slot, value in enumerate(values):
                shape = self._shapes.of(value)
                if shape is not None:
                    dtypes[f"{side}{slot}"] = shape.dtype
        return dtypes


def _refusal(op: str, since: int | None, dtypes: Dtypes, target: Target) -> Unsupported | None:
    """Why the target has no kernel of its own."""
    own = target.refusal(op, since, dtypes)
    if own is None:
        return None
    return Unsupported(*own, on_host=target.falls_back(op, since, dtypes))


class _Expansion:
    """Follows the types through what the specification writes an operator out to."""

    def __init__(self, target: Target, schemas: Schemas, opset: int) -> None:
        self._target = target
        self._schemas = schemas
        self._opset = opset

    def refusal(self, proto: NodeProto, schema: Any, dtypes: Dtypes) -> Unsupported | None:
        """Why the target neither has the operator nor can write it out."""
        op = f"{schema.domain}::{schema.name}" if schema.domain else schema.name
        own = _refusal(op, schema.since_version, dtypes, self._target)
        if own is None or own.on_host:
            return own
        plain, bound = (
            schema.function_opset_versions,
            schema.context_dependent_function_opset_versions,
        )
        version = max((v for v in plain or bound if v <= self._opset), default=None)
        if version is None:
            return own
        body = self._body(proto, schema, dtypes, version)
        if body is None:
            return None
        if plain and not self._is_current(body, version):
            return own
        return self._in_body(body, proto, dtypes)

    def _body(
        self, proto: NodeProto, schema: Any, dtypes: Dtypes, version: int
    ) -> FunctionProto | None:
        """The function that stands for the operator; None where something unknown decides it.

        That is an unknown type, a graph of the caller's (on some of which onnx 1.23 crashes
        natively when it writes out a SequenceMap), or a node that onnx cannot make sense of.
        """
        from onnx import FunctionProto, TensorProto
        from onnx.helper import make_tensor_type_proto

        body = FunctionProto()
        if schema.function_opset_versions:
            body.ParseFromString(schema.get_function_with_opset_version(version))
            return body
        names = [dtypes.get(f"i{slot}") if name else "undefined"
                 for slot, name in enumerate(proto.input)]  # fmt: skip
        graphs = [a for a in proto.attribute if a.HasField("g") or a.graphs]
        if None in names or graphs:
            return None
        types = [
            make_tensor_type_proto(TensorProto.DataType.Value(str(name).upper()), None)
            for name in names
        ]
        try:
            written = schema.get_context_dependent_function_with_opset_version(
                version, proto.SerializeToString(), [type_.SerializeToString() for type_ in types]
            )
        except Exception:  # each of onnx's builders raises its own kinds
            return None
        body.ParseFromString(written)
        return body

    def _is_current(self, body: FunctionProto, version: int) -> bool:
        """Whether the operators of a body are still the ones that it was written for.

        Where they are not, onnxruntime does not use it (Swish at opset 28).
        """
        for node in body.node:
            then, now = (self._schemas.find("", node.op_type, v) for v in (version, self._opset))
            if then is None or now is None or then.since_version != now.since_version:
                return False
        return True

    def _in_body(self, body: FunctionProto, caller: NodeProto, given: Dtypes) -> Unsupported | None:
        """The first refusal among the nodes of a body."""
        known = {
            name: given[f"i{slot}"]
            for slot, name in enumerate(body.input)
            if f"i{slot}" in given and slot < len(caller.input) and caller.input[slot]
        }
        attributes = {attribute.name: attribute for attribute in caller.attribute}
        for node in body.node:
            schema = self._schemas.find(node.domain, node.op_type, self._opset)
            if schema is None:
                return None
            dtypes = {f"i{slot}": known[name] for slot, name in enumerate(node.input)
                      if name in known}  # fmt: skip
            bound = _with_caller(node, attributes)
            for slot, name in enumerate(node.output):
                dtype = _output_dtype(bound, schema, slot, dtypes)
                if dtype is not None:
                    known[name] = dtypes[f"o{slot}"] = dtype
            if node.op_type != "Constant":
                refusal = self.refusal(bound, schema, dtypes)
                if refusal is not None:
                    reason = f"{caller.op_type}, which expands to {refusal.reason}"
                    return replace(refusal, reason=reason)
        return None


def _with_caller(node: NodeProto, attributes: Mapping[str, Any]) -> NodeProto:
    """A node of a body with the attributes that its caller gives."""
    from onnx import NodeProto

    bound = NodeProto()
    bound.CopyFrom(node)
    del bound.attribute[:]
    for attribute in node.attribute:
        given = attributes.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if given is not None:
            copy = bound.attribute.add()
            copy.CopyFrom(given)
            copy.name = attribute.name
    return bound


def _output_dtype(node: NodeProto, schema: Any, slot: int, dtypes: Dtypes) -> str | None:
    """The type of an output, as far as attributes and the types of inputs tell."""
    op = node.op_type
    for attribute in node.attribute:
        if attribute.name == DTYPE_ATTRIBUTE.get(op):
            return dtype_name(attribute.t.data_type if attribute.HasField("t") else attribute.i)
        if op == "Constant" and attribute.name in ("value", *_CONSTANTS):
            stored = dtype_name(attribute.t.data_type)
            return _CONSTANTS.get(attribute.name, stored)
    if op in DTYPE_OPERAND:
        return dtypes.get(DTYPE_OPERAND[op])
    if op in DTYPE_ATTRIBUTE:
        return "float"
    formal = schema.outputs[min(slot, len(schema.outputs) - 1)]
    for number, parameter in enumerate(schema.inputs):
        if parameter.type_str == formal.type_str and f"i{number}" in dtypes:
            return dtypes[f"i{number}"]
    types = [type_ for type_ in formal.types if type_.startswith("tensor(")]
    return types[0][7:-1] if len(types) == 1 else None
