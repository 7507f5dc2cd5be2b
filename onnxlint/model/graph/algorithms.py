"""networkx's algorithms on parts of a graph, given by their edges: the one place that calls them.

What every model is asked (reachability, live parts) walks the vertices themselves instead: of a
million nodes a networkx graph takes gigabytes, and longer than all rules.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import networkx as nx

T = TypeVar("T", bound=Hashable)


def immediate_dominators(edges: Iterable[tuple[T, T]], start: T) -> Mapping[T, T]:
    """For every vertex that `start` reaches, the last one before it that all paths pass.

    `start` itself is not in it.
    """
    import networkx as nx

    graph = _graph(edges)
    graph.add_node(start)
    found = nx.immediate_dominators(graph, start)
    return {vertex: before for vertex, before in found.items() if vertex != start}


def cycles(edges: Iterable[tuple[T, T]]) -> Iterable[set[T]]:
    """The vertices that reach themselves; those of cycles that meet are one set."""
    import networkx as nx

    graph = _graph(edges)
    for part in nx.strongly_connected_components(graph):
        if len(part) > 1 or graph.has_edge(*part, *part):
            yield part


def is_acyclic(graph: nx.DiGraph[T]) -> bool:
    """Whether no vertex reaches itself."""
    import networkx as nx

    return nx.is_directed_acyclic_graph(graph)


def _graph(edges: Iterable[tuple[T, T]]) -> nx.DiGraph[T]:
    import networkx as nx

    graph: nx.DiGraph[T] = nx.DiGraph()
    graph.add_edges_from(edges)
    return graph
