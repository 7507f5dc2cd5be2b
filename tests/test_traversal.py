"""Walks from a value past operators that only hand it on."""

from __future__ import annotations

import pytest
from conftest import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onnxlint.model.file.messages import containers, messages
from onnxlint.model.graph.crossings import carried
from onnxlint.model.graph.operators import MOVING, SIZE_OPS
from onnxlint.model.graph.traversal import (
    behind,
    comes_from,
    flows_to,
    followers,
    reach,
    source,
    sources,
    swept,
    swept_back,
)
from onnxlint.model.graph.walk import postorder, preorder

CHAIN = """net (float[N, 4] x, float[N, 4] z) => (float[N, 4] y) {
    s = Sigmoid(x) r = Identity(s) t = Transpose(r) u = Transpose(t) y = Add(z, u) n = Neg(r)
}"""


def test_behind_finds_the_nearest_of_some_operators(graph_of):
    with graph_of(CHAIN) as graph:
        values = graph.main.values
        assert behind(values["u"], {"Sigmoid"}, MOVING) is values["s"].producer
        assert behind(values["u"], {"Sigmoid"}, {"Transpose"}) is None
        assert behind(values["y"], {"Sigmoid"}, MOVING) is None
        assert behind(values["x"], {"Sigmoid"}, MOVING) is None
        assert behind(None, {"Sigmoid"}, MOVING) is None


def test_the_source_is_what_was_moved(graph_of):
    with graph_of(CHAIN) as graph:
        values = graph.main.values
        assert source(values["u"], MOVING) is values["s"]
        assert source(values["y"], MOVING) is values["y"]
        assert [each.name for each in sources(values["u"], MOVING)] == ["u", "t", "r", "s"]
        assert list(sources(None, MOVING)) == []


def test_followers_stand_behind_what_hands_on(graph_of):
    with graph_of(CHAIN) as graph:
        found = [(node.op, slot) for node, slot in followers(graph.main.values["s"], MOVING)]
    assert sorted(found) == [("Add", 1), ("Neg", 0)]


def test_a_circle_ends(graph_of):
    text = "net (float[N] x) => (float[N] y) { a = Identity(b) b = Identity(a) y = Neg(a) }"
    with graph_of(text) as graph:
        values = graph.main.values
        assert behind(values["a"], {"Relu"}, MOVING) is None
        assert [node.op for node, _ in followers(values["a"], MOVING)] == ["Neg"]


def test_a_walk_passes_so_many_nodes_at_most(graph_of):
    with graph_of(CHAIN) as graph:
        values = graph.main.values
        assert [each.name for each in sources(values["u"], MOVING, 2)] == ["u", "t", "r"]
        assert source(values["u"], MOVING, 1) is values["t"]
        assert behind(values["u"], {"Sigmoid"}, MOVING, 2) is None
        assert behind(values["u"], {"Sigmoid"}, MOVING, 3) is values["s"].producer
        assert [node.op for node, _ in followers(values["s"], MOVING, 1)] == ["Neg"]


def test_followers_go_on_by_any_input_where_asked(graph_of):
    text = "net (float[N] x, float[N] z) => (float[N] y) { a = Add(z, x) b = Mul(a, z) y = Exp(b) }"
    with graph_of(text) as graph:
        found = followers(graph.main.values["x"], {"Add", "Mul"}, by_any_input=True)
        assert [node.op for node, _ in found] == ["Exp"]
        assert [node.op for node, _ in followers(graph.main.values["x"], {"Add"})] == ["Add"]


def test_owners_come_from_the_innermost_outwards(graph_of):
    text = """net (bool c, float[N] x) => (float[N] y) {
        y = If (c) <then_branch = t () => (float[N] a) {
            a = If (c) <then_branch = u () => (float[N] b) { b = Neg(x) },
                        else_branch = v () => (float[N] d) { d = Abs(x) }>
        }, else_branch = e () => (float[N] f) { f = Exp(x) }>
    }"""
    with graph_of(text) as graph:
        (neg,), (inner, outer) = graph.nodes("Neg"), graph.nodes("If")
        inner, outer = sorted((inner, outer), key=lambda node: -len(node.scope.path))
        assert [*neg.owners] == [inner, outer]
        assert [*outer.owners] == []


