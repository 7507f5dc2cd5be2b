"""The model as a graph of node and value vertices over all scopes: main, subgraphs, functions.

The vertices know their neighbours (`node.inputs`, `value.consumers`), which serves most rules and
keeps 100,000 nodes cheap. `Graph.digraph` is the same graph as a `networkx.DiGraph`, made when a
rule first asks for it.
"""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property, partial
from sys import intern
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from onnxlint.model.file.load import Model
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.exporter_metadata import module_path, source_line
from onnxlint.model.graph.operators import attribute_types
from onnxlint.model.graph.place import Located, NotApplicable, Place, shortened
from onnxlint.model.graph.walk import WayBack

if TYPE_CHECKING:
    import networkx as nx
    from onnx import (
        AttributeProto,
        FunctionProto,
        GraphProto,
        NodeProto,
        SparseTensorProto,
        TensorProto,
        TypeProto,
    )

    from onnxlint.model.file.tensors import Array
    from onnxlint.model.graph.crossings import Crossings

T = TypeVar("T")

FEW = 24
"""Inputs or attributes that are searched one by one; of more, a table is made. onnx has no operator
of as many attributes, and few nodes have as many inputs."""

STANDARD_DOMAINS = ("", "ai.onnx")
"""Both spell the default operator set."""

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
"""Operators that multiply their input with weights."""

