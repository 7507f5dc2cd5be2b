"""What a graph is made of: values, nodes, and the scopes that they stand in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from sys import intern
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from onnxlint.model.file.load import Model
from onnxlint.model.graph.exporter_metadata import module_path, source_line
from onnxlint.model.graph.operator_schemas import attribute_types
from onnxlint.model.graph.operators import RANDOM_OPS, SHAPE_SLOTS
from onnxlint.model.graph.place import Place, shortened

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto, TypeProto

FEW = 24
"""Inputs or attributes that are searched one by one; of more, a table is made. onnx has no operator
of as many attributes, and few nodes have as many inputs."""

STANDARD_DOMAINS = ("", "ai.onnx")
"""Both spell the default operator set."""


class Origin(StrEnum):
    """What defines a value."""

    INPUT = "input"
    INITIALIZER = "initializer"
    NODE = "node"
    NOTHING = "nothing"


class Value(Struct, eq=False):
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


class Node(Struct, eq=False):
    """A node of a scope; `index` counts from 0 in the order of the file.

    `inputs` and `outputs` keep their slots: an omitted optional one is `None`. `name` may be empty
    and need not be unique. `domain` is empty for the standard one, and `op` the operator with its
    domain: `Conv`, `com.microsoft::FusedConv`. `attribute_list` are its attributes as they stand in
    the file, one name maybe twice.
    """

    proto: NodeProto
    index: int
    scope: Scope
    inputs: list[Value | None] = field(default_factory=list)
    outputs: list[Value | None] = field(default_factory=list)
    subgraphs: list[Scope] = field(default_factory=list)
    name: str = ""
    domain: str = ""
    op_type: str = ""
    op: str = ""
    attribute_list: tuple[AttributeProto, ...] = ()
    _many: dict[str, AttributeProto] | None = None
    _slots: dict[Value, list[int]] | None = None
    _source: tuple[str | None, ...] | None = None

    def __post_init__(self) -> None:
        proto = self.proto
        self.name, self.op_type, domain = proto.name, intern(proto.op_type), proto.domain
        self.op = self.op_type
        if domain and (plain := plain_domain(domain)):
            self.domain, self.op = plain, intern(f"{plain}::{self.op_type}")
        self.attribute_list = tuple(proto.attribute)

    @property
    def is_random(self) -> bool:
        """Whether its operator may give another result at every run on the same input."""
        return self.op in RANDOM_OPS

    @property
    def opset(self) -> int:
        """The version of its domain that its scope imports; 1 where it imports none."""
        return self.scope.opsets.get(self.domain, 1)

    @property
    def called(self) -> Scope | None:
        """The local function of the model that it calls."""
        functions = self.scope.shared.functions
        return functions.get((self.domain, self.op_type)) if functions else None

    @property
    def owners(self) -> Iterator[Node]:
        """The nodes in whose subgraphs it stands, the innermost first."""
        owner = self.scope.owner
        while owner is not None:
            yield owner
            owner = owner.scope.owner

    @property
    def scopes_inside(self) -> Sequence[Scope]:
        """Its subgraphs, and theirs."""
        return _with_nested(self.subgraphs)

    def input(self, slot: int) -> Value | None:
        """The value in an input slot, or None where it is omitted."""
        return self.inputs[slot] if slot < len(self.inputs) else None

    @property
    def shape_inputs(self) -> Sequence[Value | None]:
        """The inputs whose elements decide the shape of the output."""
        return [self.input(slot) for slot in SHAPE_SLOTS.get(self.op, ())]

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
        return {attribute.name: attribute for attribute in self.attribute_list}

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a plain Python value (int, float, str, list, TensorProto …).

        `default` where it is absent, refers to a function's attribute, or is of another type than
        the default or the operator's schema.
        """
        found = self._named(name) if self.attribute_list else None
        if found is None or found.ref_attr_name:
            return default
        known = self._attribute_types.get(name)
        fits = known is None or found.type == known
        return attribute_value(found, default) if fits else default

    def _named(self, name: str) -> AttributeProto | None:
        """The attribute of the name; of several the first that refers to no other one."""
        attributes = self.attribute_list
        if len(attributes) <= FEW:
            first = None
            for attribute in attributes:
                if attribute.name == name:
                    if not attribute.ref_attr_name:
                        return attribute
                    first = first or attribute
            return first
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
        is_list = isinstance(found, list) and {*map(type, found)} <= {int}
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
            module, line = module_path(self.name, metadata), source_line(metadata)
            told = (module, None, None) if line is None else (module, str(line), line.path)
            self._source = tuple(part and shortened(part) for part in told)
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