@pytest.mark.parametrize(
    ("node", "states"),
    [
        ("""z, all = Scan <num_scan_inputs = 1, body = b (float[2] s, float[2] row)
            => (float[2] after, float[2] told) { after = Add(s, row) told = Neg(after) }> (s0, x)
         """, [("after", "s")]),
        ("""z, all = Loop <body = b (int64 i, bool go, float[2] s)
            => (bool on, float[2] after, float[2] told) {
                on = Identity(go) after = Add(s, s) told = Neg(after)
            }> (n, c, s0)""", [("after", "s")]),
        ("z = If (c) <then_branch = t () => (float[2] a) { a = Neg(s0) }, "
         "else_branch = e () => (float[2] b) { b = Abs(s0) }>", []),
    ],
    ids=["Scan", "Loop", "If"],
)  # fmt: skip
def test_loops_carry_states_and_nothing_else(graph_of, node, states):
    text = f"net (int64 n, bool c, float[2] s0, float[5, 2] x) => (float[2] z) {{ {node} }}"
    with graph_of(text) as graph:
        (found,) = graph.main.nodes
        assert [(one.name, other.name) for one, other in carried(found)] == states


TREE = {"a": ["b", "c"], "b": ["d"], "c": [], "d": ["a", "e"], "e": []}


def test_what_is_inside_comes_behind_or_before():
    def flat(vertex):
        return [each for each in TREE[vertex] if each != "a"]

    assert [*preorder(["a", "c"], flat)] == ["a", "b", "d", "e", "c", "c"]
    assert [*postorder(["a", "c"], TREE.__getitem__)] == ["e", "d", "b", "c", "a"]
    deep = {number: [number + 1] for number in range(50_000)} | {50_000: []}
    assert [*preorder([0], deep.__getitem__)] == [*range(50_001)]
    assert [*postorder([0], deep.__getitem__)] == [*range(50_000, -1, -1)]


def test_nested_graphs_and_messages(graph_of):
    text = """net (bool c, float[N] x) => (float[N] y) {
        y = If(c)<then_branch: graph = t () => (float[N] a) {
                      a = If(c)<then_branch: graph = tt () => (float[N] d) {d = Relu(x)},
                                else_branch: graph = te () => (float[N] e) {e = Abs(x)}>},
                  else_branch: graph = e () => (float[N] b) {b = Neg(x)}>
    }"""
    with graph_of(text) as graph:
        proto = graph.model.proto
        assert [each.name for each in containers(proto)] == ["net", "t", "e", "tt", "te"]
        assert graph.main.nested[0] is graph.main
        assert [*map(len, (graph.main.nested, graph.scopes))] == [5, 5]
        assert graph.main.nodes[0].scopes_inside == graph.main.nested[1:]
        every = [message for message, _ in messages(proto)]
        assert sum(type(each).__name__ == "NodeProto" for each in every) == 5
        closed = messages(proto, lambda each: type(each).__name__ != "NodeProto")
        nodes = [fields for each, fields in closed if type(each).__name__ == "NodeProto"]
        assert nodes == [()]  # those inside it stand in its attributes


@given(st.data())
@settings(tries(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sweeps_find_what_searches_find(graph_of, data):
    """Of any graph whose nodes stand in order: some read nothing, some are read by nobody."""
    names, lines = ["x", "z"], []
    for number in range(data.draw(st.integers(1, 12))):
        read = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        op = data.draw(st.sampled_from(["Sum", "Shape", "Relu", "Size"]))
        made = [f"v{number}", f"u{number}"][: data.draw(st.integers(1, 2))]
        lines.append(f"{', '.join(made)} = {op}({', '.join(read)})")
        names += made
    out = data.draw(st.sampled_from(names[2:]))
    text = f"net (float[N] x, float[N] z) => (float[N] {out}) {{ {' '.join(lines)} }}"
    with graph_of(text) as graph:
        values = [*graph.values()]
        start = set(data.draw(st.lists(st.sampled_from(values), unique=True)))
        nodes = graph.main.nodes
        for stop in ((), SIZE_OPS):
            assert swept(start, nodes, stop) == reach(start, flows_to, stop)
            assert swept_back(start, nodes, stop) == reach(start, comes_from, stop)
        assert graph.descendants(graph.inputs) == reach(graph.inputs, flows_to, ())
        assert graph.ancestors(graph.outputs) == reach(graph.outputs, comes_from, ())


def test_a_search_in_an_unsorted_file_goes_every_way(graph_of):
    text = "net (float[N] x) => (float[N] y) { y = Neg(b) b = Relu(a) a = Sigmoid(x) }"
    with graph_of(text) as graph:
        assert len(graph.descendants(graph.inputs)) == len(graph.ancestors(graph.outputs)) == 7
