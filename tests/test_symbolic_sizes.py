"""Which values grow with a dynamic dimension of the inputs, and how."""

from __future__ import annotations

from fractions import Fraction

import pytest

from onnxlint import SymbolicSize
from onnxlint.analyses import Analyses
from onnxlint.analyses.static.symbolic_sizes import SymbolicSizes
from onnxlint.safety.limits import Budget

ROWS = """net (float[batch, 4, 6] x) => (y) <float[3, 5] w, int64[2] shape = {-1, 3}> {
    h = HardSwish(x)
    s = Reshape(h, shape)
    g = MatMul(s, w)
    y = Relu(g)
}"""


@pytest.mark.parametrize(
    ("name", "factor"),
    [("x", 24), ("h", 24), ("s", 24), ("y", 40), ("w", None)],
)
def test_a_dimension_is_followed_through_shapes_and_layers(graph_of, name, factor):
    with graph_of(
        ROWS.replace("w,", "w = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},")
    ) as graph:
        sizes = Analyses(graph.model, graph, Budget(60, None)).get(SymbolicSizes)
        expected = None if factor is None else SymbolicSize("batch", Fraction(factor))
        assert sizes.symbols == {"batch"}
        assert sizes.counts.get(graph.main.values[name]) == expected
