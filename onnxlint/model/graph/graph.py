"""The model as a graph of node and value vertices over all scopes: main, subgraphs, functions.

The vertices know their neighbours (`node.inputs`, `value.consumers`), which serves most rules and
keeps 100,000 nodes cheap. `Graph.digraph` is the same graph as a `networkx.DiGraph`, made when a
rule first asks for it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, partial
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from onnxlint.model.file.load import Model
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.algorithms import is_acyclic
from onnxlint.model.graph.build import connect, define, path_of, subgraphs
from onnxlint.model.graph.crossings import Crossings
from onnxlint.model.graph.nodes import ModelScopes, Node, Origin, Scope, Value, plain_domain
from onnxlint.model.graph.operators import CONSTANT_OPS, LAYERS, SIZE_OPS
from onnxlint.model.graph.place import Located, NotApplicable, Place
from onnxlint.model.graph.stored_tensors import (
    Holders,
    constant_proto,
    elements,
    holders,
    integers,
    stored_sparse_tensors,
    stored_tensors,
    zero,
)
from onnxlint.model.graph.traversal import (
    Vertex,
    comes_from,
    flows_to,
    flows_to_inside,
    reach,
    swept,
    swept_back,
)
from onnxlint.model.graph.walk import WayBack

if TYPE_CHECKING:
    import networkx as nx
    from onnx import SparseTensorProto, TensorProto

    from onnxlint.types import Array

T = TypeVar("T")

_index = attrgetter("index")

LONGEST_SHAPE = 128
"""Numbers of a constant that tells a shape, axes or pads: two for each of numpy's 64 axes."""