MOVING = frozenset({
    "Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators that give all numbers of their first input, in another shape, order or type maybe."""

STEPPED = frozenset({
    "And", "ArgMax", "ArgMin", "Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "IsInf",
    "IsNaN", "Less", "LessOrEqual", "NonZero", "Not", "Or", "Round", "Shape", "Sign", "Size", "Xor",
    "ai.onnx.ml::Binarizer", "ai.onnx.ml::TreeEnsemble", "ai.onnx.ml::TreeEnsembleClassifier",
    "ai.onnx.ml::TreeEnsembleRegressor",
})  # fmt: skip
"""Operators that may well give the same for different inputs."""

LARGEST_FILL = 1 << 24
"""Elements of a ConstantOfShape that are looked at one by one: it may ask for any number of them.
A choice of ours, 64 MiB of float32."""

LONGEST_SHAPE = 128
"""Numbers of a constant that tells a shape, axes or pads: two for each of numpy's 64 axes."""

_SIZE_OPS = ("Shape", "Size")

_CONSTANT_OPS = ("Constant", "ConstantOfShape")

_RANDOM_OPS = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
               "Bernoulli", "Multinomial", "Dropout")  # fmt: skip


class Origin(StrEnum):
    """What defines a value."""

    INPUT = "input"
    INITIALIZER = "initializer"
    NODE = "node"
    NOTHING = "nothing"


@dataclass(eq=False, slots=True, repr=False)
class Value:
    """A tensor, sequence, map or optional that flows through a scope.

    `consumers` are the nodes that read it, those in subgraphs included, in the order of the file
    and once per slot; `yielded_to` are the owners of the subgraphs that hand it out. `is_input` is
    true also for an initializer listed among the inputs. `slot` is the output of its producer.
    """

    name: str
    scope: Scope
    origin: Origin
    producer: Node | None = None
    slot: int = 0
    type: TypeProto | None = None
    tensor_proto: TensorProto | None = None
    is_input: bool = False
    is_output: bool = False
    consumers: list[Node] = field(default_factory=list)
    yielded_to: list[Node] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where it stands: at its producer, if a node makes it."""
        if self.producer is None:
            return Place(scope=self.scope.path, value=shortened(self.name))
        return self.producer.place_of(self.name)

    @property
    def readers(self) -> Collection[Node]:
        """The nodes that read it, each once: what walks from reader to reader needs these."""
        return dict.fromkeys(self.consumers)

    @property
    def uses(self) -> Iterator[tuple[Node, int]]:
        """The nodes that read it, with each slot that they do it in."""
        return ((node, slot) for node in self.readers for slot in node.slots_of(self))

    @property
    def is_declared(self) -> bool:
        """Whether the file says something of its type, be it incomplete."""
        return self.type is not None and self.type.WhichOneof("value") is not None

    @property
    def is_typed(self) -> bool:
        """Whether the file gives it a type; a tensor's must name the element type."""
        if self.tensor_proto is not None:
            return True
        kind = self.type.WhichOneof("value") if self.type is not None else None
        if self.type is not None and kind == "tensor_type":
            return self.type.tensor_type.elem_type != 0
        return kind is not None

    @property
    def lacks_shape(self) -> bool:
        """Whether the file says it is a tensor of some element type, and not of which shape."""
        return (
            self.tensor_proto is None
            and self.type is not None
            and self.type.tensor_type.elem_type != 0
            and not self.type.tensor_type.HasField("shape")
        )

    def __repr__(self) -> str:
        return f"<Value {self.name!r} in {self.scope.path or 'main graph'}>"


@dataclass(eq=False, slots=True, repr=False)
class Node:
    """A node of a scope; `index` counts from 0 in the order of the file.

    `inputs` and `outputs` keep their slots: an omitted optional one is `None`. `name` may be empty
    and need not be unique. `domain` is empty for the standard one, and `op` the operator with its
    domain: `Conv`, `com.microsoft::FusedConv`.
    """

    proto: NodeProto
    index: int
    scope: Scope
    inputs: list[Value | None] = field(default_factory=list)
    outputs: list[Value | None] = field(default_factory=list)
    subgraphs: list[Scope] = field(default_factory=list)
    name: str = field(init=False)
    domain: str = field(init=False)
    op_type: str = field(init=False)
    op: str = field(init=False)
    _many: dict[str, AttributeProto] | None = field(init=False, default=None)
    _slots: dict[Value, list[int]] | None = field(init=False, default=None)
    _source: tuple[str | None, str | None] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.name, self.op_type = self.proto.name, intern(self.proto.op_type)
        self.domain = _plain_domain(self.proto.domain)
        self.op = intern(f"{self.domain}::{self.op_type}") if self.domain else self.op_type

    @property
    def is_random(self) -> bool:
        """Whether its operator may give another result at every run on the same input."""
        return self.op in _RANDOM_OPS

    @property
    def called(self) -> Scope | None:
        """The local function of the model that it calls."""
        return self.scope.graph.functions_by_name.get((self.domain, self.op_type))

    @property
    def scopes_inside(self) -> Sequence[Scope]:
        """Its subgraphs, and theirs."""
        scopes = list(self.subgraphs)
        for scope in scopes:
            scopes.extend(inner for node in scope.nodes for inner in node.subgraphs)
        return scopes

    def input(self, slot: int) -> Value | None:
        """The value in an input slot, or None where it is omitted."""
        return self.inputs[slot] if slot < len(self.inputs) else None

    def slots_of(self, value: Value) -> Sequence[int]:
        """The input slots that read a value."""
        if len(self.inputs) <= FEW:
            return [slot for slot, read in enumerate(self.inputs) if read is value]
        if self._slots is None:
            self._slots = {}
            for slot, read in enumerate(self.inputs):
                if read is not None:
                    self._slots.setdefault(read, []).append(slot)
        return self._slots.get(value, ())

    @property
    def output(self) -> Value | None:
        """The first output."""
        return self.outputs[0] if self.outputs else None

    @property
    def attributes(self) -> Mapping[str, AttributeProto]:
        """Its attributes by name, as protobuf."""
        return {attribute.name: attribute for attribute in self.proto.attribute}

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a plain Python value (int, float, str, list, TensorProto …).

        `default` where it is absent, refers to a function's attribute, or is of another type than
        the default or the operator's schema.
        """
        found = self._named(name)
        if found is None or found.ref_attr_name:
            return default
        known = self._attribute_types.get(name)
        fits = known is None or found.type == known
        return _attribute_value(found, default) if fits else default

    def _named(self, name: str) -> AttributeProto | None:
        """The attribute of the name; of several the first that refers to no other one."""
        attributes = self.proto.attribute
        if len(attributes) <= FEW:
            named = [attribute for attribute in attributes if attribute.name == name]
            plain = (attribute for attribute in named if not attribute.ref_attr_name)
            return next(plain, named[0] if named else None)
        if self._many is None:
            self._many = {}
            for attribute in reversed(attributes):
                if attribute.name not in self._many or not attribute.ref_attr_name:
                    self._many[attribute.name] = attribute
        return self._many.get(name)

    def integers(self, name: str) -> list[int] | None:
        """An attribute that is a list of integers, such as `axes`; empty where it is absent.

        None where it is anything else, or a function's caller decides.
        """
        if self._named(name) is None:
            return []
        found = self.attribute(name)
        is_list = isinstance(found, list) and all(isinstance(number, int) for number in found)
        return found if is_list else None

    def tensor(self, name: str) -> TensorProto | None:
        """An attribute that is a tensor; None where it is none."""
        from onnx import TensorProto

        found = self.attribute(name)
        return found if isinstance(found, TensorProto) else None

    @property
    def _attribute_types(self) -> Mapping[str, int]:
        version = self.scope.opsets.get(self.domain)
        if version is None or self.called is not None:
            return {}
        return attribute_types(self.domain, self.op_type, version)

    @property
    def place(self) -> Place:
        """Where it stands, with the module it came from."""
        return self.place_of(None)

    def place_of(self, value: str | None) -> Place:
        """The place of one of its outputs."""
        if self._source is None:
            metadata = {entry.key: entry.value for entry in self.proto.metadata_props}
            module, source = module_path(self.name, metadata), source_line(metadata)
            self._source = module and shortened(module), source and shortened(source)
        return Place(
            self.scope.path,
            shortened(self.name),
            self.index,
            shortened(self.op_type),
            None if value is None else shortened(value),
            *self._source,
        )

    def __repr__(self) -> str:
        return f"<Node {self.op} {self.name!r} #{self.index} in {self.scope.path or 'main graph'}>"


@dataclass(frozen=True, slots=True)
class Redefinition:
    """The name of `first`, defined again: by a node, or (`node` None) among the inputs."""

    first: Value
    node: Node | None

    @property
    def place(self) -> Place:
        """Where the name is defined again."""
        name = self.first.name
        if self.node is None:
            return Place(scope=self.first.scope.path, value=shortened(name))
        return self.node.place_of(name)


@dataclass(eq=False, repr=False)
class Scope:
    """The main graph (`path` empty), a subgraph of a node, or the body of a local function.

    Also a graph that is the default of a function's attribute: no node owns it, but `around` it is
    the function.
    """

    path: str
    graph: Graph
    owner: Node | None = None
    around: Scope | None = None
    function: FunctionProto | None = None
    proto: GraphProto | None = None
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    redefinitions: list[Redefinition] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """The scope itself."""
        return Place(scope=self.path)

    @property
    def parent(self) -> Scope | None:
        """The scope around it: functions and the main graph have none."""
        return self.owner.scope if self.owner else self.around

    @property
    def root(self) -> Scope:
        """The main graph or the function in which it is nested; itself for these."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def in_function(self) -> bool:
        """Whether it is a function's body or nested in one."""
        return self.root.function is not None

    @property
    def unsorted(self) -> Iterator[tuple[Node, Value]]:
        """Nodes that stand before, or are, the producer of a value they read: each with the first.

        A subgraph's node stands where the node that owns the subgraph stands.
        """
        for node in self.nodes:
            for value in node.inputs:
                if value is not None and _reads_ahead(node, value):
                    yield node, value
                    break

    @property
    def declarations(self) -> Iterator[tuple[Value, TypeProto]]:
        """Every declared type, of inputs, of outputs and in between, with the value that it is of.

        Unlike `Value.type` also those of initializers, and of inputs that are outputs.
        """
        source = self.function if self.proto is None else self.proto
        assert source is not None
        infos = list(source.value_info)
        if self.proto is not None:
            infos += [*self.proto.input, *self.proto.output]
        for info in infos:
            if info.name in self.values:
                yield self.values[info.name], info.type

    @property
    def initializers(self) -> Iterator[Value]:
        """The values that have an initializer, in the order of the file."""
        return (value for value in self.values.values() if value.tensor_proto is not None)

    @cached_property
    def opsets(self) -> Mapping[str, int]:
        """Imported version of each domain; subgraphs use those around them."""
        if self.parent is not None:
            return self.parent.opsets
        main = self.graph.main
        if self is not main and not self.imports:
            return main.opsets
        standard = {"": 1} if self.graph.model.proto.ir_version < 3 else {}
        return standard | {domain: versions[-1] for domain, versions in self.imports.items()}

    @cached_property
    def imports(self) -> Mapping[str, list[int]]:
        """The imports that stand in the file, of the model or of a function: versions by domain."""
        source = self.function if self.function is not None else self.graph.model.proto
        imports: dict[str, list[int]] = {}
        for entry in source.opset_import:
            imports.setdefault(_plain_domain(entry.domain), []).append(entry.version)
        return imports

    @property
    def initializer_names(self) -> Iterator[str]:
        """The names of its initializers as they stand in the file, repeated ones too."""
        if self.proto is not None:
            yield from (tensor.name for tensor in self.proto.initializer)
            yield from (sparse.values.name for sparse in self.proto.sparse_initializer)

    def lookup(self, name: str) -> Value | None:
        """The value that a name means here, by the names of this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.parent
        return None


class Graph:
    """All scopes of a model, their nodes and values, and how they hang together."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scopes: list[Scope] = []
        self._source = WayBack(_copied_by_identity, lambda value: value)
        self._made = WayBack(self._shape_of_fill, self._tensor_at, self._filled)
        self._known: dict[int, Tensor] = {}
        self._answers: dict[tuple[Value, Callable[[Array], Any]], Any] = {}
        self.main = self._add(Scope("", self, proto=model.proto.graph))
        self.functions = [
            self._add(Scope(_path_of(function), self, function=function))
            for function in model.proto.functions
        ]
        pending = deque(self.scopes)
        while pending:
            scope = pending.popleft()
            _define(scope)
            pending.extend(self._add(subgraph) for subgraph in _subgraphs(scope))
        for scope in self.scopes:
            _connect(scope)

    @classmethod
    def build(cls, model: Model) -> Graph:
        """Reads the graph off a model, and keeps Python's collector from it until it is closed.

        It stays as it is, and of a million nodes every look through it takes some seconds.
        """
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return cls(model)
        finally:
            gc.freeze()
            if was_enabled:
                gc.enable()

    def close(self) -> None:
        """Lets the collector look at it again."""
        gc.unfreeze()

    def _add(self, scope: Scope) -> Scope:
        self.scopes.append(scope)
        return scope

    def nodes(self, *ops: str) -> Iterator[Node]:
        """Nodes of every scope, in the order of the file; with `ops`, those operators alone.

        Operators outside the standard domain are written `com.microsoft::FusedConv`.
        """
        if not ops:
            return (node for scope in self.scopes for node in scope.nodes)
        return (node for op in ops for node in self._nodes_by_op.get(op, ()))

    @cached_property
    def _nodes_by_op(self) -> dict[str, list[Node]]:
        groups: dict[str, list[Node]] = {}
        for node in self.nodes():
            groups.setdefault(node.op, []).append(node)
        return groups

    @property
    def ops(self) -> Iterable[str]:
        """The operators that occur anywhere in the model."""
        return self._nodes_by_op.keys()

    @cached_property
    def functions_by_name(self) -> Mapping[tuple[str, str], Scope]:
        """The model's local functions by (domain, name), the standard domain as empty string."""
        return {
            (_plain_domain(scope.function.domain), scope.function.name): scope
            for scope in self.functions
            if scope.function is not None
        }

    @cached_property
    def calls(self) -> Mapping[Scope, set[Scope]]:
        """The local functions that the main graph and each function call, subgraphs included."""
        calls: dict[Scope, set[Scope]] = {scope: set() for scope in (self.main, *self.functions)}
        for scope in self.scopes:
            callees = {node.called for node in scope.nodes}
            calls[scope.root].update(callee for callee in callees if callee is not None)
        return calls

    def values(self) -> Iterator[Value]:
        """Every value of every scope."""
        return (value for scope in self.scopes for value in scope.values.values())

    @cached_property
    def tensors(self) -> Sequence[tuple[Located, Tensor]]:
        """Every stored tensor: initializers, sparse ones, attributes, in every scope."""
        return [
            (owner, self._stored(proto))
            for scope in self.scopes
            for owner, proto in _stored_tensors(scope)
        ]

    def sparse_tensors(self) -> Iterator[tuple[Place, SparseTensorProto, Tensor]]:
        """Every stored sparse tensor, and its indices as a tensor."""
        for scope in self.scopes:
            for place, sparse in _stored_sparse_tensors(scope):
                yield place, sparse, self._stored(sparse.indices)

    def _stored(self, proto: TensorProto) -> Tensor:
        """One tensor for each message: it keeps the message, whose id so stays its own."""
        tensor = self._known.get(id(proto))
        if tensor is None:
            tensor = self._known[id(proto)] = Tensor(proto, self.model.files, tuple(proto.dims))
        return tensor

    def layers(self) -> Iterator[Node]:
        """Nodes whose operator multiplies its input with weights, learned ones as a rule."""
        return self.nodes(*LAYERS)

    @property
    def inputs(self) -> list[Value]:
        """What a caller must feed: inputs of the main graph without an initializer."""
        return [value for value in self.main.inputs if value.tensor_proto is None]

    @property
    def outputs(self) -> list[Value]:
        """Outputs of the main graph."""
        return self.main.outputs

    def source(self, value: Value) -> Value:
        """The value behind a chain of Identity nodes."""
        if value.producer is None or value.producer.op != "Identity":
            return value
        return self._source(value)

    def tensor(self, value: Value | None) -> Tensor | None:
        """The constant behind a value: initializer, Constant or ConstantOfShape, also by Identity.

        None where the value is computed, is no dense tensor, or lies inside a function whose
        attributes decide it. An initializer that a caller may override counts as constant.
        """
        if value is None:
            return None
        value = self.source(value)
        if value.tensor_proto is not None:
            return self._stored(value.tensor_proto)
        if value.producer is None or value.producer.op not in _CONSTANT_OPS:
            return None
        return self._made(value)

    def _shape_of_fill(self, value: Value) -> Value | None:
        """The shape that a value is filled in."""
        node = value.producer
        shape = node.input(0) if node is not None and node.op == "ConstantOfShape" else None
        return None if shape is None else self.source(shape)

    def _tensor_at(self, value: Value) -> Tensor | None:
        """The tensor of an initializer or a Constant."""
        node, proto = value.producer, value.tensor_proto
        if node is not None and node.op == "Constant":
            proto = _constant_proto(node)
        return None if proto is None else self._stored(proto)

    def _filled(self, value: Value, shape: Tensor | None) -> Tensor | None:
        """The tensor of a ConstantOfShape."""
        sizes = None if shape is None or shape.size > LONGEST_SHAPE else _numbers(shape)
        if sizes is None or sizes.dtype.kind not in "iu":
            return None
        dims = tuple(sizes.reshape(-1).tolist())
        if min(dims, default=0) < 0:
            return None
        node = value.producer
        proto = (node.tensor("value") if node is not None else None) or _zero()
        return Tensor(proto, self.model.files, dims, fill=True)

    def constant(self, value: Value | None) -> Array | None:
        """The numbers of a constant value.

        None where it is computed, cannot be read, or holds no real numbers but strings and such.
        Thousands of nodes may read one large constant: `ask` looks at its numbers once for all.
        """
        return _numbers(self.tensor(value))

    def ask(self, value: Value | None, question: Callable[[Array], T]) -> T | None:
        """What a function says of a constant's numbers; None where `constant` knows none.

        It is called once for each constant, however many nodes read it.
        """
        if value is None:
            return None
        key = self.source(value), question
        if key not in self._answers:
            array = self.constant(value)
            self._answers[key] = None if array is None else question(array)
        answer: T | None = self._answers[key]
        return answer

    def integers(self, value: Value | None) -> list[int] | None:
        """The constant integers that tell a shape, axes or pads; None where there are more."""
        tensor = self.tensor(value)
        numbers = None if tensor is None or tensor.size > LONGEST_SHAPE else _numbers(tensor)
        if numbers is None or numbers.dtype.kind not in "iu":
            return None
        integers: list[int] = numbers.reshape(-1).tolist()
        return integers

    def number(self, value: Value | None) -> float | None:
        """The one number of a constant value; None where it is no constant or holds several."""
        tensor = self.tensor(value)
        found = _numbers(tensor) if tensor is not None and tensor.size == 1 else None
        return None if found is None or found.size != 1 else found.item()

    def fill(self, node: Node) -> Array | None:
        """The one element that a ConstantOfShape repeats, be its shape constant or computed."""
        found = _numbers(self._stored(node.tensor("value") or _zero()))
        return None if found is None else found.reshape(-1)[:1]

    @cached_property
    def live(self) -> set[Node | Value]:
        """Every vertex that an output of the model or of one of its functions depends on.

        Raises:
            NotApplicable: nothing defines one of them, so what it needs cannot be known.
        """
        roots = (scope for scope in self.scopes if scope.owner is None)
        outputs = [value for scope in roots for value in scope.outputs]
        for value in outputs:
            if value.origin is Origin.NOTHING:
                raise NotApplicable(f"nothing defines output {value.name!r}")
        return self.ancestors(outputs)

    @cached_property
    def varying(self) -> set[Node | Value]:
        """Every vertex that depends on a model input or on chance: the others are constant.

        A call of a local function is seen from outside: the function's own vertices are not in it.
        """
        drawn = (v for node in self.nodes() if node.is_random for v in node.outputs if v)
        return self.descendants([*self.inputs, *drawn])

    def ancestors(
        self, values: Iterable[Value], *, by_numbers: bool = False, most: int | None = None
    ) -> set[Node | Value]:
        """Every vertex that the given values depend on, themselves included.

        With `by_numbers` what matters by its sizes alone is left out: nothing is looked for beyond
        Shape and Size nodes. `most` ends the search once so many are found: who asks for each of
        many nodes must not search the whole graph each time.
        """
        return _reach(values, _before, _SIZE_OPS if by_numbers else (), most)

    def descendants(
        self, values: Iterable[Value], *, by_numbers: bool = False, inside: Node | None = None
    ) -> set[Node | Value]:
        """Every vertex that depends on the given values, themselves included; as `ancestors`.

        With `inside` only those in the subgraphs of a node, at any depth.
        """
        step = _after if inside is None else partial(_after_inside, {*inside.scopes_inside})
        return _reach(values, step, _SIZE_OPS if by_numbers else ())

    @cached_property
    def crossings(self) -> Crossings:
        """Where values go in and out of subgraphs and functions, slot by slot."""
        from onnxlint.model.graph.crossings import Crossings

        return Crossings(self)

    @cached_property
    def digraph(self) -> nx.DiGraph[Node | Value]:
        """The same vertices as a networkx graph; edges point the way the data flows.

        A value read from an outer scope has an edge to the inner node. A node with subgraphs has
        edges to their inputs, and their outputs have edges to the node's outputs.
        """
        import networkx as nx

        graph: nx.DiGraph[Node | Value] = nx.DiGraph()
        graph.add_nodes_from(self.values())
        graph.add_nodes_from(self.nodes())
        for vertex in list(graph):
            for after in _after(vertex):
                ends = after[0].outputs if isinstance(after, tuple) else [after]
                graph.add_edges_from((vertex, end) for end in ends if end is not None)
        return graph

    @property
    def is_acyclic(self) -> bool:
        """Whether no value depends on itself."""
        vertices: list[_Vertex] = [*self.values(), *self.nodes()]
        vertices += [(node,) for node in self.nodes() if node.subgraphs]
        waiting = Counter(after for vertex in vertices for after in _after(vertex))
        ready = [vertex for vertex in vertices if not waiting[vertex]]
        for vertex in ready:
            for after in _after(vertex):
                waiting[after] -= 1
                if after is not None and not waiting[after]:
                    ready.append(after)
        return not any(waiting.values())

    def parts(self) -> Iterator[set[Node | Value]]:
        """What is live, as parts that share no vertex and no edge, in the order of the values."""
        live, met = self.live, set[Node | Value]()

        def beside(vertex: _Vertex) -> Collection[_Vertex]:
            near = (v for v in (*_before(vertex), *_after(vertex)) if v is not None)
            return [v for v in near if (v[0] if isinstance(v, tuple) else v) in live]

        for value in self.values():
            if value in live and value not in met:
                part = _reach([value], beside, ())
                met |= part
                yield part


_Vertex: TypeAlias = Node | Value | tuple[Node]
"""A node alone in a tuple stands for all that its subgraphs hand out: so what they hand out and
what the node gives are as many edges together, not as many times each other."""

Step: TypeAlias = Callable[[_Vertex], Collection[_Vertex | None]]


def _plain_domain(domain: str) -> str:
    return "" if domain in STANDARD_DOMAINS else domain


def _define(scope: Scope) -> None:
    """Creates the scope's nodes and the values that it defines."""
    if scope.function is not None:
        types = {info.name: info.type for info in scope.function.value_info}
        inputs = {name: types.get(name) for name in scope.function.input}
        listed, protos, output_names = (
            list(scope.function.input),
            scope.function.node,
            scope.function.output,
        )
    else:
        assert scope.proto is not None
        types = {info.name: info.type for info in scope.proto.value_info}
        inputs = {info.name: info.type for info in scope.proto.input}
        types.update({info.name: info.type for info in scope.proto.output})
        listed = [info.name for info in scope.proto.input]
        protos = scope.proto.node
        output_names = [info.name for info in scope.proto.output]
    for name in listed:
        _define_input(scope, name, inputs[name])
    _define_initializers(scope)
    for index, proto in enumerate(protos):
        node = Node(proto, index, scope)
        scope.nodes.append(node)
        for slot, name in enumerate(proto.output):
            node.outputs.append(_define_output(node, slot, name, types.get(name)))
    for name in output_names:
        scope.outputs.append(_output_value(scope, name))


def _define_input(scope: Scope, name: str, type_proto: TypeProto | None) -> None:
    if name in scope.values:
        scope.redefinitions.append(Redefinition(scope.values[name], None))
        return
    value = Value(name, scope, Origin.INPUT, type=type_proto, is_input=True)
    scope.values[name] = value
    scope.inputs.append(value)


def _define_initializers(scope: Scope) -> None:
    if scope.proto is None:
        return
    for tensor in scope.proto.initializer:
        value = scope.values.setdefault(tensor.name, Value(tensor.name, scope, Origin.INITIALIZER))
        value.origin = Origin.INITIALIZER
        value.tensor_proto = value.tensor_proto or tensor
    for sparse in scope.proto.sparse_initializer:
        name = sparse.values.name
        scope.values.setdefault(name, Value(name, scope, Origin.INITIALIZER))


def _define_output(node: Node, slot: int, name: str, type_proto: TypeProto | None) -> Value | None:
    if not name:
        return None
    value = Value(name, node.scope, Origin.NODE, node, slot, type_proto)
    if name in node.scope.values:
        node.scope.redefinitions.append(Redefinition(node.scope.values[name], node))
    else:
        node.scope.values[name] = value
    return value


def _output_value(scope: Scope, name: str) -> Value:
    """A scope's output; a subgraph may also hand out a value of the scope around it."""
    value = scope.lookup(name)
    if value is None:
        value = Value(name, scope, Origin.NOTHING)
    if value.scope is scope:
        value.is_output = True
    if scope.owner is not None:
        value.yielded_to.append(scope.owner)
    return value


def _subgraphs(scope: Scope) -> Iterator[Scope]:
    """The graphs in the attributes of a scope's nodes, and in the defaults of a function's."""
    prefix = shortened(f"{scope.path}/" if scope.path else "")
    for attribute in scope.function.attribute_proto if scope.function is not None else ():
        for branch, proto in _graphs(attribute):
            yield Scope(f"{prefix}{branch}", scope.graph, around=scope, proto=proto)
    for node in scope.nodes:
        for attribute in node.proto.attribute:
            for branch, proto in _graphs(attribute):
                label = shortened(node.name or f"{node.op_type}_{node.index}")
                subgraph = Scope(f"{prefix}{label}/{branch}", scope.graph, owner=node, proto=proto)
                node.subgraphs.append(subgraph)
                yield subgraph


def _path_of(function: FunctionProto) -> str:
    return f"function:{shortened(function.domain)}::{shortened(function.name)}"


def _graphs(attribute: AttributeProto) -> Iterator[tuple[str, GraphProto]]:
    """The graphs in an attribute, each with what it is called in the path of its scope."""
    single = [attribute.g] if attribute.HasField("g") else []
    for number, proto in enumerate([*single, *attribute.graphs]):
        yield shortened(attribute.name) + (f"[{number}]" if attribute.graphs else ""), proto


def _connect(scope: Scope) -> None:
    """Gives every node of the scope the values that it reads."""
    for node in scope.nodes:
        for name in node.proto.input:
            value = _read(scope, name) if name else None
            node.inputs.append(value)
            if value is not None:
                value.consumers.append(node)


def _read(scope: Scope, name: str) -> Value:
    value = scope.lookup(name)
    return Value(name, scope, Origin.NOTHING) if value is None else value


def _reads_ahead(node: Node, value: Value) -> bool:
    """Whether a value is produced no earlier than by the reader, seen from the value's scope."""
    if value.producer is None:
        return False
    while node.scope is not value.scope:
        if node.scope.owner is None:  # a function's default, which stands nowhere in its body
            return False
        node = node.scope.owner
    return value.producer.index >= node.index


def _reach(
    start: Iterable[_Vertex], step: Step, stop: Collection[str], most: int | None = None
) -> set[Node | Value]:
    reached: set[_Vertex | None] = set(start)
    pending = list(reached)
    reached.add(None)  # what stands in an omitted slot leads nowhere
    while pending and (most is None or len(reached) < most):
        current = pending.pop()
        if current is None or (stop and isinstance(current, Node) and current.op in stop):
            continue
        for vertex in step(current):
            if vertex not in reached:
                reached.add(vertex)
                pending.append(vertex)
    reached.discard(None)
    reached.difference_update([vertex for vertex in reached if type(vertex) is tuple])
    return reached  # type: ignore[return-value]


def _after(vertex: _Vertex) -> Collection[_Vertex | None]:
    """The vertices that data flows to."""
    if isinstance(vertex, Value):
        if not vertex.yielded_to:
            return vertex.consumers
        return [*vertex.consumers, *((owner,) for owner in vertex.yielded_to)]
    if isinstance(vertex, tuple):
        return vertex[0].outputs
    if not vertex.subgraphs:
        return vertex.outputs
    return [*vertex.outputs, *(each for inner in vertex.subgraphs for each in inner.inputs)]


def _after_inside(scopes: set[Scope], vertex: _Vertex) -> Collection[_Vertex | None]:
    """Those of them that stand in these scopes."""
    return [
        after
        for after in _after(vertex)
        if after is not None and (after[0] if isinstance(after, tuple) else after).scope in scopes
    ]


def _before(vertex: _Vertex) -> Collection[_Vertex | None]:
    """The vertices that data comes from."""
    if isinstance(vertex, Node):
        return vertex.inputs
    if isinstance(vertex, tuple):
        return [value for subgraph in vertex[0].subgraphs for value in subgraph.outputs]
    if vertex.producer is not None:
        maker = vertex.producer
        return [maker, (maker,)] if maker.subgraphs else [maker]
    if vertex.is_input and vertex.scope.owner is not None:
        return [vertex.scope.owner]
    return ()


def attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    """The tensors in an attribute, the parts of sparse ones included, those of subgraphs not."""
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    for sparse in _sparse_tensors(attribute):
        yield from (sparse.values, sparse.indices)


def _sparse_tensors(attribute: AttributeProto) -> Iterator[SparseTensorProto]:
    if attribute.HasField("sparse_tensor"):
        yield attribute.sparse_tensor
    yield from attribute.sparse_tensors


def _attributes(scope: Scope) -> Iterator[tuple[Located, AttributeProto]]:
    """The attributes of a scope's nodes, and the defaults of a function, with their owners."""
    if scope.function is not None:
        yield from ((scope, attribute) for attribute in scope.function.attribute_proto)
    for node in scope.nodes:
        yield from ((node, attribute) for attribute in node.proto.attribute)


def _stored_tensors(scope: Scope) -> Iterator[tuple[Located, TensorProto]]:
    if scope.proto is not None:
        for tensor in scope.proto.initializer:
            yield scope.values[tensor.name], tensor
        for sparse in scope.proto.sparse_initializer:
            value = scope.values[sparse.values.name]
            yield from ((value, part) for part in (sparse.values, sparse.indices))
    for owner, attribute in _attributes(scope):
        yield from ((owner, tensor) for tensor in attribute_tensors(attribute))


def _stored_sparse_tensors(scope: Scope) -> Iterator[tuple[Place, SparseTensorProto]]:
    if scope.proto is not None:
        for sparse in scope.proto.sparse_initializer:
            yield Place(scope=scope.path, value=shortened(sparse.values.name)), sparse
    for owner, attribute in _attributes(scope):
        yield from ((owner.place, sparse) for sparse in _sparse_tensors(attribute))


def _attribute_value(attribute: AttributeProto, default: Any) -> Any:
    from onnx.helper import get_attribute_value

    try:
        value = get_attribute_value(attribute)
    except ValueError:  # a type that this onnx does not know
        return default
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    fits = default is None or isinstance(value, type(default))
    return value if fits else default


def _copied_by_identity(value: Value) -> Value | None:
    node = value.producer
    return node.input(0) if node is not None and node.op == "Identity" else None


def _constant_proto(node: Node) -> TensorProto | None:
    """The tensor that a Constant node spells in one of its seven ways."""
    import numpy as np
    from onnx import AttributeProto, numpy_helper

    tensor = node.tensor("value")
    if tensor is not None:
        return tensor
    kinds = {"value_float": ("float32", AttributeProto.FLOAT),
             "value_floats": ("float32", AttributeProto.FLOATS),
             "value_int": ("int64", AttributeProto.INT),
             "value_ints": ("int64", AttributeProto.INTS)}  # fmt: skip
    types = {a.name: a.type for a in node.proto.attribute if not a.ref_attr_name}
    for name, (dtype, attribute_type) in kinds.items():
        if types.get(name) == attribute_type:
            return numpy_helper.from_array(np.asarray(node.attribute(name), dtype))
    return None


def _numbers(tensor: Tensor | None) -> Array | None:
    """The elements of a tensor that can be read, if they are real numbers."""
    if tensor is None or (tensor.fill and tensor.size > LARGEST_FILL):
        return None
    try:
        array = tensor.array()
    except TensorError:
        return None
    return None if array.dtype.kind in "OSUc" else array


@cache
def _zero() -> TensorProto:
    """What a ConstantOfShape without a value repeats."""
    from onnx import TensorProto

    return TensorProto(data_type=TensorProto.FLOAT, dims=[1], float_data=[0.0])
