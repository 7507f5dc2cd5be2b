"""Systematic damage to models: each kind is a small function that yields mutants.

A kind gets a `Draft` maker and walks over what the model has: nodes, inputs, outputs, initializers,
declared types, attributes, imports, functions, tensors. Each mutant says what was done and
`where`: the places at which a finding counts as right. A finding is right there if it stands

- at a node that was changed, or that reads, makes or hands out a name that was changed;
- at such a name, in the scope that defines or reads it;
- at the scope itself where the scope's own lists were changed, and at the node that owns it or the
  nodes that call it;
- after a change of a type or a shape also at a node downstream, as the contradiction shows where
  the types meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, TypeProto

FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9

Spot = tuple[str, int | None, str | None]
"""Scope, node index, value; a node's spot has no value and a scope's has neither."""


@dataclass(frozen=True)
class Mutant:
    """A damaged model, and where the damage may be reported."""

    kind: str
    detail: str
    model: ModelProto
    where: frozenset[Spot]


@dataclass
class Body:
    """A graph or a function's body with its path; `around` is the scope it stands in."""

    path: str
    proto: Any
    number: int
    around: Body | None = None
    owner: int | None = None
    inner: list[Body] = field(default_factory=list)

    @property
    def is_function(self) -> bool:
        return self.path.startswith("function:") and self.around is None

    @property
    def nodes(self) -> Any:
        return self.proto.node

    @property
    def input_names(self) -> list[str]:
        return list(self.proto.input) if self.is_function else [v.name for v in self.proto.input]

    @property
    def output_names(self) -> list[str]:
        return list(self.proto.output) if self.is_function else [v.name for v in self.proto.output]

    @property
    def initializer_names(self) -> list[str]:
        if self.is_function:
            return []
        sparse = [tensor.values.name for tensor in self.proto.sparse_initializer]
        return [tensor.name for tensor in self.proto.initializer] + sparse

    def tree(self) -> Iterator[Body]:
        """Itself and all scopes in it."""
        yield self
        for body in self.inner:
            yield from body.tree()

    @property
    def root(self) -> Body:
        return self if self.around is None else self.around.root


class Draft:
    """A copy of a model that may be damaged, and its scopes."""

    def __init__(self, model: ModelProto) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(model)
        self.bodies: list[Body] = []
        self._add("", self.model.graph)
        for function in self.model.functions:
            self._add(f"function:{function.domain}::{function.name}", function)

    def _add(self, path: str, proto: Any, around: Body | None = None, owner: int = 0) -> None:
        body = Body(path, proto, len(self.bodies), around, owner if around else None)
        self.bodies.append(body)
        if around is not None:
            around.inner.append(body)
        prefix = f"{path}/" if path else ""
        for index, node in enumerate(proto.node):
            label = node.name or f"{node.op_type}_{index}"
            for attribute in node.attribute:
                single = [attribute.g] if attribute.HasField("g") else []
                for number, graph in enumerate([*single, *attribute.graphs]):
                    branch = attribute.name + (f"[{number}]" if attribute.graphs else "")
                    self._add(f"{prefix}{label}/{branch}", graph, body, index)

    def mutant(self, detail: str, *where: Iterable[Spot]) -> tuple[str, ModelProto, set[Spot]]:
        """The draft as a mutant; `where` is joined."""
        return detail, self.model, {spot for spots in where for spot in spots}

    def again(self) -> Draft:
        """The damaged model's scopes, read anew: the spots are looked for in it."""
        return Draft(self.model)


def spots_of(body: Body, names: Iterable[str]) -> set[Spot]:
    """Where names of a scope stand: there, and in all scopes that see the same names."""
    wanted = set(names) - {""}
    found: set[Spot] = set()
    for scope in body.root.tree():
        listed = {*scope.input_names, *scope.output_names, *scope.initializer_names}
        found |= {(scope.path, None, name) for name in wanted & listed}
        for index, node in enumerate(scope.nodes):
            for name in wanted.intersection((*node.input, *node.output)):
                found |= {(scope.path, index, None), (scope.path, None, name)}
    return found


def node_spot(body: Body, index: int) -> set[Spot]:
    """A node, and the nodes that own the scopes around it: inference fails there, too."""
    return {(body.path, index, None)}


def owner_spots(draft: Draft, body: Body) -> set[Spot]:
    """The scope itself, its owner, or the nodes that call the function."""
    found: set[Spot] = {(body.path, None, None)}
    if body.around is not None and body.owner is not None:
        found.add((body.around.path, body.owner, None))
    if body.is_function:
        called = (body.proto.domain, body.proto.name)
        for scope in draft.bodies:
            for index, node in enumerate(scope.nodes):
                if (node.domain, node.op_type) == called:
                    found.add((scope.path, index, None))
    return found


def downstream(draft: Draft, body: Body, names: Iterable[str]) -> set[Spot]:
    """Every node that depends on a name, through calls and subgraphs, and what it makes."""
    found: set[Spot] = set()
    pending = [(body, name) for name in names if name]
    seen = set()
    while pending:
        scope, name = pending.pop()
        if (scope.path, name) in seen:
            continue
        seen.add((scope.path, name))
        found.add((scope.path, None, name))
        for reader in scope.tree():
            for index, node in enumerate(reader.nodes):
                if name in node.input:
                    found.add((reader.path, index, None))
                    pending += [(reader, output) for output in node.output]
                    pending += _into(draft, reader, index, node)
            captures = reader is not scope and _uses(reader, name)
            if name in reader.output_names or captures:
                for outer, index in _owners(draft, reader):
                    found.add((outer.path, index, None))
                    pending += [(outer, output) for output in outer.nodes[index].output]
    return found


def _uses(body: Body, name: str) -> bool:
    return any(name in node.input for node in body.nodes) or name in body.output_names


