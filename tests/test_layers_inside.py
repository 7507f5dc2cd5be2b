"""Layers whose weights a function is given as arguments, and what the rules see of them."""

from __future__ import annotations

import pytest

from onnxlint import Graph, Layers, lint
from onnxlint.analyses import Analyses
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings

HEAD = '<ir_version: 8, opset_import: ["": 17, "my": 1]>\n'
MY = '<domain: "my", opset_import: ["": 17]>\n'

DENSE = MY + "dense (a, w, b) => (y) { p = MatMul(a, w) q = Add(p, b) y = Relu(q) }\n"
TWO_BY_TWO = "float[2, 2] v = {1, 0.5, 0.5, 1}, float[2, 2] w = {1, 2, 3, 4}, float[2] b = {0, 1}"


def net(body: str, functions: str, weights: str = TWO_BY_TWO) -> str:
    return f"{HEAD} net (float[N, 2] x) => (float[N, 2] y) <{weights}> {{ {body} }}\n{functions}"


def layers_of(path) -> dict[str, str]:
    """The layers' operators with the names of their weights."""
    with open_model(str(path)) as model:
        analyses = Analyses(Settings(), model)
        try:
            analyses.get(Graph)
            return {layer.node.op: layer.weight.name for layer in analyses.get(Layers)}
        finally:
            analyses.close()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("y = my.dense(x, w, b)", {"MatMul": "w"}),
        ("h = my.dense(x, v, b) y = my.dense(h, w, b)", {"MatMul": "v"}),  # the first one's
        ("t = Transpose(w) y = my.dense(x, t, b)", {"MatMul": "w"}),
        ("t = Transpose(w) h = my.dense(x, t, b) y = my.dense(x, t, b)", {}),  # sizes not stored
        ("h = my.dense(x, x, b) y = my.dense(h, w, b)", {}),  # computed at one call
        ("h = my.dense(x, s, b) y = my.dense(h, w, b)", {}),  # of other sizes at one call
    ],
)
def test_weights_are_what_every_call_gives(write_model, body, found):
    path = write_model(net(body, DENSE, TWO_BY_TWO + ", float[2, 3] s = {1, 2, 3, 4, 5, 6}"))
    assert layers_of(path) == found


def test_functions_hand_weights_on(write_model):
    inner = MY + "inner (a, w) => (y) { y = MatMul(a, w) }\n"
    outer = MY.replace("17]", '17, "my": 1]') + "outer (a, w) => (y) { y = my.inner(a, w) }\n"
    assert layers_of(write_model(net("y = my.outer(x, w)", outer + inner))) == {"MatMul": "w"}


def test_what_nobody_calls_has_no_weights(write_model):
    assert layers_of(write_model(net("y = Relu(x)", DENSE))) == {}


FADING = (
    "float[2, 2] v = {1e-5, 5e-6, 5e-6, 1e-5}, float[2, 2] w = {1, 2, 3, 4}, float[2] b = {0, 0}"
)
LINEAR = MY + "linear (a, w) => (y) { y = MatMul(a, w) }\n"
ACT = MY + "act (a) => (y) { y = Relu(a) }\n"


def findings(path, code: str, **settings) -> list[tuple[str, str]]:
    report = lint(path, select=[code], settings=Settings(**settings))
    return [(found.place.scope, found.place.op_type) for found in report.findings]


