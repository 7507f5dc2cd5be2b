"""Walks from a value past operators that only hand it on."""

from __future__ import annotations

from onnxlint.model.file.messages import containers, messages
from onnxlint.model.graph.operators import MOVING
from onnxlint.model.graph.traversal import behind, followers, source, sources
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


def test_a_limit_ends_the_way_back(graph_of):
    with graph_of(CHAIN) as graph:
        u = graph.main.values["u"]
        assert behind(u, {"Sigmoid"}, MOVING, most=4) is graph.main.nodes[0]
        assert behind(u, {"Sigmoid"}, MOVING, most=3) is None
        assert [each.name for each in sources(u, MOVING, most=2)] == ["u", "t"]


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