def _into(draft: Draft, body: Body, index: int, node: NodeProto) -> list[tuple[Body, str]]:
    """The inputs of what a node owns or calls."""
    inner = [scope for scope in body.inner if scope.owner == index]
    called = (node.domain, node.op_type)
    inner += [b for b in draft.bodies if b.is_function and (b.proto.domain, b.proto.name) == called]
    return [(scope, name) for scope in inner for name in scope.input_names]


def _owners(draft: Draft, body: Body) -> Iterator[tuple[Body, int]]:
    """The owner of a scope, or the callers of a function: what enters or leaves it meets there."""
    for path, index, _ in owner_spots(draft, body):
        if index is not None:
            yield next(b for b in draft.bodies if b.path == path), index


SITES = 8
"""Of a large scope so many nodes, values and tensors are damaged, evenly spread over it."""


def some(count: int) -> range:
    """The positions of a list that are damaged."""
    return range(0, count, max(1, -(-count // SITES)))


Yielded = Iterator[tuple[str, ModelProto, set[Spot]]]
Kind = Callable[[ModelProto], Yielded]

KINDS: dict[str, Kind] = {}


def kind(function: Kind) -> Kind:
    """Registers a kind of damage under the function's name."""
    KINDS[function.__name__] = function
    return function


UNHURT = "unhurt"
"""The kind of the one mutant that is the model itself."""


def mutants(model: ModelProto, kinds: Iterable[str]) -> Iterator[Mutant]:
    """The model itself, then every mutant of it that these kinds make."""
    yield Mutant(UNHURT, "", model, frozenset())
    for name in kinds:
        for detail, damaged, where in KINDS[name](model):
            yield Mutant(name, detail, damaged, frozenset(where))


# The model


def _everywhere_of_domain(draft: Draft, domains: Iterable[str]) -> set[Spot]:
    """The model, and the nodes of the domains that an import gives a meaning."""
    wanted = {"" if domain == "ai.onnx" else domain for domain in domains}
    found: set[Spot] = {("", None, None)}
    for body in draft.bodies:
        for index, node in enumerate(body.nodes):
            if ("" if node.domain == "ai.onnx" else node.domain) in wanted:
                found.add((body.path, index, None))
                found |= {(body.path, None, name) for name in node.output}
    return found


@kind
def ir_version(model: ModelProto) -> Yielded:
    for version in (None, -1, 0, 1, 2, 3, 9999):
        draft = Draft(model)
        if version is None:
            draft.model.ClearField("ir_version")
        else:
            draft.model.ir_version = version
        bodies = draft.bodies if version else ()
        initializers = (spots_of(body, body.initializer_names) for body in bodies)
        yield draft.mutant(str(version), {("", None, None)}, *initializers)


@kind
def no_graph(model: ModelProto) -> Yielded:
    draft = Draft(model)
    draft.model.ClearField("graph")
    yield draft.mutant("", {("", None, None)})


@kind
def graph_name(model: ModelProto) -> Yielded:
    for number, body in enumerate(Draft(model).bodies):
        if not body.is_function:
            draft = Draft(model)
            draft.bodies[number].proto.ClearField("name")
            yield draft.mutant(body.path, owner_spots(draft, draft.bodies[number]))


@kind
def drop_import(model: ModelProto) -> Yielded:
    for number, entry in enumerate(model.opset_import):
        draft = Draft(model)
        del draft.model.opset_import[number]
        yield draft.mutant(entry.domain, _everywhere_of_domain(draft, [entry.domain]))
    draft = Draft(model)
    del draft.model.opset_import[:]
    yield draft.mutant("all", _everywhere_of_domain(draft, [e.domain for e in model.opset_import]))


@kind
def change_import(model: ModelProto) -> Yielded:
    for number, entry in enumerate(model.opset_import):
        for version in (-1, 0, 1, 5, 9, 12, 9999):
            draft = Draft(model)
            draft.model.opset_import[number].version = version
            where = _everywhere_of_domain(draft, [entry.domain])
            yield draft.mutant(f"{entry.domain} {version}", where)
        draft = Draft(model)
        draft.model.opset_import[number].domain = "elsewhere"
        yield draft.mutant(f"{entry.domain} renamed", _everywhere_of_domain(draft, [entry.domain]))


@kind
def duplicate_import(model: ModelProto) -> Yielded:
    for entry in model.opset_import:
        for version in (1, 13):
            draft = Draft(model)
            draft.model.opset_import.add(domain=entry.domain, version=version)
            where = _everywhere_of_domain(draft, [entry.domain])
            yield draft.mutant(f"{entry.domain} {version}", where)


@kind
def metadata(model: ModelProto) -> Yielded:
    draft = Draft(model)
    draft.model.metadata_props.add(key="twice", value="1")
    draft.model.metadata_props.add(key="twice", value="2")
    yield draft.mutant("twice", {("", None, None)})
    draft = Draft(model)
    draft.model.metadata_props.add(value="1")
    yield draft.mutant("no key", {("", None, None)})


# Nodes


def _nodes(model: ModelProto) -> Iterator[tuple[Draft, Body, int]]:
    """A fresh draft for every node of every scope."""
    for number, body in enumerate(Draft(model).bodies):
        for index in some(len(body.nodes)):
            draft = Draft(model)
            yield draft, draft.bodies[number], index


def _same(draft: Draft, body: Body) -> tuple[Draft, Body]:
    """The damaged model read anew, and the same scope of it."""
    again = draft.again()
    return again, next((b for b in again.bodies if b.path == body.path), again.bodies[0])


def _around_node(draft: Draft, body: Body, index: int, *names: str) -> set[Spot]:
    """A changed node, the names that it has and had, and what hangs on its types."""
    again, scope = _same(draft, body)
    node = scope.nodes[index]
    changed = {*node.input, *node.output, *names}
    inner = [b for b in scope.inner if b.owner == index]
    within = {
        spot
        for part in inner
        for b in part.tree()
        for spot in ({(b.path, None, None)} | {(b.path, i, None) for i in range(len(b.nodes))})
    }
    return (
        node_spot(scope, index)
        | spots_of(scope, {*node.output, *names})
        | {(scope.path, None, name) for name in changed}
        | downstream(again, scope, {*node.output, *names})
        | within
    )


@kind
def drop_node(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        node = body.nodes[index]
        names = list(node.output)
        detail = f"{body.path} {index} {node.op_type}"
        del body.nodes[index]
        again, scope = _same(draft, body)
        where = spots_of(scope, names)
        if not scope.nodes:
            where |= owner_spots(again, scope)
        yield draft.mutant(detail, where)


@kind
def duplicate_node(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        copy = NodeProto()
        copy.CopyFrom(body.nodes[index])
        body.nodes.append(copy)
        scope = _same(draft, body)[1]
        yield draft.mutant(f"{body.path} {index}", spots_of(scope, copy.output))


@kind
def swap_nodes(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        if index:
            order = list(body.nodes)
            order[index - 1], order[index] = order[index], order[index - 1]
            copies = [NodeProto.FromString(node.SerializeToString()) for node in order]
            del body.nodes[:]
            body.nodes.extend(copies)
            scope = _same(draft, body)[1]
            made = {name for i in (index - 1, index) for name in scope.nodes[i].output}
            yield draft.mutant(f"{body.path} {index}", spots_of(scope, made))


@kind
def change_operator(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        for op_type in ("", "Nonsense", "Relu", "Add", "Identity", "Constant", "If", "Concat"):
            fresh = Draft(draft.model)
            scope = fresh.bodies[body.number]
            scope.nodes[index].op_type = op_type
            detail = f"{body.path} {index} {op_type or 'empty'}"
            yield fresh.mutant(detail, _around_node(fresh, scope, index))


@kind
def change_domain(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        for domain in ("ai.onnx", "ai.onnx.ml", "com.microsoft", "elsewhere", ""):
            if body.nodes[index].domain == domain:
                continue
            fresh = Draft(draft.model)
            scope = fresh.bodies[body.number]
            scope.nodes[index].domain = domain
            detail = f"{body.path} {index} {domain or 'empty'}"
            yield fresh.mutant(detail, _around_node(fresh, scope, index))


def _slots(model: ModelProto, side: str) -> Iterator[tuple[Draft, Body, int, int]]:
    """A fresh draft for the inputs or outputs of the nodes."""
    for number, body in enumerate(Draft(model).bodies):
        for index in some(len(body.nodes)):
            for slot in some(len(getattr(body.nodes[index], side))):
                draft = Draft(model)
                yield draft, draft.bodies[number], index, slot


def _drop_slot(side: str) -> Kind:
    def drop(model: ModelProto) -> Yielded:
        for draft, body, index, slot in _slots(model, side):
            names = getattr(body.nodes[index], side)
            name = names[slot]
            del names[slot]
            yield draft.mutant(
                f"{body.path} {index} {slot}", _around_node(draft, body, index, name)
            )

    return drop


def _set_slot(side: str, new: str) -> Kind:
    def rename(model: ModelProto) -> Yielded:
        for draft, body, index, slot in _slots(model, side):
            names = getattr(body.nodes[index], side)
            name = names[slot]
            names[slot] = new
            yield draft.mutant(
                f"{body.path} {index} {slot}", _around_node(draft, body, index, name, new)
            )

    return rename


def _append_slot(side: str, new: str) -> Kind:
    def append(model: ModelProto) -> Yielded:
        for draft, body, index in _nodes(model):
            getattr(body.nodes[index], side).append(new)
            yield draft.mutant(f"{body.path} {index}", _around_node(draft, body, index, new))

    return append


for _side in ("input", "output"):
    KINDS[f"drop_node_{_side}"] = _drop_slot(_side)
    KINDS[f"rename_node_{_side}"] = _set_slot(_side, "renamed")
    KINDS[f"empty_node_{_side}"] = _set_slot(_side, "")
    KINDS[f"append_node_{_side}"] = _append_slot(_side, "appended")
    KINDS[f"append_empty_node_{_side}"] = _append_slot(_side, "")


@kind
def swap_inputs(model: ModelProto) -> Yielded:
    for draft, body, index, slot in _slots(model, "input"):
        names = body.nodes[index].input
        if slot and names[slot] != names[slot - 1]:
            names[slot], names[slot - 1] = names[slot - 1], names[slot]
            where = _around_node(draft, body, index, *names)
            yield draft.mutant(f"{body.path} {index} {slot}", where)


@kind
def read_own_output(model: ModelProto) -> Yielded:
    for draft, body, index, slot in _slots(model, "input"):
        node = body.nodes[index]
        made = [name for name in node.output if name]
        if made:
            node.input[slot] = made[0]
            where = node_spot(body, index)
            yield draft.mutant(f"{body.path} {index} {slot}", where)


@kind
def write_known_name(model: ModelProto) -> Yielded:
    """An output takes a name that stands already: in its own scope or around it."""
    for draft, body, index, slot in _slots(model, "output"):
        node = body.nodes[index]
        old = node.output[slot]
        known: list[str] = []
        scope: Body | None = body
        while scope is not None:
            known += [*scope.input_names[:1], *scope.initializer_names[:1]]
            known += [n for other in scope.nodes[:1] for n in other.output if n != old][:1]
            scope = scope.around
        for name in dict.fromkeys(n for n in known if n and n != old):
            fresh = Draft(draft.model)
            place = fresh.bodies[body.number]
            place.nodes[index].output[slot] = name
            where = _around_node(fresh, place, index, name, old)
            yield fresh.mutant(f"{body.path} {index} {slot} {name}", where)


# Attributes


def _attributes(model: ModelProto) -> Iterator[tuple[Draft, Body, int, AttributeProto]]:
    for number, body in enumerate(Draft(model).bodies):
        for index in some(len(body.nodes)):
            for slot in range(len(body.nodes[index].attribute)):
                draft = Draft(model)
                fresh = draft.bodies[number]
                yield draft, fresh, index, fresh.nodes[index].attribute[slot]


def _damage_attribute(change: Callable[[AttributeProto], bool | None]) -> Kind:
    """A kind that changes each attribute; the change returns False where it does not apply."""

    def damage(model: ModelProto) -> Yielded:
        for draft, body, index, attribute in _attributes(model):
            inner = _under(body, index)
            if change(attribute) is not False:
                where = _around_node(draft, body, index) | inner
                yield draft.mutant(f"{body.path} {index} {attribute.name}", where)

    return damage


def _under(body: Body, index: int) -> set[Spot]:
    """The scopes that a node owned before the change."""
    return {(b.path, None, None) for b in body.inner if b.owner == index}


def _nameless(attribute: AttributeProto) -> None:
    attribute.ClearField("name")


def _renamed(attribute: AttributeProto) -> None:
    attribute.name = "renamed"


def _typeless(attribute: AttributeProto) -> None:
    attribute.ClearField("type")


def _foreign_type(attribute: AttributeProto) -> None:
    attribute.type = 2 if attribute.type != 2 else 3  # type: ignore[assignment]


def _other_value(attribute: AttributeProto) -> None:
    values = [f.name for f, _ in attribute.ListFields() if f.name not in ("name", "type")]
    for name in values:
        attribute.ClearField(name)  # type: ignore[arg-type]
    attribute.type = AttributeProto.FLOAT if attribute.type != 1 else AttributeProto.STRING
    attribute.f, attribute.s = (1.5, b"") if attribute.type == 1 else (0.0, b"text")
    attribute.ClearField("s" if attribute.type == 1 else "f")


def _second_value(attribute: AttributeProto) -> None:
    if attribute.type == AttributeProto.INT:
        attribute.f = 1.5
    else:
        attribute.i = 7


def _no_value(attribute: AttributeProto) -> bool:
    values = [f.name for f, _ in attribute.ListFields() if f.name not in ("name", "type")]
    for name in values:
        attribute.ClearField(name)  # type: ignore[arg-type]
    return bool(values)


def _reference(attribute: AttributeProto) -> None:
    _no_value(attribute)
    attribute.ref_attr_name = "somewhere"


def _reference_beside(attribute: AttributeProto) -> None:
    attribute.ref_attr_name = "somewhere"


def _negative(attribute: AttributeProto) -> bool:
    if attribute.type == AttributeProto.INT:
        attribute.i = -99
    elif attribute.type == AttributeProto.INTS and attribute.ints:
        attribute.ints[0] = -99
    else:
        return False
    return True


def _huge(attribute: AttributeProto) -> bool:
    if attribute.type == AttributeProto.INT:
        attribute.i = 999
    elif attribute.type == AttributeProto.INTS and attribute.ints:
        attribute.ints[-1] = 999
    else:
        return False
    return True


def _shorter(attribute: AttributeProto) -> bool:
    for name in ("ints", "floats", "strings", "graphs", "tensors"):
        values = getattr(attribute, name)
        if values:
            del values[-1]
            return True
    return False


def _longer(attribute: AttributeProto) -> bool:
    for name in ("ints", "floats", "strings"):
        values = getattr(attribute, name)
        if values:
            values.append(values[0])
            return True
    return False


def _other_text(attribute: AttributeProto) -> bool:
    if attribute.type == AttributeProto.STRING:
        attribute.s = b"nonsense"
        return True
    return False


for _change in (
    _nameless, _renamed, _typeless, _foreign_type, _other_value, _second_value, _no_value,
    _reference, _reference_beside, _negative, _huge, _shorter, _longer, _other_text,
):  # fmt: skip
    KINDS[f"attribute{_change.__name__}"] = _damage_attribute(_change)


@kind
def drop_attribute(model: ModelProto) -> Yielded:
    for draft, body, index, attribute in _attributes(model):
        name = attribute.name
        inner = _under(body, index)
        body.nodes[index].attribute.remove(attribute)
        where = _around_node(draft, body, index) | inner
        yield draft.mutant(f"{body.path} {index} {name}", where)


@kind
def duplicate_attribute(model: ModelProto) -> Yielded:
    for draft, body, index, attribute in _attributes(model):
        body.nodes[index].attribute.append(AttributeProto.FromString(attribute.SerializeToString()))
        yield draft.mutant(
            f"{body.path} {index} {attribute.name}", _around_node(draft, body, index)
        )


@kind
def unknown_attribute(model: ModelProto) -> Yielded:
    for draft, body, index in _nodes(model):
        body.nodes[index].attribute.add(name="unheard_of", i=1, type=AttributeProto.INT)
        yield draft.mutant(f"{body.path} {index}", node_spot(body, index))


# Declared types: inputs, outputs, value_info


def _declared(model: ModelProto, listed: str) -> Iterator[tuple[Draft, Body, int]]:
    for number, body in enumerate(Draft(model).bodies):
        if not (body.is_function and listed != "value_info"):
            for position in some(len(getattr(body.proto, listed))):
                draft = Draft(model)
                yield draft, draft.bodies[number], position


def _around_name(draft: Draft, body: Body, *names: str) -> set[Spot]:
    """A declared name: whoever reads or makes it, what follows from it, and the scope's owner."""
    again, scope = _same(draft, body)
    outer = owner_spots(again, scope) if scope.around is not None or scope.is_function else set()
    outer |= {
        spot
        for path, index, _ in outer
        if index is not None
        for b in again.bodies
        if b.path == path
        for spot in downstream(again, b, b.nodes[index].output)
    }
    named = {(scope.path, None, name) for name in names}
    return spots_of(scope, names) | downstream(again, scope, names) | outer | named


def _listed(listed: str, change: Callable[[Any, int], Iterable[str] | None]) -> Kind:
    """A kind that changes a list of declared values at each position; None: does not apply."""

    def damage(model: ModelProto) -> Yielded:
        for draft, body, position in _declared(model, listed):
            values = getattr(body.proto, listed)
            old = values[position].name
            names = change(values, position)
            if names is not None:
                where = _around_name(draft, body, old, *names)
                if "" in names:
                    where.add((body.path, None, None))
                yield draft.mutant(f"{body.path} {old}", where)

    return damage


def _drop(values: Any, position: int) -> Iterable[str]:
    del values[position]
    return ()


def _duplicate(values: Any, position: int) -> Iterable[str]:
    values.add().CopyFrom(values[position])
    return ()


def _rename(values: Any, position: int) -> Iterable[str]:
    values[position].name = "renamed"
    return ("renamed",)


def _unname(values: Any, position: int) -> Iterable[str]:
    values[position].ClearField("name")
    return ("",)


def _untype(values: Any, position: int) -> Iterable[str]:
    values[position].ClearField("type")
    return ()


def _empty_type(values: Any, position: int) -> Iterable[str]:
    values[position].type.CopyFrom(TypeProto())
    return ()


def _tensor(values: Any, position: int) -> Any | None:
    """The tensor type at a position, inside sequences and optionals too."""
    found = values[position].type
    while found.WhichOneof("value") in ("sequence_type", "optional_type"):
        found = getattr(found, found.WhichOneof("value")).elem_type
    return found.tensor_type if found.HasField("tensor_type") else None


def _on_tensor(change: Callable[[Any], bool | None]) -> Callable[[Any, int], Iterable[str] | None]:
    def apply(values: Any, position: int) -> Iterable[str] | None:
        tensor = _tensor(values, position)
        return None if tensor is None or change(tensor) is False else ()

    apply.__name__ = change.__name__
    return apply


@_on_tensor
def _undefined_type(tensor: Any) -> None:
    tensor.elem_type = 0


@_on_tensor
def _no_element_type(tensor: Any) -> None:
    tensor.ClearField("elem_type")


@_on_tensor
def _to_string(tensor: Any) -> bool:
    changed = tensor.elem_type != STRING
    tensor.elem_type = STRING
    return changed


@_on_tensor
def _to_int64(tensor: Any) -> bool:
    changed = tensor.elem_type != INT64
    tensor.elem_type = INT64
    return changed


@_on_tensor
def _to_float(tensor: Any) -> bool:
    changed = tensor.elem_type != FLOAT
    tensor.elem_type = FLOAT
    return changed


@_on_tensor
def _strange_type(tensor: Any) -> None:
    tensor.elem_type = 999


@_on_tensor
def _no_shape(tensor: Any) -> None:
    tensor.ClearField("shape")


@_on_tensor
def _lower_rank(tensor: Any) -> bool:
    if not tensor.shape.dim:
        return False
    del tensor.shape.dim[-1]
    return True


@_on_tensor
def _higher_rank(tensor: Any) -> None:
    tensor.shape.dim.add(dim_value=3)


@_on_tensor
def _larger_dim(tensor: Any) -> bool:
    fixed = [dim for dim in tensor.shape.dim if dim.HasField("dim_value")]
    if not fixed:
        return False
    fixed[-1].dim_value += 1
    return True


@_on_tensor
def _negative_dim(tensor: Any) -> bool:
    if not tensor.shape.dim:
        return False
    tensor.shape.dim[0].dim_value = -3
    return True


def _to_sequence(values: Any, position: int) -> Iterable[str] | None:
    declared = values[position].type
    if not declared.HasField("tensor_type"):
        return None
    inner = TypeProto.FromString(declared.SerializeToString())
    declared.ClearField("tensor_type")
    declared.sequence_type.elem_type.CopyFrom(inner)
    return ()


_TYPE_CHANGES = (
    _untype, _empty_type, _undefined_type, _no_element_type, _to_string, _to_int64, _to_float,
    _strange_type, _no_shape, _lower_rank, _higher_rank, _larger_dim, _negative_dim, _to_sequence,
)  # fmt: skip

for _list in ("input", "output", "value_info"):
    for _edit in (_drop, _duplicate, _rename, _unname, *_TYPE_CHANGES):
        KINDS[f"{_list}{_edit.__name__}"] = _listed(_list, _edit)


@kind
def contradicting_value_info(model: ModelProto) -> Yielded:
    """Declares a type for an intermediate value that has none."""
    for draft, body, index in _nodes(model):
        listed = {*body.output_names, *(info.name for info in body.proto.value_info)}
        for name in body.nodes[index].output:
            if name and name not in listed:
                info = body.proto.value_info.add(name=name)
                info.type.tensor_type.elem_type = STRING
                info.type.tensor_type.shape.dim.add(dim_value=77)
                yield draft.mutant(f"{body.path} {name}", _around_name(draft, body, name))
                break


# Stored tensors


@dataclass(frozen=True)
class Stored:
    """A tensor of a draft: where it stands."""

    draft: Draft
    body: Body
    index: int | None
    name: str
    proto: TensorProto

    def mutant(self, more: Iterable[Spot] = ()) -> tuple[str, ModelProto, set[Spot]]:
        """The damaged model; the tensor's owner and what hangs on its type are right places."""
        if self.index is None:
            where = _around_name(self.draft, self.body, self.name)
        else:
            where = _around_node(self.draft, self.body, self.index)
        at = self.body.path if self.index is None else f"{self.body.path} {self.index}"
        return self.draft.mutant(f"{at} {self.name}", where, more)


def _tensors_of(draft: Draft) -> Iterator[Stored]:
    for body in draft.bodies:
        if not body.is_function:
            for tensor in body.proto.initializer:
                yield Stored(draft, body, None, tensor.name, tensor)
        for index, node in enumerate(body.nodes):
            for attribute in node.attribute:
                single = [attribute.t] if attribute.HasField("t") else []
                for tensor in (*single, *attribute.tensors):
                    yield Stored(draft, body, index, attribute.name, tensor)


def _stored(model: ModelProto) -> Iterator[Stored]:
    for number in some(sum(1 for _ in _tensors_of(Draft(model)))):
        yield next(islice(_tensors_of(Draft(model)), number, None))


def _damage_tensor(change: Callable[[TensorProto], bool | None]) -> Kind:
    def damage(model: ModelProto) -> Yielded:
        for stored in _stored(model):
            if change(stored.proto) is not False:
                yield stored.mutant()

    return damage


_DATA = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def _field(tensor: TensorProto) -> Any | None:
    for name in _DATA:
        values = getattr(tensor, name)
        if values:
            return values
    return None


def _dtype_undefined(tensor: TensorProto) -> None:
    tensor.data_type = 0


def _dtype_absent(tensor: TensorProto) -> None:
    tensor.ClearField("data_type")


def _dtype_string(tensor: TensorProto) -> bool:
    changed = tensor.data_type != STRING
    tensor.data_type = STRING
    return changed


def _dtype_double(tensor: TensorProto) -> bool:
    changed = tensor.data_type != TensorProto.DOUBLE
    tensor.data_type = TensorProto.DOUBLE
    return changed


def _dtype_bool(tensor: TensorProto) -> bool:
    changed = tensor.data_type != BOOL
    tensor.data_type = BOOL
    return changed


def _dtype_strange(tensor: TensorProto) -> None:
    tensor.data_type = 999


def _dims_larger(tensor: TensorProto) -> bool:
    if not tensor.dims:
        return False
    tensor.dims[0] += 1
    return True


def _dims_smaller(tensor: TensorProto) -> bool:
    if not tensor.dims or tensor.dims[0] < 2:
        return False
    tensor.dims[0] -= 1
    return True


def _dims_zero(tensor: TensorProto) -> bool:
    if not tensor.dims:
        return False
    tensor.dims[0] = 0
    return True


def _dims_negative(tensor: TensorProto) -> bool:
    if not tensor.dims:
        return False
    tensor.dims[0] = -tensor.dims[0] or -1
    return True


def _dims_dropped(tensor: TensorProto) -> bool:
    if not tensor.dims:
        return False
    del tensor.dims[-1]
    return True


def _dims_appended(tensor: TensorProto) -> None:
    tensor.dims.append(2)


def _dims_unit(tensor: TensorProto) -> None:
    tensor.dims.append(1)


def _data_shorter(tensor: TensorProto) -> bool:
    values = _field(tensor)
    if values is not None:
        del values[-1]
    elif tensor.raw_data:
        tensor.raw_data = tensor.raw_data[:-1]
    else:
        return False
    return True


def _data_longer(tensor: TensorProto) -> bool:
    values = _field(tensor)
    if values is not None:
        values.append(values[0])
    elif tensor.raw_data:
        tensor.raw_data += b"\0"
    else:
        return False
    return True


def _data_dropped(tensor: TensorProto) -> bool:
    filled = [f.name for f, _ in tensor.ListFields() if f.name in (*_DATA, "raw_data")]
    for name in filled:
        tensor.ClearField(name)  # type: ignore[arg-type]
    return bool(filled)


def _data_in_other_field(tensor: TensorProto) -> bool:
    if not _data_dropped(tensor):
        return False
    if tensor.data_type == TensorProto.UINT64:
        tensor.double_data.append(1.0)
    else:
        tensor.uint64_data.append(1)
    return True


def _data_raw_beside(tensor: TensorProto) -> bool:
    if _field(tensor) is None:
        return False
    tensor.raw_data = b"\0\0\0\0"
    return True


def _data_typed_beside(tensor: TensorProto) -> None:
    tensor.double_data.append(1.0)


def _external(**entries: str) -> Callable[[TensorProto], None]:
    def move(tensor: TensorProto) -> None:
        _data_dropped(tensor)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return move


def _external_inline(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL


def _external_beside(tensor: TensorProto) -> None:
    tensor.external_data.add(key="location", value="absent.bin")


def _segment(tensor: TensorProto) -> None:
    tensor.segment.begin, tensor.segment.end = 0, 1


for _hurt in (
    _dtype_undefined, _dtype_absent, _dtype_string, _dtype_double, _dtype_bool, _dtype_strange,
    _dims_larger, _dims_smaller, _dims_zero, _dims_negative, _dims_dropped, _dims_appended,
    _dims_unit, _data_shorter, _data_longer, _data_dropped, _data_in_other_field, _data_raw_beside,
    _data_typed_beside, _external_inline, _external_beside, _segment,
):  # fmt: skip
    KINDS[f"tensor{_hurt.__name__}"] = _damage_tensor(_hurt)
for _name, _entries in {
    "absent": {"location": "absent.bin"},
    "escaping": {"location": "../outside.bin"},
    "absolute": {"location": "/etc/hostname"},
    "nowhere": {},
    "empty": {"location": ""},
    "folder": {"location": "."},
    "garbled": {"location": "absent.bin", "offset": "x"},
}.items():
    KINDS[f"tensor_external_{_name}"] = _damage_tensor(_external(**_entries))


@kind
def external_entries(model: ModelProto) -> Yielded:
    """Damage to the entries of a tensor that lies in another file already."""
    for change in (
        {"offset": "99999999"}, {"length": "1"}, {"offset": "-4"}, {"length": "99999"},
        {"location": "absent.bin"}, {"location": "../weights.bin"}, {"offset": "x"},
    ):  # fmt: skip
        for stored in _stored(model):
            if stored.proto.data_location == TensorProto.EXTERNAL:
                entries = {e.key: e.value for e in stored.proto.external_data} | change
                del stored.proto.external_data[:]
                for key, value in entries.items():
                    stored.proto.external_data.add(key=key, value=value)
                detail, damaged, where = stored.mutant()
                yield f"{detail} {change}", damaged, where


def _initializers(model: ModelProto, listed: str) -> Iterator[tuple[Draft, Body, int]]:
    for number, body in enumerate(Draft(model).bodies):
        for position in some(0 if body.is_function else len(getattr(body.proto, listed))):
            draft = Draft(model)
            yield draft, draft.bodies[number], position


@kind
def drop_initializer(model: ModelProto) -> Yielded:
    for draft, body, position in _initializers(model, "initializer"):
        name = body.proto.initializer[position].name
        del body.proto.initializer[position]
        yield draft.mutant(f"{body.path} {name}", spots_of(_same(draft, body)[1], [name]))


@kind
def duplicate_initializer(model: ModelProto) -> Yielded:
    for draft, body, position in _initializers(model, "initializer"):
        copy = body.proto.initializer[position]
        body.proto.initializer.add().CopyFrom(copy)
        yield draft.mutant(f"{body.path} {copy.name}", spots_of(body, [copy.name]))


@kind
def rename_initializer(model: ModelProto) -> Yielded:
    for new in ("renamed", ""):
        for draft, body, position in _initializers(model, "initializer"):
            old = body.proto.initializer[position].name
            body.proto.initializer[position].name = new
            scope = _same(draft, body)[1]
            where = spots_of(scope, [old, new]) | {(body.path, None, new)}
            if not new:
                where |= {(body.path, None, None)}
            yield draft.mutant(f"{body.path} {old} {new or 'empty'}", where)


@kind
def initializer_takes_name(model: ModelProto) -> Yielded:
    """An initializer gets the name of what a node makes."""
    for draft, body, index in _nodes(model):
        made = next((name for name in body.nodes[index].output if name), None)
        if made is not None and not body.is_function:
            body.proto.initializer.add(name=made, data_type=FLOAT, dims=[1], float_data=[1.0])
            yield draft.mutant(f"{body.path} {made}", spots_of(body, [made]))


@kind
def damage_sparse(model: ModelProto) -> Yielded:
    """Every way in which a sparse tensor can be wrong."""
    for number, (_, _, name, _) in enumerate(_sparse(Draft(model))):
        for change in _SPARSE_CHANGES:
            draft = Draft(model)
            body, index, _, sparse = list(_sparse(draft))[number]
            if change(sparse) is False:
                continue
            now = sparse.values.name
            if index is None:
                where = _around_name(draft, body, name, now) | {(body.path, None, None)}
            else:
                where = _around_node(draft, body, index)
            yield draft.mutant(f"{body.path} {name}{change.__name__}", where)


def _sparse(draft: Draft) -> Iterator[tuple[Body, int | None, str, Any]]:
    for body in draft.bodies:
        for sparse in () if body.is_function else body.proto.sparse_initializer:
            yield body, None, sparse.values.name, sparse
        for index, node in enumerate(body.nodes):
            for attribute in node.attribute:
                if attribute.HasField("sparse_tensor"):
                    yield body, index, attribute.name, attribute.sparse_tensor


def _sparse_numbers(change: Callable[[Any], None]) -> Callable[[Any], bool | None]:
    def apply(sparse: Any) -> bool | None:
        from onnx import numpy_helper

        numbers = numpy_helper.to_array(sparse.indices).copy()
        if not numbers.size:
            return False
        change(numbers.reshape(-1))
        sparse.indices.CopyFrom(numpy_helper.from_array(numbers, sparse.indices.name))
        return None

    apply.__name__ = change.__name__
    return apply


@_sparse_numbers
def _index_negative(numbers: Any) -> None:
    numbers[0] = -1


@_sparse_numbers
def _index_too_large(numbers: Any) -> None:
    numbers[-1] = 9999


@_sparse_numbers
def _index_twice(numbers: Any) -> None:
    numbers[:] = numbers[0]


@_sparse_numbers
def _indices_reversed(numbers: Any) -> None:
    numbers[:] = numbers[::-1].copy()


def _sparse_unnamed(sparse: Any) -> None:
    sparse.values.name = ""


def _sparse_no_values(sparse: Any) -> None:
    sparse.ClearField("values")


def _sparse_no_indices(sparse: Any) -> None:
    sparse.ClearField("indices")


def _sparse_no_dims(sparse: Any) -> None:
    del sparse.dims[:]


def _sparse_zero_dim(sparse: Any) -> None:
    sparse.dims[0] = 0


def _sparse_negative_dim(sparse: Any) -> None:
    sparse.dims[0] = -1


def _sparse_matrix_of_values(sparse: Any) -> None:
    sparse.values.dims.append(1)


def _sparse_fewer_values(sparse: Any) -> None:
    from onnx import numpy_helper

    values = numpy_helper.to_array(sparse.values)[:-1]
    sparse.values.CopyFrom(numpy_helper.from_array(values.copy(), sparse.values.name))


def _sparse_int32_indices(sparse: Any) -> None:
    from onnx import numpy_helper

    numbers = numpy_helper.to_array(sparse.indices).astype("int32")
    sparse.indices.CopyFrom(numpy_helper.from_array(numbers))


def _sparse_cube_of_indices(sparse: Any) -> None:
    sparse.indices.dims.extend([1, 1])


def _sparse_extra_dim(sparse: Any) -> None:
    sparse.dims.append(3)


_SPARSE_CHANGES: Sequence[Callable[[Any], bool | None]] = (
    _index_negative, _index_too_large, _index_twice, _indices_reversed, _sparse_unnamed,
    _sparse_no_values, _sparse_no_indices, _sparse_no_dims, _sparse_zero_dim,
    _sparse_negative_dim, _sparse_matrix_of_values, _sparse_fewer_values, _sparse_int32_indices,
    _sparse_cube_of_indices, _sparse_extra_dim,
)  # fmt: skip


@kind
def drop_sparse_initializer(model: ModelProto) -> Yielded:
    for draft, body, position in _initializers(model, "sparse_initializer"):
        name = body.proto.sparse_initializer[position].values.name
        del body.proto.sparse_initializer[position]
        yield draft.mutant(f"{body.path} {name}", spots_of(_same(draft, body)[1], [name]))


@kind
def duplicate_sparse_initializer(model: ModelProto) -> Yielded:
    for draft, body, position in _initializers(model, "sparse_initializer"):
        copy = body.proto.sparse_initializer[position]
        body.proto.sparse_initializer.add().CopyFrom(copy)
        yield draft.mutant(f"{body.path}", spots_of(body, [copy.values.name]))


# Local functions


def _functions(model: ModelProto) -> Iterator[tuple[Draft, Body, Any]]:
    for number, body in enumerate(Draft(model).bodies):
        if body.is_function:
            draft = Draft(model)
            fresh = draft.bodies[number]
            yield draft, fresh, fresh.proto


def _function_spots(draft: Draft, body: Body) -> set[Spot]:
    """The function as it was called and as it is, its callers, and every node in it."""
    path = f"function:{body.proto.domain}::{body.proto.name}"
    found = owner_spots(draft, body) | {(path, None, None), (body.path, None, None)}
    for scope in body.tree():
        renamed = path + scope.path.removeprefix(body.path)
        found |= {(renamed, index, None) for index in range(len(scope.nodes))}
    return found


@kind
def damage_function(model: ModelProto) -> Yielded:
    for change in _FUNCTION_CHANGES:
        for draft, body, function in _functions(model):
            callers = owner_spots(draft, body)
            names = {*function.input, *function.output, "renamed"}
            if change(function) is False:
                continue
            again = draft.again()
            fresh = next(b for b in again.bodies if b.number == body.number)
            follow = {
                spot
                for path, index, _ in callers
                if index is not None
                for b in again.bodies
                if b.path == path
                for spot in downstream(again, b, b.nodes[index].output)
            }
            where = callers | _function_spots(draft, body) | spots_of(fresh, names) | follow
            yield draft.mutant(f"{body.path}{change.__name__}", where)


def _function_unnamed(function: Any) -> None:
    function.ClearField("name")


def _function_without_domain(function: Any) -> None:
    function.ClearField("domain")


def _function_renamed(function: Any) -> None:
    function.name = "renamed"


def _function_without_imports(function: Any) -> None:
    del function.opset_import[:]


def _function_older(function: Any) -> None:
    function.opset_import[0].version = 6


def _function_newer(function: Any) -> None:
    function.opset_import[0].version = 9999


def _function_import_twice(function: Any) -> None:
    function.opset_import.add().CopyFrom(function.opset_import[0])


def _function_input_twice(function: Any) -> bool:
    function.input.extend(function.input[:1])
    return bool(function.input)


def _function_output_twice(function: Any) -> None:
    function.output.extend(function.output[:1])


def _function_without_inputs(function: Any) -> None:
    del function.input[:]


def _function_without_outputs(function: Any) -> None:
    del function.output[:]


def _function_output_renamed(function: Any) -> None:
    function.output[0] = "renamed"


def _function_input_renamed(function: Any) -> bool:
    if not function.input:
        return False
    function.input[0] = "renamed"
    return True


def _function_one_input_more(function: Any) -> None:
    function.input.append("more")


def _function_one_output_more(function: Any) -> None:
    function.output.append("more")


def _function_attribute_twice(function: Any) -> bool:
    function.attribute.extend(function.attribute[:1])
    return len(function.attribute) > 0


def _function_without_attributes(function: Any) -> bool:
    had = bool(function.attribute or function.attribute_proto)
    del function.attribute[:]
    del function.attribute_proto[:]
    return had


def _function_without_nodes(function: Any) -> None:
    del function.node[:]


def _function_calls_itself(function: Any) -> None:
    function.node.add(
        op_type=function.name, domain=function.domain, input=function.input, output=["again"]
    )
    function.opset_import.add(domain=function.domain, version=1)


_FUNCTION_CHANGES: Sequence[Callable[[Any], bool | None]] = (
    _function_unnamed, _function_without_domain, _function_renamed, _function_without_imports,
    _function_older, _function_newer, _function_import_twice, _function_input_twice,
    _function_output_twice, _function_without_inputs, _function_without_outputs,
    _function_output_renamed, _function_input_renamed, _function_one_input_more,
    _function_one_output_more, _function_attribute_twice, _function_without_attributes,
    _function_without_nodes, _function_calls_itself,
)  # fmt: skip


@kind
def drop_function(model: ModelProto) -> Yielded:
    for draft, body, function in _functions(model):
        callers = owner_spots(draft, body)
        draft.model.functions.remove(function)
        yield draft.mutant(body.path, callers)


@kind
def duplicate_function(model: ModelProto) -> Yielded:
    for draft, body, function in _functions(model):
        draft.model.functions.add().CopyFrom(function)
        yield draft.mutant(body.path, owner_spots(draft, body))
