"""The node or value that a user names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.patterns.parser import suggestion

_NUMBER = re.compile(r"#\d{1,9}")

SHOWN = 5


class UnknownName(Exception):  # noqa: N818 - it is what the user gave
    """Nothing, or more than one thing, is called so; the message says what to give."""


def named(graph: Graph, nodes: Iterable[Node], name: str) -> Node | Value:
    """The node of a number such as `#7`, else that of a name, else the value of the name.

    Of values of one name, that of the main graph.

    Raises:
        UnknownName: there is none, or several nodes.
    """
    numbered = [*nodes]
    if _NUMBER.fullmatch(name):
        if int(name[1:]) >= len(numbered):
            raise UnknownName(f"no node is {name}; the last one is #{len(numbered) - 1}")
        return numbered[int(name[1:])]
    found = [number for number, node in enumerate(numbered) if node.name == name]
    if len(found) > 1:
        told = ", ".join(f"#{number}" for number in found[:SHOWN])
        more = ", …" if len(found) > SHOWN else ""
        raise UnknownName(f"{len(found):,} nodes are called {name!r}; give a number: {told}{more}")
    if name and found:
        return numbered[found[0]]
    return _value(graph, numbered, name)


def _value(graph: Graph, nodes: Iterable[Node], name: str) -> Value:
    value = graph.main.values.get(name) if name else None
    inner = (scope.values.get(name) for scope in graph.scopes if name)
    value = value or next(filter(None, inner), None)
    if value is None:
        known = {node.name for node in nodes} | {
            known for scope in graph.scopes for known in scope.values
        }
        near = suggestion(name, known - {""})
        hint = near or "; 'onnxlint inspect MODEL' lists nodes and values"
        raise UnknownName(f"no node or value is called {name!r}{hint}")
    return value
