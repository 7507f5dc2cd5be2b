"""How many bytes of values are alive at once, when nodes run in the order of the file."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import RESHAPING

_SHARING = RESHAPING | {"Identity", "Dropout"}
"""Operators whose output is their input under other dims: it takes no memory of its own."""


def peak_bytes(scope: Scope, size_of: Callable[[Value], int]) -> int:
    """The most bytes alive at any node: inputs, and outputs until their last reader has run.

    What a subgraph holds counts at the node that runs it. Constants are not counted.
    """
    owners: dict[Value, Value] = {}
    last = _last_uses(scope, owners)
    sizes = {value: size_of(value) for value in scope.inputs if value.tensor_proto is None}
    alive = peak = sum(sizes.values())
    gone: dict[float, list[Value]] = {}
    for value in sizes:
        gone.setdefault(last.get(value, -1), []).append(value)
    for node in scope.nodes:
        for value in filter(None, node.outputs):
            if value not in owners and node.op != "Constant":
                sizes[value] = size_of(value)
                alive += sizes[value]
                gone.setdefault(max(last.get(value, -1), node.index), []).append(value)
        inside = max((peak_bytes(inner, size_of) for inner in node.subgraphs), default=0)
        peak = max(peak, alive + inside)
        alive -= sum(sizes[value] for value in gone.pop(node.index, ()))
    return peak


def _last_uses(scope: Scope, owners: dict[Value, Value]) -> dict[Value, float]:
    """The index of the last node of the scope that reads each value, or what shares its memory."""
    last: dict[Value, float] = {}
    for node in scope.nodes:
        for value in _read(node):
            owner = owners.get(value, value)
            last[owner] = max(last.get(owner, -1), node.index)
        source = node.input(0)
        if node.op in _SHARING and source is not None and node.output is not None:
            owners[node.output] = owners.get(source, source)
    for value in scope.outputs:
        last[owners.get(value, value)] = inf
    return last


def _read(node: Node) -> list[Value]:
    """What a node reads, its subgraphs included."""
    read = [value for value in node.inputs if value is not None]
    for scope in node.scopes_inside:
        read += [value for inner in scope.nodes for value in inner.inputs if value is not None]
        read += scope.outputs
    return read
