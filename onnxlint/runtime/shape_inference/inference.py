"""Shape inference of a whole model, as it runs in a child process.

Onnx's own inference does the main work, and three things go on around it. A node at which it would
break off is veiled, so that the others are inferred all the same. The bodies of local
functions, which it leaves out, are inferred as models of their own, with the types that their calls
give them. And where contrib operators or data-dependent sizes stop it, onnxruntime's symbolic
inference goes on.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct
from onnx import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TypeProto,
    ValueInfoProto,
    defs,
)

from onnxlint.model.file.making import make_type
from onnxlint.model.file.messages import Container, containers, nested, subgraphs
from onnxlint.model.graph.walk import postorder
from onnxlint.runtime.shape_inference.inferred import Inferred
from onnxlint.runtime.shape_inference.onnx_inference import InferenceError, check, infer_shapes

if TYPE_CHECKING:
    from onnx import AttributeProto

NODE_TAG = "onnxlint-node:"
"""Every node is named by this, the number of its container and its index, so that messages tell."""

SYMBOLIC_NODE_LIMIT = 3_000
"""Symbolic inference takes some ms a node; larger graphs keep what onnx's inference knows."""

_MOST_BROKEN_NODES = 100
_TAG = re.compile(rf"{NODE_TAG}(\d{{1,9}}):(\d{{1,9}})")

_VEIL = ("ai.onnx.ml", "FeatureVectorizer")
"""An operator that has a schema, and no inference."""

_STAND_INS = dict.fromkeys(
    ("BiasDropout", "BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "QLinearLeakyRelu",
     "QLinearSigmoid", "QLinearSoftmax", "QuickGelu", "SkipLayerNormalization",
     "SkipSimplifiedLayerNormalization"), "Identity",
) | {"FusedConv": "Conv", "FusedGemm": "Gemm", "FusedMatMul": "MatMul"}  # fmt: skip
"""Operators of com.microsoft, and standard ones whose first output has the same type."""

_TRANSPOSING = ("transA", "transB", "transBatchA", "transBatchB")

_HELPED_DOMAINS = ("", "com.microsoft")
"""Domains of which symbolic inference may know operators that onnx's does not."""

Types: TypeAlias = MutableMapping[str, TypeProto]
Call: TypeAlias = tuple[NodeProto, Types]


def infer(
    serialized: bytes, *, passing_by: Collection[str] = (), follows_constants: bool = True
) -> bytes:
    """Onnx's complaints and the inferred types, as `Inferred` encodes them.

    Those of functions are of all their values. Nothing is inferred of the nodes whose tags are in
    `passing_by`. Constants are followed to the sizes that they give, unless that asks for too much
    memory.
    """
    model = prepared(serialized, passing_by)
    inferred = model.infer(follows_constants=follows_constants)
    if follows_constants:
        inferred.complaints = "\n".join([inferred.complaints, model.further_complaints()])
    return inferred.encoded()


def prepared(serialized: bytes, passing_by: Collection[str] = ()) -> Prepared:
    """The model made ready for `infer`: no native inference has seen it yet."""
    model = ModelProto.FromString(serialized)
    _spell_imports_alike(model)
    _import_veil(model)
    known = [*containers(model)]
    for container in known:
        _fill_sparse(container)
    least, passed_by = _LeastInputs(model), frozenset(passing_by)
    misfits: dict[str, str] = {}
    hidden: dict[str, NodeProto] = {}
    for tag, node in tagged(known):
        domain, operator = node.domain, node.op_type
        if domain == "ai.onnx":
            domain = node.domain = ""
        if tag in passed_by:
            _veil(node)
        elif operator in _MISFITS and not domain and (misfit := _misfit(node)) is not None:
            misfits[tag] = misfit
            _veil(node)
        elif len(node.input) < least[domain, operator]:
            hidden[tag] = node
    hidden.update(_endless_calls(model, known))
    veiled = {tag: (node.domain, node.op_type) for tag, node in hidden.items()}
    for node in hidden.values():
        _stand_in(node)
    return Prepared(model, known, misfits, veiled, model.SerializeToString())


