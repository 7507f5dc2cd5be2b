"""What rules can ask for of quantised models, masks before a softmax, and folded sizes."""

from __future__ import annotations

import pytest

from onnxlint import AttentionMasks, ConstantFolding, Graph, Quantisation, QuantisedRange, Shapes
from onnxlint.analyses import Analyses
from onnxlint.analyses.static import constant_values
from onnxlint.analyses.static.masked_values import MaskedValues
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


def test_ranges_codes_and_origins(asked):
    graph, quantisation = asked(QUANTISED, Quantisation)
    data, _, weights = quantisation.parameters
    assert data.quantised.name == "q"
    assert weights.quantised is None  # it only reads them
    step = data.range(graph).step
    assert step == pytest.approx(0.1)
    assert data.range(graph) == QuantisedRange(-3 * step, 252 * step, step)
    (layer,) = quantisation.layers
    counts = layer.code_counts(graph)
    assert (len(counts), counts.sum(), counts[127], counts[128]) == (255, 8, 0, 1)
    assert layer.slices(graph) == 4  # along axis 1, the default
    moved = layer.node.input(1)
    assert quantisation.origin(moved).name == "v"
    assert quantisation.origin(quantisation.origin(moved)).name == "v"


def test_a_transposed_weight_has_its_scales_along_the_first_axis(asked):
    text = """
    <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    net (uint8[N, 4] x) => (float[N, 2] y)
    <int8[2, 4] w = {1, 2, 3, 4, 5, 6, 7, 8}, float s = {0.1}, uint8 z = {3}, int8 wz = {0}>
    {
        y = com.microsoft.QGemm <transB = 1> (x, s, z, w, s, wz)
    }"""
    graph, quantisation = asked(text, Quantisation)
    (layer,) = quantisation.layers
    assert (layer.axis, layer.slices(graph)) == (-2, 2)


@pytest.mark.parametrize(
    ("scale", "zero", "equal"), [("s", "z", True), ("t", "z", False), ("same", "z", True)]
)
def test_what_is_dequantised_and_quantised_again(scale, zero, equal, asked):
    text = f"""
    net (uint8[N, 4] x) => (uint8[N, 4] y)
    <float s = {{0.1}}, float same = {{0.1}}, float t = {{0.2}}, uint8 z = {{3}}>
    {{
        d = DequantizeLinear(x, s, z)
        i = Identity(d)
        y = QuantizeLinear(i, {scale}, {zero})
    }}"""
    _, quantisation = asked(text, Quantisation)
    assert [(node.index, alike) for node, alike in quantisation.requantised] == [(2, equal)]


@pytest.mark.parametrize(
    ("scales", "zeros", "expected"),
    [
        ("float[2] s = {1, 2}", "int8[2] z = {0, 0}", []),
        ("float s = {1}", "int8 z = {0}", []),
        ("float[3] s = {1, 2, 3}", "int8[3] z = {0, 0, 0}",
         [("scales", 3, 2), ("zero points", 3, 2)]),
        ("float[2] s = {1, 2}", "int8 z = {0}", [("zero points", 1, 2)]),
        ("float[1, 2] s = {1, 2}", "int8[2] z = {0, 0}", [("dimensions in its scales", 2, 1)]),
    ],
)  # fmt: skip
def test_numbers_of_scales_that_do_not_fit(scales, zeros, expected, asked):
    text = f"""
    net (int8[4, 2] x) => (float[4, 2] y) <{scales}, {zeros}>
    {{
        y = DequantizeLinear <axis = 1> (x, s, z)
    }}"""
    _, quantisation, shapes = asked(text, Quantisation, Shapes)
    (found,) = quantisation.parameters
    misfits = [(each.what, each.count, each.expected) for each in found.miscounts(shapes)]
    assert misfits == expected


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


def test_what_is_masked_is_foreseen(asked):
    graph, masked = asked(
        """net (float[N, 4] x) => (float[N, 4] y)
    <float[4] mask = {0, 0, -10000, -10000}, float[4] bias = {0, 1, 2, 3}>
    { a = Add(x, bias) b = Add(a, mask) c = Identity(b) y = Softmax(c) }""",
        MaskedValues,
    )
    for _ in masked.foresee():
        assert "values" in masked.__dict__
    assert {value.name for value in masked.values} == {"mask", "b", "c"}
    assert graph.main.values["y"] not in masked.values


@pytest.mark.parametrize(("most", "known"), [(8, {"a", "y"}), (7, set())])
def test_outputs_are_proven_before_anybody_asks_where_weights_are_few(
    most, known, asked, monkeypatch
):
    monkeypatch.setattr(constant_values, "MOST_FORESEEN", most)
    _, constancy = asked(
        """net (float[N, 4] x) => (float[N, 4] y)
    <float[4] zero = {0, 0, 0, 0}, float[4] one = {1, 1, 1, 1}>
    { a = Mul(x, zero) y = Add(a, one) }""",
        constant_values.Constancy,
    )
    for _ in constancy.foresee():
        pass
    assert {value.name for value in constancy._facts} == known
