"""The layers of a model, and the trails between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onnxlint import Change, Graph, Layers
from onnxlint.model.file.load import open_model
from onnxlint.testing import Example, saved

HEADER = "n (float[N, 2, 4, 4] x) => (float y)"
WEIGHTS = """<float[6, 2, 3, 3] k = {1}, float[2, 1, 3, 3] d = {1}, float[2, 3, 2, 2] u = {1},
 float[4, 5] w = {1}, float[5, 4] t = {1}, float[4] b = {1}, float[1] one = {1},
 float[4, 3, 7] cube = {1}>"""


@contextmanager
def layers_of(body: str) -> Iterator[tuple[Graph, Layers]]:
    example = Example.parse(f"{HEADER} {WEIGHTS} {{ {body} }}")
    with saved(example) as path, open_model(str(path)) as model:
        graph = Graph.build(model)
        yield graph, Layers.build(graph)


@pytest.mark.parametrize(
    ("body", "widths"),
    [
        ("y = Conv(x, k)", [(2, 6, 1, (3, 3))]),
        ("y = Conv<group = 2>(x, d)", [(2, 2, 2, (3, 3))]),
        ("y = ConvTranspose(x, u)", [(2, 3, 1, (2, 2))]),
        ("y = MatMul(x, w)", [(4, 5, 1, ())]),
        ("y = MatMul(t, x)", [(4, 5, 1, ())]),
        ("f = Flatten(x) y = Gemm<transB = 1>(f, t)", [(4, 5, 1, ())]),
        ("v = Transpose(t) y = MatMul(x, v)", [(4, 5, 1, ())]),
        ("h = Cast<to = 10>(w) v = Cast<to = 1>(h) y = MatMul(x, v)", [(4, 5, 1, ())]),
        ('y = Einsum<equation = "abcd,def->abcef">(x, cube)', [(4, 21, 1, ())]),
        ('y = Einsum<equation = "abcd,cef->abdef">(x, cube)', [(4, 21, 1, ())]),
        ('y = Einsum<equation = "abcd,def->abcdef">(x, cube)', [(1, 21, 4, ())]),
        ("y = MatMul(x, x)", []),
        ("s = Shape(x) f = Cast<to = 1>(s) y = Mul(x, f)", []),
    ],
)
def test_what_a_layer_makes_of_its_features(body: str, widths: list[tuple[object, ...]]) -> None:
    with layers_of(body) as (_, layers):
        assert [(a.inputs, a.outputs, a.groups, a.kernel) for a in layers] == widths


@pytest.mark.parametrize(
    ("between", "ops", "change", "alone"),
    [
        ("z = Identity(h)", ["Identity"], Change.NONE, True),
        ("f = Transpose(h) z = Add(b, f)", ["Add", "Transpose"], Change.AFFINE, True),
        ("f = Relu(h) z = Identity(f)", ["Identity", "Relu"], Change.NONLINEAR, True),
        ("z = AveragePool<kernel_shape = [1, 1]>(h)", ["AveragePool"], Change.MIXING, True),
        ("z = Div(h, b)", ["Div"], Change.AFFINE, True),
        ("z = Div(b, h)", ["Div"], Change.NONLINEAR, True),
        ("z = Identity(h) other = Relu(h)", ["Identity"], Change.NONE, False),
        ("z = Identity(h) size = Shape(h)", ["Identity"], Change.NONE, True),
    ],
)
def test_a_trail_leads_to_the_layer_behind(
    between: str, ops: list[str], change: Change, alone: bool
) -> None:
    with layers_of(f"h = MatMul(x, w) {between} y = Relu(z)") as (graph, layers):
        trail = layers.trail(graph.main.values["z"])
        assert trail.layer is not None
        assert trail.layer.node.op == "MatMul"
        assert [node.op for node in trail.nodes] == ops
        assert (trail.change, trail.alone) == (change, alone)


@pytest.mark.parametrize(
    "joined", ["z = Add(h, x)", "g = Relu(h) z = Mul(g, h)", "z = Concat<axis = 1>(h, h)"]
)
def test_a_trail_ends_at_a_join(joined: str) -> None:
    with layers_of(f"h = MatMul(x, w) {joined} y = Relu(z)") as (graph, layers):
        trail = layers.trail(graph.main.values["y"])
        assert (trail.layer, trail.origin.name) == (None, "z")


def test_a_loop_in_the_graph_ends_the_trail() -> None:
    with layers_of("a = Relu(c) c = Relu(a) y = Add(a, x)") as (graph, layers):
        assert layers.trail(graph.main.values["a"]).layer is None


def test_depth_counts_the_longest_path_through_a_node() -> None:
    branch = (
        "then_branch = a () => (p) { p = MatMul(s, w) }, else_branch = b () => (q) { q = Relu(s) }"
    )
    body = f"""g = MatMul(x, w) r = Relu(g) s = MatMul(r, t) c = Constant<value_int = 1>()
        cond = Cast<to = 9>(c) y = If (cond) <{branch}> z = Relu(x)"""
    with layers_of(body) as (graph, layers):
        depths = {
            node.output.name: layers.depth(node) for node in graph.nodes("Relu") if node.output
        }
        assert depths == {"r": 3, "z": 0, "q": 2}


@pytest.mark.parametrize(
    ("behind", "fed"),
    [
        ("m = MatMul(r, t)", ["MatMul"]),
        ("q = Reshape(r, shape) m = MatMul(q, t) k = MatMul(r, t)", ["MatMul", "MatMul"]),
        ("size = Shape(r) m = MatMul(r, t)", ["MatMul"]),
        ("p = GlobalMaxPool(r) m = MatMul(p, t)", []),
        ("p = MaxPool<kernel_shape = [1, 1]>(r) m = MatMul(p, t)", ["MatMul"]),
        ("m = MatMul(r, t) e = Exp(r)", []),
        ("e = Exp(x)", []),
    ],
)
def test_the_layers_that_a_node_feeds(behind: str, fed: list[str]) -> None:
    body = f"shape = Shape(x) h = MatMul(x, w) r = Relu(h) {behind} y = Neg(h)"
    with layers_of(body) as (graph, layers):
        (relu,) = graph.nodes("Relu")
        assert [layer.node.op for layer in layers.fed_by(relu)] == fed
