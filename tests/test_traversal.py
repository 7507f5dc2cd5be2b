"""Walks from a value past operators that only hand it on."""

from __future__ import annotations

from onnxlint.model.graph.operators import MOVING
from onnxlint.model.graph.traversal import behind, followers, source, sources

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
