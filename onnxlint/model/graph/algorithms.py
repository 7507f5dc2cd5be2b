"""Algorithms on parts of a graph, given by their edges: networkx's, and this is who calls them.

What every model is asked (reachability, live parts) walks the vertices themselves instead: of a
million nodes a networkx graph takes gigabytes, and longer than all rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from functools import partial, reduce
from typing import TYPE_CHECKING, TypeVar

from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    import networkx as nx

T = TypeVar("T", bound=Hashable)


def immediate_dominators(edges: Iterable[tuple[T, T]], start: T) -> Mapping[T, T]:
    """For every vertex that `start` reaches, the last one before it that all paths pass.

    `start` itself is not in it. The algorithm is that of Cooper, Harvey and Kennedy ("A Simple,
    Fast Dominance Algorithm", 2001). It stands here because a run needs nothing else of networkx,
    which takes longer to load than a small model to be judged.
    """
    into: dict[T, list[T]] = defaultdict(list)
    out: dict[T, list[T]] = defaultdict(list)
    for one, other in edges:
        out[one].append(other)
        into[other].append(one)
    order = [*postorder([start], lambda vertex: out.get(vertex, ()))]
    rank = {vertex: number for number, vertex in enumerate(order)}
    found = {start: start}
    changed = True
    while changed:
        changed = False
        for vertex in reversed(order[:-1]):
            known = [each for each in into[vertex] if each in found]
            before = reduce(partial(_nearest_common, found, rank), known)
            changed |= found.get(vertex) != before
            found[vertex] = before
    del found[start]
    return found


def _nearest_common(found: Mapping[T, T], rank: Mapping[T, int], one: T, other: T) -> T:
    """The last vertex that all paths to either pass."""
    while one != other:
        while rank[one] < rank[other]:
            one = found[one]
        while rank[other] < rank[one]:
            other = found[other]
    return one


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