class Prepared(Struct):
    """A model whose nodes are named by their tags, and those hidden that break inference off.

    Args:
        model: so prepared.
        containers: its graphs and functions.
        misfits: what is wrong with those that native code must not see.
        veiled: domains and operators of those that onnx does not know.
        serialized: the model, for native code; what breaks inference off is hidden once it did.
    """

    model: ModelProto
    containers: list[Container]
    misfits: dict[str, str]
    veiled: dict[str, tuple[str, str]]
    serialized: bytes

    def answers(self) -> Iterator[bytes]:
        """The types with what onnx complains of meanwhile; then its further complaints.

        Most rules ask for types alone, and these take half as long.
        """
        yield self.infer().encoded()
        yield self.further_complaints().encode()

    def infer(self, *, follows_constants: bool = True) -> Inferred:
        """The types of all values, and what onnx complains of meanwhile."""
        complaints: list[str] = []
        inferred = self._infer_stubbornly(complaints, data_prop=follows_constants)
        complaints += (
            f"(op_type:, node name: {name}): {why}" for name, why in self.misfits.items()
        )
        _infer_functions(inferred, data_prop=follows_constants)
        found = [*containers(inferred)] if self.veiled else []
        for tag, operator in self.veiled.items():
            if (node := _node_at(found, tag)) is not None:
                node.domain, node.op_type = operator
        known = self._types("\n".join(complaints), inferred)
        if follows_constants and _stopped_short(inferred, known):
            known = self._types(known.complaints, _infer_symbolically(inferred))
        return known

    def further_complaints(self) -> str:
        """What onnx complains of only where it follows no constants; call `infer` before.

        It asks less of the shape of what it follows as a constant, and where it follows none, it
        asks what its checker does: it is heard both ways. What is inferred then is of no use.
        """
        try:
            check(self.serialized)
        except InferenceError as error:
            return str(error)
        return ""

    def _infer_stubbornly(self, complaints: list[str], *, data_prop: bool) -> ModelProto:
        """Infers what can be; each node that makes onnx give up is passed by from then on."""
        for _ in range(_MOST_BROKEN_NODES):
            inferred = _infer_strictly(self.serialized, complaints, data_prop=data_prop)
            if inferred is not None:
                return inferred
            try:
                return infer_shapes(self.serialized, data_prop=data_prop)
            except InferenceError as error:
                tags = [mark[0] for mark in _TAG.finditer(str(error))]
            broken = _node_at(self.containers, tags[-1]) if tags else None
            if broken is None or (broken.domain, broken.op_type) == _VEIL:
                break
            _veil(broken)
            self.serialized = self.model.SerializeToString()
        return self.model

    def _types(self, complaints: str, inferred: ModelProto) -> Inferred:
        types = containers(inferred) if len(self.containers) > 1 else [inferred.graph]
        return Inferred.of(complaints, map(_types_in, types))


def tagged(containers: Iterable[Container]) -> Iterator[tuple[str, NodeProto]]:
    """Gives every node a name that tells where it stands, its tag: each tag with its node."""
    for number, container in enumerate(containers):
        for index, node in enumerate(container.node):
            tag = node.name = f"{NODE_TAG}{number}:{index}"
            yield tag, node


def _node_at(containers: Sequence[Container], tag: str) -> NodeProto | None:
    """The node that has the tag; None where it is made up, as a name in the model may be."""
    mark = _TAG.fullmatch(tag)
    number, index = (int(mark[1]), int(mark[2])) if mark else (len(containers), 0)
    nodes = containers[number].node if number < len(containers) else ()
    return nodes[index] if index < len(nodes) else None


def _fill_sparse(container: Container) -> None:
    """Declares sparse initializers as the dense tensors that onnxruntime makes of them."""
    if isinstance(container, GraphProto) and container.sparse_initializer:
        known = {info.name for info in (*container.input, *container.value_info)}
        for sparse in container.sparse_initializer:
            name = sparse.values.name
            if name not in known:
                dense = make_type(sparse.values.data_type, sparse.dims)
                container.value_info.append(ValueInfoProto(name=name, type=dense))
        del container.sparse_initializer[:]


def _spell_imports_alike(model: ModelProto) -> None:
    """Writes the standard domain as the empty one, the only spelling that onnx always knows."""
    for part in (model, *model.functions):
        for entry in part.opset_import:
            if entry.domain == "ai.onnx":
                entry.domain = ""


