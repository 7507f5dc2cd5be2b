"""Which values of two models may be the same: by structure, by weights, by name."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from conftest import tries
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses import Analyses
from onnxlint.analyses.comparison.value_pairing import (
    ComparedModel,
    Pairing,
    paired,
    seen_by_readers,
)
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text


@contextmanager
def sides(*models: onnx.ModelProto):
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        found = []
        for number, proto in enumerate(models):
            path = Path(folder) / f"{number}.onnx"
            onnx.save(proto, path)
            model = stack.enter_context(open_model(str(path)))
            analyses = stack.enter_context(closing(Analyses(Settings(), model)))
            found.append(ComparedModel(*map(analyses.get, (Graph, Shapes, Weights))))
        yield found


def pairing(one: ComparedModel, other: ComparedModel) -> Pairing:
    return paired(one, other, dict(zip(one.graph.inputs, other.graph.inputs, strict=True)))


def by_structure(*texts: str) -> dict[str, str]:
    with sides(*map(model_from_text, texts)) as (one, other):
        found = pairing(one, other).by_structure
        return {value.name: like.name for value, like in found.items()}


def random_model(draw: st.DrawFn) -> onnx.ModelProto:
    """A graph in which no two nodes compute the same."""
    nodes, weights, seen, values = [], [], set(), ["x"]
    for number in range(draw(st.integers(1, 14))):
        op = draw(st.sampled_from(["Relu", "Tanh", "Add", "MatMul"]))
        read = [draw(st.sampled_from(values)) for _ in range(2 if op == "Add" else 1)]
        if op == "MatMul":
            weight = np.random.default_rng(number).standard_normal((4, 4)).astype(np.float32)
            weights.append(numpy_helper.from_array(weight, f"w{number}"))
            read.append(f"w{number}")
        key = (op, *sorted(read))
        if key not in seen:
            seen.add(key)
            nodes.append(helper.make_node(op, read, [f"v{number}"]))
            values.append(f"v{number}")
    kind = TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, ["N", 4]) for name in ("x", values[-1])]
    graph = helper.make_graph(nodes, "random", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def reordered(draw: st.DrawFn, model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with other names, other addends first, and in another order of the nodes."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    pending, known = list(model.graph.node), {"x"} | {w.name for w in model.graph.initializer}
    del other.graph.node[:]
    while pending:
        ready = [node for node in pending if known.issuperset(node.input)]
        node = draw(st.sampled_from(ready))
        pending.remove(node)
        known.update(node.output)
        copy = other.graph.node.add()
        copy.CopyFrom(node)
        if node.op_type == "Add":
            copy.input[:] = list(node.input)[::-1]
        for names in (copy.input, copy.output):
            names[:] = [name if name == "x" else f"other_{name}" for name in names]
    for named in (*other.graph.initializer, *other.graph.output):
        named.name = f"other_{named.name}"
    return other


@tries(20)
@given(st.data())
def test_another_order_under_other_names_is_paired_wholly(data):
    model = random_model(data.draw)
    with sides(model, reordered(data.draw, model)) as (one, other):
        found = pairing(one, other)
        assert {value.name: like.name for value, like in found.by_structure.items()} == {
            name: f"other_{name}" for node in model.graph.node for name in node.output
        }
        assert found.by_name == {}


NET = """net (float[N, 4] x) => (float[N, 4] y)
<float[4, 4] a = {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2},
 float[4, 4] b = {3, 1, 4, 1, 5, 0, 2, 6, 5, 3, 5, 8, 0, 7, 0, 3}> {
    q = MatMul(x, a)
    k = MatMul(x, b)
    s = Sub(q, k)
    y = Softmax(s)
}"""


def test_siblings_are_told_apart_by_their_weights():
    crossed = NET.replace("q = MatMul(x, a)", "m = MatMul(x, b)").replace(
        "k = MatMul(x, b)", "n = MatMul(x, a)"
    )
    crossed = crossed.replace("Sub(q, k)", "Sub(n, m)")
    assert by_structure(NET, crossed) == {"q": "n", "k": "m", "s": "s", "y": "y"}


@pytest.mark.parametrize(
    "between",
    ["i = Identity(s) y = Softmax(i)", "c = Cast<to = 10>(s) d = Cast<to = 1>(c) y = Softmax(d)",
     "d = Dropout(s) y = Softmax(d)",
     "q8 = QuantizeLinear(s, scale, zero) d = DequantizeLinear(q8, scale, zero) y = Softmax(d)"],
)  # fmt: skip
def test_what_hands_numbers_on_is_looked_through(between):
    other = NET.replace("y = Softmax(s)", between).replace(
        "> {", ", float scale = {0.1}, uint8 zero = {0}> {"
    )
    assert by_structure(NET, other) == {name: name for name in ("q", "k", "s", "y")}
    assert by_structure(other, NET).items() >= {(name, name) for name in ("q", "k", "s", "y")}


def test_weights_go_on_where_structure_and_names_are_others():
    other = NET.replace("q = MatMul(x, a)", "h = Neg(x) g = Neg(h) q1 = MatMul(g, a)").replace(
        "Sub(q, k)", "Sub(q1, k1)"
    )
    other = other.replace("k = MatMul(x, b)", "k1 = MatMul(g, b)").replace("s =", "s1 =")
    other = other.replace("Softmax(s)", "Softmax(s1)")
    assert by_structure(NET, other) == {"q": "q1", "k": "k1", "s": "s1", "y": "y"}


def test_names_come_first_in_the_second_answer():
    """A quantised convolution took over the ReLU, and its name."""
    fused = """net (float[N, 4] x) => (float[N, 4] y) <float s = {0.1}, uint8 z = {0}> {
        r = Neg(x) q = QuantizeLinear(r, s, z) d = DequantizeLinear(q, s, z) y = Softmax(d) }"""
    plain = """net (float[N, 4] x) => (float[N, 4] y) {
        h = Neg(x) r = Relu(h) y = Softmax(r) }"""
    with sides(*map(model_from_text, (fused, plain))) as (one, other):
        found = pairing(one, other)
        names = {value.name: like.name for value, like in found.by_name.items()}
        assert names == {"r": "r", "y": "y"}
        (value,) = (value for value in found.by_structure if value.name == "r")
        assert found.by_structure[value].name == "h"
        assert seen_by_readers(value).name == "d"