class Graph:
    """All scopes of a model, their nodes and values, and how they hang together."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scopes: list[Scope] = []
        self._source = WayBack(_copied_by_identity, lambda value: value)
        self._made = WayBack(self._shape_of_fill, self._tensor_at, self._filled)
        self._known: dict[int, Tensor] = {}
        self._answers: dict[tuple[Value, Callable[[Array], Any]], Any] = {}
        shared = ModelScopes(model)
        self.main = shared.main = self._add(Scope("", shared, proto=model.proto.graph))
        self.functions = [
            self._add(Scope(path_of(function), shared, function=function))
            for function in model.proto.functions
        ]
        self.functions_by_name = shared.functions
        shared.functions |= {
            (plain_domain(function.domain), function.name): scope
            for function, scope in zip(model.proto.functions, self.functions, strict=True)
        }
        for scope in self.scopes:  # which grow on the way
            define(scope)
            for subgraph in subgraphs(scope):
                self._add(subgraph)
        for scope in self.scopes:
            connect(scope)

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
            return chain.from_iterable(scope.nodes for scope in self.scopes)
        groups = [self._nodes_by_op[op] for op in dict.fromkeys(ops) if op in self._nodes_by_op]
        if len(groups) < 2:
            return iter(groups[0] if groups else ())
        order = self._order if len(self.scopes) > 1 else _index
        return iter(sorted(chain.from_iterable(groups), key=order))

    def _order(self, node: Node) -> tuple[int, int]:
        """Where a node stands in the file: a set of operators comes in an order by chance."""
        return self._scope_order[node.scope], node.index

    @cached_property
    def _scope_order(self) -> dict[Scope, int]:
        return {scope: place for place, scope in enumerate(self.scopes)}

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
    def calls(self) -> Mapping[Scope, set[Scope]]:
        """The local functions that the main graph and each function call, subgraphs included."""
        calls: dict[Scope, set[Scope]] = {scope: set() for scope in (self.main, *self.functions)}
        for scope in self.scopes:
            callees = {node.called for node in scope.nodes}
            calls[scope.root].update(callee for callee in callees if callee is not None)
        return calls

    def values(self) -> Iterator[Value]:
        """Every value of every scope."""
        return chain.from_iterable(scope.values.values() for scope in self.scopes)

    @cached_property
    def tensors(self) -> Sequence[tuple[Located, Tensor]]:
        """Every stored tensor: initializers, sparse ones, attributes, in every scope."""
        return [
            (owner, self._stored(proto))
            for scope in self.scopes
            for owner, proto in stored_tensors(scope, self._holders[scope])
        ]

    @cached_property
    def _holders(self) -> Mapping[Scope, Holders]:
        """The attributes with tensors in each scope."""
        return {scope: holders(scope) for scope in self.scopes}

    def sparse_tensors(self) -> Iterator[tuple[Place, SparseTensorProto, Tensor]]:
        """Every stored sparse tensor, and its indices as a tensor."""
        for scope in self.scopes:
            for place, sparse in stored_sparse_tensors(scope, self._holders[scope]):
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

        None where the value is computed, is not a dense tensor, or lies inside a function whose
        attributes decide it. An initializer that a caller may override counts as constant.
        """
        if value is None:
            return None
        value = self.source(value)
        if value.tensor_proto is not None:
            return self._stored(value.tensor_proto)
        if value.producer is None or value.producer.op not in CONSTANT_OPS:
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
            proto = constant_proto(node)
        return None if proto is None else self._stored(proto)

    def _filled(self, value: Value, shape: Tensor | None) -> Tensor | None:
        """The tensor of a ConstantOfShape."""
        dims = None if shape is None or shape.size > LONGEST_SHAPE else integers(shape)
        if dims is None or min(dims, default=0) < 0:
            return None
        node = value.producer
        proto = (node.tensor("value") if node is not None else None) or zero()
        return Tensor(proto, self.model.files, tuple(dims), fill=True)

    def constant(self, value: Value | None) -> Array | None:
        """The numbers of a constant value.

        None where it is computed, cannot be read, or holds no real numbers but strings and such.
        Thousands of nodes may read one large constant: `ask` looks at its numbers once for all.
        """
        return elements(self.tensor(value))

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
        return None if tensor is None or tensor.size > LONGEST_SHAPE else integers(tensor)

    def number(self, value: Value | None) -> float | None:
        """The one number of a constant value; None where it is not a constant or holds several."""
        tensor = self.tensor(value)
        if tensor is None or tensor.size != 1:
            return None
        one = tensor.numbers() or tensor.integers()
        if one is not None:
            return one[0]
        found = elements(tensor)
        return None if found is None or found.size != 1 else found.item()

    def fill(self, node: Node) -> Array | None:
        """The one element that a ConstantOfShape repeats, be its shape constant or computed."""
        found = elements(self._stored(node.tensor("value") or zero()))
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
        start, stop = set(values), SIZE_OPS if by_numbers else ()
        if most is None and self._holds_all(start, self.outputs):
            return swept_back(start, self.main.nodes, stop)
        return reach(start, comes_from, stop, most)

    def descendants(
        self, values: Iterable[Value], *, by_numbers: bool = False, inside: Node | None = None
    ) -> set[Node | Value]:
        """Every vertex that depends on the given values, themselves included; as `ancestors`.

        With `inside` only those in the subgraphs of a node, at any depth.
        """
        start, stop = set(values), SIZE_OPS if by_numbers else ()
        if inside is None and self._holds_all(start, self.inputs):
            return swept(start, self.main.nodes, stop)
        step = flows_to if inside is None else partial(flows_to_inside, {*inside.scopes_inside})
        return reach(start, step, stop)

    def _holds_all(self, start: set[Value], ends: list[Value]) -> bool:
        """Whether a search from there leads nearly everywhere, and nodes can be taken in order."""
        return bool(ends) and start.issuperset(ends) and self._is_plain

    @cached_property
    def _is_plain(self) -> bool:
        """Whether all nodes stand in one scope, each behind those that it reads."""
        return len(self.scopes) == 1 and not any(
            value is not None and value.producer is not None and value.producer.index >= node.index
            for node in self.main.nodes
            for value in node.inputs
        )

    @cached_property
    def crossings(self) -> Crossings:
        """Where values go in and out of subgraphs and functions, slot by slot."""
        return Crossings(self.nodes())

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
            for after in flows_to(vertex):
                ends = after[0].outputs if isinstance(after, tuple) else [after]
                graph.add_edges_from((vertex, end) for end in ends if end is not None)
        return graph

    @property
    def is_acyclic(self) -> bool:
        """Whether no value depends on itself."""
        return is_acyclic(self.digraph)

    def parts(self, among: Set[Node | Value] | None = None) -> Iterator[set[Node | Value]]:
        """What is live, or these vertices, as parts that share no vertex and no edge.

        In the order of the values; parts without any come last.
        """
        among, met = self.live if among is None else among, set[Node | Value]()

        def beside(vertex: Vertex) -> Collection[Vertex]:
            near = (v for v in (*comes_from(vertex), *flows_to(vertex)) if v is not None)
            return [v for v in near if (v[0] if isinstance(v, tuple) else v) in among]

        for vertex in chain[Node | Value](self.values(), self.nodes()):
            if vertex in among and vertex not in met:
                part = reach([vertex], beside, ())
                met |= part
                yield part


def _copied_by_identity(value: Value) -> Value | None:
    node = value.producer
    return node.input(0) if node is not None and node.op == "Identity" else None
