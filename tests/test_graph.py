"""The graph over all scopes, and what rules ask of it."""

from __future__ import annotations

import networkx as nx
import numpy as np
import onnx
from onnx import helper

from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Origin

BRANCHES = """net (float[N] x, bool c, float[N] dead) => (float[N] y) <float[1] w = {2}> {
    h = Mul(x, w)
    y = If(c)<then_branch: graph = t () => (float[N] a) {a = Relu(h)},
              else_branch: graph = e () => (float[N] b) {k = Neg(w)  b = Add(h, k)}>
    lost = Relu(dead)
}"""


def names(vertices):
    return {vertex.name for vertex in vertices if hasattr(vertex, "consumers")}


def test_outer_values_are_consumed_by_inner_nodes(graph_of):
    with graph_of(BRANCHES) as graph:
        assert [scope.path for scope in graph.scopes] == [
            "",
            "If_1/then_branch",
            "If_1/else_branch",
        ]
        h = graph.main.values["h"]
        assert [node.op for node in h.consumers] == ["Relu", "Add"]
        assert [node.op for node in graph.main.values["w"].consumers] == ["Mul", "Neg"]


def test_reachability_crosses_scopes(graph_of):
    with graph_of(BRANCHES) as graph:
        assert {"x", "c", "w", "h", "a", "b", "k"} <= names(graph.ancestors(graph.outputs))
        assert "dead" not in names(graph.ancestors(graph.outputs))
        assert "y" in names(graph.descendants([graph.main.values["x"]]))
        assert "y" not in names(graph.descendants([graph.main.values["dead"]]))


def test_digraph_agrees_with_reachability(graph_of):
    with graph_of(BRANCHES) as graph:
        assert nx.is_directed_acyclic_graph(graph.digraph)
        for value in graph.values():
            assert graph.ancestors([value]) - {value} == nx.ancestors(graph.digraph, value)
            assert graph.descendants([value]) - {value} == nx.descendants(graph.digraph, value)


LOOP = """net (int64 trip, bool go, float[N] x, float[N] z) => (float[N] y) {
    y = Loop(trip, go, x)<body: graph = body (int64 i, bool c, float[N] s)
        => (bool c2, float[N] t) {
        c2 = Identity(c)
        t = Add(s, z)
    }>
}"""


def test_loop_feeds_its_body(graph_of):
    with graph_of(LOOP) as graph:
        assert nx.is_directed_acyclic_graph(graph.digraph)
        assert {"trip", "go", "x", "z"} <= names(graph.ancestors(graph.outputs))


def test_constants_are_seen_through_identity(graph_of):
    text = """net (float[N] x) => (float[N] y) <float[2] w = {1, 2}> {
        i = Identity(w)
        j = Identity(i)
        c = Constant<value_floats: floats = [3.0, 4.0]>()
        s = Constant<value: tensor = int64[2] {2, 2}>()
        f = ConstantOfShape<value: tensor = float[1] {7}>(s)
        y = Add(x, j)
    }"""
    with graph_of(text) as graph:
        values = graph.main.values
        np.testing.assert_array_equal(graph.constant(values["j"]), [1, 2])
        np.testing.assert_array_equal(graph.constant(values["c"]), [3, 4])
        np.testing.assert_array_equal(graph.constant(values["f"]), np.full((2, 2), 7))
        assert graph.constant(values["x"]) is None
        assert graph.constant(values["y"]) is None