class Redefinition(Struct, frozen=True):
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


class ModelScopes:
    """What every scope of a model can look up: the file, its main graph, its local functions.

    Functions go by (domain, name), the standard domain as empty string.
    """

    main: Scope

    def __init__(self, model: Model) -> None:
        self.model = model
        self.functions: dict[tuple[str, str], Scope] = {}


class Scope(Struct, eq=False, dict=True):
    """The main graph (`path` empty), a subgraph of a node, or the body of a local function.

    Also a graph that is the default of a function's attribute: no node owns it, but `around` it is
    the function.
    """

    path: str
    shared: ModelScopes
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
    def nested(self) -> Sequence[Scope]:
        """The scope and the subgraphs inside it, breadth first."""
        return _with_nested([self])

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
        main = self.shared.main
        if self is not main and not self.imports:
            return main.opsets
        standard = {"": 1} if self.shared.model.proto.ir_version < 3 else {}
        return standard | {domain: versions[-1] for domain, versions in self.imports.items()}

    @cached_property
    def imports(self) -> Mapping[str, list[int]]:
        """The imports that stand in the file, of the model or of a function: versions by domain."""
        source = self.function if self.function is not None else self.shared.model.proto
        imports: dict[str, list[int]] = {}
        for entry in source.opset_import:
            imports.setdefault(plain_domain(entry.domain), []).append(entry.version)
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


def plain_domain(domain: str) -> str:
    """A domain; the standard one, which has two spellings, as empty string."""
    return "" if domain in STANDARD_DOMAINS else domain


def _with_nested(scopes: Iterable[Scope]) -> Sequence[Scope]:
    found = list(scopes)
    for scope in found:
        found.extend(inner for node in scope.nodes for inner in node.subgraphs)
    return found


def _reads_ahead(node: Node, value: Value) -> bool:
    """Whether a value is produced no earlier than by the reader, seen from the value's scope."""
    if value.producer is None:
        return False
    while node.scope is not value.scope:
        if node.scope.owner is None:  # a function's default, which stands nowhere in its body
            return False
        node = node.scope.owner
    return value.producer.index >= node.index


_FIELDS = {
    0: ("", False), 1: ("f", False), 2: ("i", False), 3: ("s", False), 4: ("t", False),
    5: ("g", False), 6: ("floats", True), 7: ("ints", True), 8: ("strings", True),
    9: ("tensors", True), 10: ("graphs", True), 11: ("sparse_tensor", False),
    12: ("sparse_tensors", True), 13: ("tp", False), 14: ("type_protos", True),
}  # fmt: skip
"""The field that holds the value of each type of attribute, by the type's number; whether it is a
list. Onnx's own helper compares all types one by one."""


def attribute_value(attribute: AttributeProto, default: Any) -> Any:
    """A plain Python value of an attribute; `default` where it is of another type."""
    if attribute.ref_attr_name or attribute.type not in _FIELDS:  # maybe of a newer onnx
        return default
    field, is_list = _FIELDS[attribute.type]
    value: Any = getattr(attribute, field) if field else None
    if is_list:
        value = list(value)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    fits = default is None or isinstance(value, type(default))
    return value if fits else default
