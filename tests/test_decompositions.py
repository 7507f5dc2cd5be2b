"""Operators that are found as the nodes that they are made of."""

from __future__ import annotations

import pytest

from onnxlint import Decompositions
from onnxlint.analyses import Analyses
from onnxlint.safety.limits import Budget

NORM = """net (float[N, 8] x) => (float[N, 8] y) <float two = {2}, float eps = {1e-5}> {
    m = ReduceMean <axes = [AXIS]>(x) d = Sub(x, m) q = Pow(d, two)
    v = ReduceMean <axes = [AXIS]>(q) a = Add(v, eps) s = Sqrt(a) y = Div(d, s)
}"""
GELU = """net (float[N, 8] x) => (float[N, 8] y)
<float r = {1.4142}, float o = {1}, float h = {0.5}> {
    d = Div(x, r) e = Erf(d) a = Add(e, o) m = Mul(x, a) y = Mul(m, h)
}"""
ATTENTION = """net (float[N, 4] q, float[4, N] k, float[N, 4] v, float[N, N] m) => (float[N, 4] y) {
    s = MatMul(q, k) t = Add(s, m) p = Softmax(t) y = MatMul(p, v)
}"""


@pytest.mark.parametrize(
    ("text", "opset", "operators"),
    [
        (NORM.replace("AXIS", "-1"), 17, ["LayerNormalization"]),
        (NORM.replace("AXIS", "1"), 17, ["LayerNormalization"]),
        (NORM.replace("AXIS", "0"), 17, []),
        (NORM.replace("AXIS", "-1"), 16, []),
        (GELU, 20, ["Gelu"]),
        (ATTENTION, 23, ["Attention"]),
        (ATTENTION, 22, []),
    ],
)
def test_an_operator_is_found_where_the_opset_has_it(graph_of, text, opset, operators):
    with graph_of(f'<ir_version: 8, opset_import: ["" : {opset}]>\n{text}') as graph:
        found = Analyses(graph.model, graph, Budget(60, None)).get(Decompositions)
        told = [(each.operator, [match.last.outputs[0].name for match in places])
                for each, places in found]  # fmt: skip
    assert told == [(operator, ["y"]) for operator in operators]