_MISFITS = ("Split", "GatherND", "Einsum")


def _misfit(node: NodeProto) -> str | None:
    """What onnx's inference does not ask about, and then reads beyond its memory.

    It may crash, and it may give any shape.
    """
    operator = node.op_type
    numbers = {a.name: a.i for a in node.attribute if a.HasField("i") and not a.ref_attr_name}
    if operator == "Split" and len(node.output) > numbers.get("num_outputs", len(node.output)):
        return f"{len(node.output)} outputs, but num_outputs is {numbers['num_outputs']}"
    if operator == "GatherND" and numbers.get("batch_dims", 0) < 0:
        return f"batch_dims is {numbers['batch_dims']} (minimum 0)"
    return _misspelled_equation(node) if operator == "Einsum" else None


def _misspelled_equation(node: NodeProto) -> str | None:
    """Dots beyond one ellipsis in a term, at which onnx and onnxruntime never come to an end."""
    equations = [a.s.decode(errors="replace") for a in node.attribute if a.name == "equation"]
    for term in re.split(r",|->", equations[0]) if equations else ():
        if "." in term.replace("...", "", 1):
            return f"term {term[:50]!r} of the equation has dots beyond one ellipsis"
    return None


class _LeastInputs(dict[tuple[str, str], float]):
    """How many inputs an operator must have, by its domain and name.

    An operator without a schema has never enough: it would make onnx keep its complaints. At a node
    with too few inputs it breaks off, as it does where the operator's domain is not imported.
    """

    def __init__(self, model: ModelProto) -> None:
        self._versions = {entry.domain: entry.version for entry in model.opset_import}
        for function in model.functions:
            imported = {entry.domain: entry.version for entry in function.opset_import}
            self._versions = imported | self._versions
        super().__init__(dict.fromkeys(functions_of(model), 0))

    def __missing__(self, operator: tuple[str, str]) -> float:
        domain, op_type = operator
        try:
            schema = defs.get_schema(op_type, self._versions.get(domain, 0), domain)
            self[operator] = schema.min_input
        except defs.SchemaError:
            self[operator] = float("inf")
        return self[operator]


LARGEST_EXPANSION = 1_000_000
"""Nodes that the functions of a model may come to when each call is replaced by its body: onnx
infers every call anew. A choice; exported models have a few thousand."""

DEEPEST_CALLS = 90
"""Functions in functions; native code calls itself for each, and from 100 on onnx 1.23 infers
nothing at all. Exported models have fewer than 10."""


def _endless_calls(
    model: ModelProto, containers: Iterable[Container]
) -> Iterator[tuple[str, NodeProto]]:
    """Calls of functions that call others without end, or nearly so."""
    functions = functions_of(model)
    if not functions:
        return
    sizes: dict[tuple[str, str], tuple[int, int]] = {}
    called = {key: list(_called(function, functions)) for key, function in functions.items()}
    for key in postorder(called, called.__getitem__):
        inner = [sizes.get(callee, (LARGEST_EXPANSION, 0)) for callee in called[key]]  # a circle
        size = len(functions[key].node) + sum(each for each, _ in inner)
        sizes[key] = (
            min(size, LARGEST_EXPANSION + 1),
            1 + max((depth for _, depth in inner), default=0),
        )
    for tag, node in tagged(containers):
        size, depth = sizes.get((node.domain, node.op_type), (0, 0))
        if size > LARGEST_EXPANSION or depth > DEEPEST_CALLS:
            yield tag, node


def _veil(node: NodeProto) -> None:
    """Makes it a node of which onnx infers nothing, and has nothing to complain."""
    node.domain, node.op_type = _VEIL


def _stand_in(node: NodeProto) -> None:
    """Puts an operator in a contrib operator's place that infers the same; else the veil."""
    stand_in = _STAND_INS.get(node.op_type) if node.domain == "com.microsoft" else None
    transposes = any(a.name in _TRANSPOSING and a.i for a in node.attribute)
    if stand_in is None or (stand_in == "MatMul" and transposes):
        _veil(node)
    else:
        node.domain, node.op_type = "", stand_in


def _import_veil(model: ModelProto) -> None:
    for importer in (model, *model.functions):
        imported = {entry.domain for entry in importer.opset_import}
        if _VEIL[0] not in imported and (imported or importer is model):
            importer.opset_import.add(domain=_VEIL[0], version=1)