@pytest.mark.parametrize(
    ("body", "functions", "found"),
    [
        ("h = my.dense(x, v, b) k = my.dense(h, v, b) y = my.dense(k, w, b)", DENSE,
         [("", "dense")]),  # calls are seen together inside, and each by itself where it is made
        ("a = my.linear(x, v) h = my.act(a) c = my.linear(h, v) k = my.act(c) "
         "y = my.linear(k, w)", LINEAR + ACT, [("", "linear")]),
        ("h = my.once(x, v) k = my.twice(h, v) y = MatMul(k, w)",
         LINEAR.replace("linear", "once") + LINEAR.replace("linear", "twice"),
         [("function:my::twice", "MatMul")]),
        ("h = my.once(x, v) y = my.twice(h, v)",  # what leaves may be small
         LINEAR.replace("linear", "once") + LINEAR.replace("linear", "twice"), []),
        ("h = my.once(x, w) k = my.twice(h, w) y = MatMul(k, w)",
         LINEAR.replace("linear", "once") + LINEAR.replace("linear", "twice"), []),
        ("h = my.once(x, v) k = my.twice(h, v) y = Add(k, x)",  # a small correction
         LINEAR.replace("linear", "once") + LINEAR.replace("linear", "twice"), []),
    ],
)  # fmt: skip
def test_activations_that_fade_from_call_to_call(write_model, body, functions, found):
    assert findings(write_model(net(body, functions, FADING)), "ACT005") == found


SHIFTED = "float[2, 2] w = {1, 2, 3, 4}, float[2] far = {900, 900}, float[2] near = {0.5, 0}"


@pytest.mark.parametrize(("added", "found"), [("far", [("function:my::shift", "Add")]),
                                              ("near", [])])  # fmt: skip
def test_inputs_of_layers_inside_are_judged(write_model, added, found):
    shift = MY + "shift (a, b) => (y) { y = Add(a, b) }\n"
    body = f"h = my.shift(x, {added}) y = my.linear(h, w)"
    assert findings(write_model(net(body, shift + LINEAR, SHIFTED)), "ACT010") == found


SAME = MY + "same (a) => (y) { y = Identity(a) }\n"
PAIR = MY + "pair (a, v, w) => (p, q) { p = MatMul(a, v) q = MatMul(a, w) }\n"
COPY = MY + "pair (a, v, w) => (p, q) { p = MatMul(a, v) q = Identity(p) }\n"
OUTPUTS = (
    HEAD
    + """net (float[N, 2] x) => (float[N, 2] y, float[N, 2] z)
    <float[2, 2] v = {1, 2, 3, 4.5}, float[2, 2] w = {1, 2, 3, 4.5}>
    { BODY }\n"""
)


@pytest.mark.parametrize(
    ("body", "functions", "found"),
    [
        ("y = MatMul(x, v) z = my.same(y)", SAME, 0),  # meant so
        ("y, z = my.pair(x, v, w)", COPY, 0),
        ("y, z = my.pair(x, v, w)", PAIR, 1),
        ("y = my.linear(x, v) z = my.linear(x, w)", LINEAR, 1),
    ],
)
def test_equal_outputs_are_followed_into_functions(write_model, body, functions, found):
    path = write_model(OUTPUTS.replace("BODY", body) + functions)
    assert len(findings(path, "PRD007")) == found


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("{ c = Constant<value = float[1, 1] {3}>() s = Shape(a) y = Expand(c, s) }", 0),
        ("{ b = Abs(a) n = Neg(b) y = Relu(n) }", 1),
        ("{ b = Abs(a) s = Shape(b) c = ConstantOfShape(s) y = Add(a, c) }", 0),
    ],
)
def test_outputs_of_shapes_are_no_collapse_inside_either(write_model, function, found):
    path = write_model(
        OUTPUTS.replace("BODY", "z = my.grid(x) y = MatMul(x, v)")
        + MY
        + f"grid (a) => (y) {function}\n"
    )
    assert len(findings(path, "PRD002")) == found


@pytest.mark.parametrize(("first", "found"), [("x", 1), ("v", 0)])
def test_what_one_of_several_calls_is_given_varies(write_model, first, found):
    """A function is looked into once for all calls, also where only the last one reads an input."""
    function = MY + "floor (a) => (y) { b = Abs(a) n = Neg(b) y = Relu(n) }\n"
    body = f"g = my.floor({first}) z = my.floor(x) y = MatMul(x, v)"
    text = OUTPUTS.replace("BODY", body if found else "z = my.floor(v) y = MatMul(x, v)")
    assert len(findings(write_model(text + function), "PRD002")) == found
