"""The operator schemas that the installed onnx knows, at the opsets that the model imports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope
from onnxlint.model.graph.operator_schemas import schema_of

if TYPE_CHECKING:
    from onnx.defs import OpSchema


class Schemas:
    """Finds the schema of a node."""

    def __init__(self, domains: frozenset[str], newest: dict[str, int]) -> None:
        self.domains = domains
        self._newest = newest
        self._known: dict[tuple[Scope, str], OpSchema | None] = {}
        self._used: tuple[Graph, list[tuple[OpSchema, list[Node]]]] | None = None

    @classmethod
    def build(cls) -> Schemas:
        """Reads the list of operator sets from onnx."""
        newest = _newest_opsets()
        return cls(frozenset(newest), newest)

    def of(self, node: Node) -> OpSchema | None:
        """The schema of a node's operator at its scope's opset.

        None where there is none, where the model's own function stands for the operator, and at an
        opset that the installed onnx does not know yet.
        """
        key = node.scope, node.op
        if key not in self._known:
            self._known[key] = self._found(node)
        return self._known[key]

    def _found(self, node: Node) -> OpSchema | None:
        version = node.scope.opsets.get(node.domain)
        if version is None or node.called is not None or self.is_newer_than_known(node):
            return None
        return self.find(node.domain, node.op_type, version)

    def uses(self, graph: Graph) -> Iterator[tuple[OpSchema, list[Node]]]:
        """Every schema that the model uses, with the nodes of one scope that it is for."""
        if self._used is None or self._used[0] is not graph:
            self._used = graph, list(self._uses(graph))
        return iter(self._used[1])

    def _uses(self, graph: Graph) -> Iterator[tuple[OpSchema, list[Node]]]:
        for scope in graph.scopes:
            by_op: dict[str, list[Node]] = {}
            for node in scope.nodes:
                by_op.setdefault(node.op, []).append(node)
            for nodes in by_op.values():
                schema = self.of(nodes[0])
                if schema is not None:
                    yield schema, nodes

    def lacks(self, node: Node) -> bool:
        """Whether a standard domain ought to have the node's operator at its opset and has not."""
        return (
            self.of(node) is None
            and node.domain in self.domains
            and node.domain in node.scope.opsets
            and node.called is None
            and not self.is_newer_than_known(node)
        )

    def find(self, domain: str, op_type: str, version: int) -> OpSchema | None:
        """The schema of an operator at an opset version of its domain."""
        return schema_of(domain, op_type, version)

    def since(self, node: Node) -> int | None:
        """The first opset of its domain that has a node's operator; None if no opset has it."""
        return _first_opsets().get((node.domain, node.op_type))

    def is_newer_than_known(self, node: Node) -> bool:
        """Whether the model imports a newer opset of the domain than the installed onnx knows."""
        newest = self._newest.get(node.domain)
        return newest is not None and node.scope.opsets.get(node.domain, 0) > newest


@cache
def _newest_opsets() -> dict[str, int]:
    """The newest opset of each domain that the installed onnx knows."""
    from onnx import defs

    return {domain: newest for domain, (_, newest) in defs.C.schema_version_map().items()}


@cache
def _first_opsets() -> dict[tuple[str, str], int]:
    """The first opset that has an operator, by domain and name."""
    from onnx import defs

    first: dict[tuple[str, str], int] = {}
    for schema in defs.get_all_schemas_with_history():
        key = schema.domain, schema.name
        first[key] = min(first.get(key, schema.since_version), schema.since_version)
    return first