def functions_of(model: ModelProto) -> dict[tuple[str, str], FunctionProto]:
    """The local functions by the domain and name that a node calls them by."""
    return {(function.domain, function.name): function for function in model.functions}


def _infer_strictly(
    serialized: bytes, complaints: list[str], *, data_prop: bool
) -> ModelProto | None:
    try:
        return infer_shapes(serialized, strict=True, data_prop=data_prop)
    except InferenceError as error:
        complaints.append(str(error))
        return None


def _infer_functions(model: ModelProto, *, data_prop: bool) -> None:
    """Infers the body of every function that is called, its callers first."""
    functions = functions_of(model)
    sites: dict[tuple[str, str], list[Call]] = {key: [] for key in functions}
    _note_calls(sites, model.graph)
    called = {key: list(_called(function, functions)) for key, function in functions.items()}
    for key in reversed([*postorder(called, called.__getitem__)]):
        if sites[key]:
            _infer_function(functions[key], sites[key], model, data_prop=data_prop)
            _note_calls(sites, functions[key])


def _note_calls(sites: dict[tuple[str, str], list[Call]], container: Container) -> None:
    """Adds the calls in a container: a walk of its own, for each graph sees the types around it."""
    pending = [(container, _types(container))] if sites else []
    for inner, types in pending:
        for node in inner.node:
            if (node.domain, node.op_type) in sites:
                sites[node.domain, node.op_type].append((node, types))
            for graph in subgraphs(node):
                visible: ChainMap[str, TypeProto] = ChainMap(_types(graph), types)
                pending.append((graph, visible))


def _types_in(container: Container) -> Iterator[tuple[str, TypeProto]]:
    """Name and type of the container's values, initializers left out."""
    infos: list[ValueInfoProto] = list(container.value_info)
    if isinstance(container, GraphProto):
        infos += (*container.input, *container.output)
    return ((info.name, info.type) for info in infos)


def _types(container: Container) -> Types:
    types = dict(_types_in(container))
    for tensor in container.initializer if isinstance(container, GraphProto) else ():
        types[tensor.name] = make_type(tensor.data_type, tensor.dims)
    return types


def _called(
    container: Container, functions: Mapping[tuple[str, str], FunctionProto]
) -> Iterator[tuple[str, str]]:
    for inner in nested(container):
        for node in inner.node:
            if (node.domain, node.op_type) in functions:
                yield node.domain, node.op_type


def _infer_function(
    function: FunctionProto, calls: list[Call], model: ModelProto, *, data_prop: bool
) -> None:
    """Infers a body as a graph, and writes the types of all its values to `value_info`."""
    body = ModelProto(ir_version=model.ir_version, functions=model.functions,
                      opset_import=function.opset_import or model.opset_import)  # fmt: skip
    graph = body.graph
    graph.name = "body"
    graph.node.extend(_bound(function, [node for node, _ in calls]))
    for slot, name in enumerate(function.input):
        given = [types.get(_name(node.input, slot)) for node, types in calls]
        graph.input.append(ValueInfoProto(name=name, type=_common_type(given)))
    graph.output.extend(ValueInfoProto(name=name) for name in function.output)
    graph.value_info.extend(function.value_info)
    _import_veil(body)
    with suppress(InferenceError):  # what it declares is known all the same
        body = infer_shapes(body, data_prop=data_prop)
    _give_back_references(function, body.graph)
    del function.value_info[:], function.node[:]
    function.node.extend(body.graph.node)
    known = (*body.graph.input, *body.graph.output, *body.graph.value_info)
    function.value_info.extend({info.name: info for info in known}.values())


def _give_back_references(function: FunctionProto, body: GraphProto) -> None:
    """Undoes `_bind`: a graph that was bound is not a container of the model, and has no number."""
    for node, template in zip(body.node, function.node, strict=True):
        for attribute, original in zip(node.attribute, template.attribute, strict=True):
            if original.ref_attr_name:
                attribute.CopyFrom(original)


def _name(names: Sequence[str], slot: int) -> str:
    return names[slot] if slot < len(names) else ""


