"""What rules can ask for of quantised models, masks before a softmax, and folded sizes."""

from __future__ import annotations

import pytest

from onnxlint import AttentionMasks, ConstantFolding, Graph, Quantisation
from onnxlint.analyses import Analyses
from onnxlint.model.file.load import open_model
from onnxlint.settings import Settings


@pytest.fixture
def asked(write_model):
    opened = []

    def ask(text, *wanted):
        opened.append(open_model(str(write_model(text))))
        analyses = Analyses(Settings(), opened[-1].__enter__())
        opened.append(analyses)
        return [analyses.get(each) for each in (Graph, *wanted)]

    yield ask
    for each in reversed(opened):
        each.close() if isinstance(each, Analyses) else each.__exit__(None, None, None)


QUANTISED = """
net (float[N, 4] x) => (float[N, 2] y)
<int8[2, 4] w = {1, 2, 3, 4, 5, 6, 7, 8}, float s = {0.1}, uint8 z = {3}, int8 wz = {0}>
{
    q = QuantizeLinear(x, s, z)
    d = DequantizeLinear(q, s, z)
    v = DequantizeLinear(w, s, wz)
    t = Transpose(v)
    y = MatMul(d, t)
}
"""


def test_quantised_layers_and_their_parameters(asked):
    _, quantisation = asked(QUANTISED, Quantisation)
    (layer,) = quantisation.layers
    assert (layer.node.op, layer.data.name, layer.weights.name) == ("MatMul", "q", "w")
    assert layer.is_8_bit
    found = [(each.node.index, each.named) for each in quantisation.parameters]
    assert found == [(0, "tensor 'x'"), (1, "tensor 'q'"), (2, "tensor 'w'")]
    last = layer.node.input(1)
    assert quantisation.dequantiser(last).index == 2  # past the Transpose
    assert quantisation.quantiser(last) is None
    assert quantisation.dequantiser(None) is None
    assert all(each.entries(0, None) is None for each in quantisation.parameters)


MASKED = """
net (float[N, T] s, bool[N, T] keep) => (float[N, T] y)
<float low = {-inf}>
{
    h = Where(keep, s, low)
    p = Softmax(h)
    none = IsNaN(p)
    y = Where(none, s, p)
}
"""


def test_masks_and_their_guard(asked):
    graph, masks = asked(MASKED, AttentionMasks)
    (softmax,) = graph.nodes("Softmax")
    (mask,) = masks.before(softmax.input(0))
    assert (mask.node.index, mask.condition.name, mask.keeps) == (0, "keep", True)
    assert masks.can_block_a_row(mask)
    assert [value.name for value in masks.deciders(mask)] == ["keep"]
    assert masks.is_guarded(softmax)


@pytest.mark.parametrize(("size", "expected"), [("3", False), ("1", True), ("N", None)])
def test_what_sizes_always_are(size, expected, asked):
    text = f"""
    net (float[2, {size}] x) => (bool y)
    <int64 one = {{1}}>
    {{
        sizes = Shape(x)
        size = Gather(sizes, one)
        flat = Flatten <axis = 0> (size)
        single = Squeeze(flat)
        y = Equal(single, one)
    }}"""
    graph, folding = asked(text, ConstantFolding)
    assert folding.of(graph.outputs[0]) is expected
