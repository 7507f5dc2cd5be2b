"""Every text for people in a model, and where it is."""

from __future__ import annotations

from onnxlint.analyses.static.texts import Texts


def test_texts_of_the_model_its_graphs_nodes_and_tensors(graph_of):
    text = """<doc_string: "of the model">
    net (bool flag, float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
        y = If(flag) <
            then_branch = a () => (float[2] p) { [mark] p = Add(x, w) },
            else_branch = b () => (float[2] q) { q = Relu(x) }
        >
    }"""
    with graph_of(text) as graph:
        inner = next(scope for scope in graph.scopes if scope.parent is not None)
        inner.nodes[0].proto.metadata_props.add(key="source", value="of a node")
        graph.main.proto.initializer[0].doc_string = "of a tensor"
        found = {(str(each.holder.place), each.field): each.content for each in Texts.build(graph)}
    assert sorted(found.values()) == ["of a node", "of a tensor", "of the model"]
    assert found["model", "doc_string"] == "of the model"
    assert found["'w'", "doc_string"] == "of a tensor"
    assert found[str(inner.nodes[0].place), "metadata 'source'"] == "of a node"