def _bound(function: FunctionProto, calls: list[NodeProto]) -> list[NodeProto]:
    """A body's nodes with the attributes of the calls; veiled where the calls do not agree."""
    defaults = {attribute.name: attribute for attribute in function.attribute_proto}
    given = [defaults | {a.name: a for a in call.attribute} for call in calls]
    nodes = []
    for template in function.node:
        node = NodeProto()
        node.CopyFrom(template)
        for attribute in node.attribute:
            if attribute.ref_attr_name and not _bind(attribute, given):
                _veil(node)
        nodes.append(node)
    return nodes


def _bind(attribute: AttributeProto, given: list[dict[str, AttributeProto]]) -> bool:
    """Gives a reference to a function's attribute the value that all calls agree on."""
    values = [attributes.get(attribute.ref_attr_name) for attributes in given]
    first = values[0]
    if first is None or any(value != first for value in values):
        return False
    name = attribute.name
    attribute.CopyFrom(first)
    attribute.name = name
    return True


def _common_type(types: Sequence[TypeProto | None]) -> TypeProto | None:
    """The type that holds at every call: a dim that differs is unknown, as is any other type."""
    first = types[0]
    if first is None or all(other == first for other in types):
        return first
    if any(other is None or not other.HasField("tensor_type") for other in types):
        return None
    tensors = [other.tensor_type for other in types if other is not None]
    if len({tensor.elem_type for tensor in tensors}) > 1:
        return None
    ranks = {len(tensor.shape.dim) if tensor.HasField("shape") else None for tensor in tensors}
    dims: list[int | str | None] | None = None
    if len(ranks) == 1 and None not in ranks:
        axes = zip(*(tensor.shape.dim for tensor in tensors), strict=True)
        dims = [_size(axis[0]) if len(set(map(_size, axis))) == 1 else None for axis in axes]
    return make_type(tensors[0].elem_type, dims)


def _size(dim: Any) -> int | str | None:
    return dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None


def _stopped_short(model: ModelProto, inferred: Inferred) -> bool:
    """Whether there is an operator of known inputs whose output is unknown, and read."""
    graph = model.graph
    if len(graph.node) > SYMBOLIC_NODE_LIMIT:
        return False
    known = _known(graph, inferred)
    ends = [
        node
        for node in graph.node
        if not known.issuperset(node.output)
        and node.domain in _HELPED_DOMAINS
        and node.op_type != "If"  # unknown where its branches differ, and so it stays
        and known.issuperset(filter(None, node.input))
    ]
    read = _read(model) if ends else set[str]()
    return any(not known.issuperset(read.intersection(node.output)) for node in ends)


def _known(graph: GraphProto, inferred: Inferred) -> set[str]:
    """The values of the main graph whose dimensions all are known."""
    are_known = [_is_known(TypeProto.FromString(each)) for each in inferred.types]
    told = dict(zip(inferred.names[0], inferred.numbers[0], strict=True))
    known = {name for name, number in told.items() if are_known[number]}
    return known.union(tensor.name for tensor in graph.initializer)


def _read(model: ModelProto) -> set[str]:
    """What nodes read, and what the model gives."""
    read = {name for container in containers(model) for node in container.node
            for name in node.input}  # fmt: skip
    return read.union(output.name for output in model.graph.output)


def _is_known(info: TypeProto | None) -> bool:
    if info is None or not info.HasField("tensor_type"):
        return info is not None and info.WhichOneof("value") is not None
    return info.tensor_type.HasField("shape") and None not in map(_size, info.tensor_type.shape.dim)


def _infer_symbolically(model: ModelProto) -> ModelProto:
    """Adds what onnxruntime's tool knows and onnx does not, and what follows from it."""
    from onnxlint.runtime.shape_inference.ort_symbolic import infer_symbolically

    types = _types(model.graph)
    for info in infer_symbolically(model):
        if not _is_known(types.get(info.name)):
            _forget_tags(info.type)
            model.graph.value_info.append(info)
    try:
        return infer_shapes(model, data_prop=True)
    except InferenceError:
        return model


def _forget_tags(info: TypeProto) -> None:
    """A symbol that the tool made up after a node's name says nothing."""
    for dim in info.tensor_type.shape.dim:
        if _TAG.search(dim.dim_param):
            dim.Clear()
