"""Our own algorithms on graphs say what networkx says."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.model.graph.algorithms import immediate_dominators

VERTICES = st.integers(0, 9)


@given(st.lists(st.tuples(VERTICES, VERTICES), max_size=30), VERTICES)
def test_dominators_are_those_of_networkx(edges, start):
    graph = nx.DiGraph(edges)
    graph.add_node(start)
    expected = dict(nx.immediate_dominators(graph, start))
    expected.pop(start, None)
    assert immediate_dominators(edges, start) == expected


def test_a_long_chain_takes_no_stack():
    edges = [(number, number + 1) for number in range(50_000)]
    assert immediate_dominators(edges, 0)[50_000] == 49_999