def test_functions_are_scopes_of_their_own(graph_of):
    text = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
    net (float[N] x) => (float[N] y) {y = local.twice(x)}
    <domain: "local", opset_import: ["" : 20]>
    twice (a) => (b) {b = Add(a, a)}"""
    with graph_of(text) as graph:
        (body,) = graph.functions
        assert body.path == "function:local::twice"
        assert graph.main.nodes[0].called is body
        assert body.opsets == {"": 20}
        assert graph.main.opsets[""] == 21
        assert [node.op for node in graph.nodes()] == ["local::twice", "Add"]
        assert body.nodes[0].inputs[0] is body.inputs[0]


def test_names_may_be_anything(graph_of, tmp_path):
    with graph_of("net (float[N] x) => (float[N] y) {a = Relu(x)  y = Relu(a)}") as graph:
        proto = graph.model.proto
    odd = "\x00 /..\u202e\n\ud7ff 🦜"
    for node in proto.graph.node:
        node.name = odd
        for names_ in (node.input, node.output):
            names_[:] = [odd if name == "a" else name for name in names_]
    path = tmp_path / "odd.onnx"
    onnx.save(proto, path)
    with open_model(str(path)) as model:
        graph = Graph(model)
        assert graph.main.values[odd].producer.op == "Relu"
        assert "y" in names(graph.descendants(graph.inputs))


def test_second_definition_is_kept_apart(graph_of):
    with graph_of("net (float[N] x) => (float[N] y) {y = Relu(x)  y = Neg(x)}") as graph:
        assert graph.main.values["y"].producer.op == "Relu"
        (again,) = graph.main.redefinitions
        assert (again.first.name, again.node.op) == ("y", "Neg")


def test_undefined_names_are_values_of_nothing(graph_of):
    with graph_of("net (float[N] x) => (float[N] y) {y = Add(x, ghost)}") as graph:
        ghost = graph.main.nodes[0].inputs[1]
        assert ghost.origin is Origin.NOTHING
        assert ghost.name == "ghost"


def test_omitted_inputs_keep_their_slot(graph_of):
    with graph_of('net (float[N] x, float m) => (float[N] y) {y = Clip(x, "", m)}') as graph:
        clip = graph.main.nodes[0]
        assert [value and value.name for value in clip.inputs] == ["x", None, "m"]
        assert clip.input(7) is None


def chain(length: int) -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(length)]
    info = [helper.make_tensor_value_info(name, 1, ["N"]) for name in ("v0", f"v{length}")]
    return helper.make_model(helper.make_graph(nodes, "chain", info[:1], info[1:]))


def test_deep_graphs_need_no_recursion(tmp_path):
    path = tmp_path / "deep.onnx"
    path.write_bytes(chain(20_000).SerializeToString())
    with open_model(str(path)) as model:
        graph = Graph(model)
        assert len(graph.ancestors(graph.outputs)) == 40_001


def nested(depth: int) -> onnx.GraphProto:
    """Ifs within Ifs; the innermost branch reads the outermost input."""
    output = [helper.make_empty_tensor_value_info("y0")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y0"])], "g", [], output)
    for level in range(1, depth):
        node = helper.make_node("If", ["c"], [f"y{level}"], then_branch=graph, else_branch=graph)
        output = [helper.make_empty_tensor_value_info(f"y{level}")]
        graph = helper.make_graph([node], "g", [], output)
    return graph


def test_nested_scopes(tmp_path):
    graph = nested(8)
    graph.input.extend([helper.make_tensor_value_info("x", 1, ["N"]),
                        helper.make_tensor_value_info("c", 9, [])])  # fmt: skip
    path = tmp_path / "nested.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    with open_model(str(path)) as model:
        read = Graph(model)
        assert len(read.scopes) == 2**8 - 1
        assert len(read.main.values["x"].consumers) == 2**7
        assert {"x", "c"} <= names(read.ancestors(read.outputs))


def test_nodes_of_several_operators_come_in_the_order_of_the_file(graph_of):
    text = """net (bool f, float[N] x) => (float[N] y) {
        a = Exp(x) b = Relu(a)
        c = If(f) <then_branch = t () => (float[N] p) { p = Exp(b) },
                   else_branch = e () => (float[N] q) { q = Abs(b) }>
        d = Abs(c) y = Relu(d)
    }"""
    with graph_of(text) as graph:
        found = [node.output.name for node in graph.nodes("Relu", "Abs", "Exp", "Absent", "Exp")]
        assert found == ["a", "b", "d", "y", "p", "q"]
        assert [node.output.name for node in graph.nodes("Abs")] == ["d", "q"]
        assert list(graph.nodes("Absent")) == []


def test_parts_of_some_vertices_share_nothing(graph_of):
    text = """net (float[N] x) => (float[N] y) {
        a = Neg(x) b = Exp(a) c = Abs(x) y = Relu(x) d = Add(b, a)
    }"""
    with graph_of(text) as graph:
        dead = {each for each in (*graph.nodes(), *graph.values()) if each not in graph.live}
        parts = [{each.op for each in part if each in set(graph.nodes())}
                 for part in graph.parts(dead)]  # fmt: skip
        assert parts == [{"Neg", "Exp", "Add"}, {"Abs"}]
        assert [{"y", "x"} <= names(part) for part in graph.parts()] == [True]


def test_a_node_without_values_is_a_part(graph_of):
    with graph_of("net (float[N] x) => (float[N] y) { y = Relu(x) }") as graph:
        (relu,) = graph.nodes()
        assert [*graph.parts({relu})] == [{relu}]


def test_inputs_that_decide_a_shape(graph_of):
    text = """net (float[4] x, int64[N] s) => (float[N, M] y) <float[2] w = {1, 2}> {
        h = Reshape(x, s)
        y = Add(h, w)
    }"""
    with graph_of(text) as graph:
        assert [value.name for value in graph.main.nodes[0].shape_inputs] == ["s"]
        assert list(graph.main.nodes[1].shape_inputs) == []
