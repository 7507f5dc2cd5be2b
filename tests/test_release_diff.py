"""`onnxlint diff`: what changed between two releases, matched by structure and weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import click
import jsonschema
import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

import onnxlint
from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.worker import Workers
from onnxlint.cli.main import cli
from onnxlint.diffing.comparison import compared
from onnxlint.diffing.findings import findings_changed
from onnxlint.diffing.releases import DiffError
from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.place import Place
from onnxlint.release_diff import (
    FactChange,
    LayerChange,
    LayerRef,
    Observation,
    OperatorCount,
    OutputChange,
    PortChange,
    RangeChange,
    Release,
    ReleaseDiff,
    ScoreChange,
    WeightChange,
)
from onnxlint.reporters import diff_json, diff_markdown, diff_text
from onnxlint.reporters.diff_layers import layer_rows
from onnxlint.safety.limits import Budget
from onnxlint.settings import LabelSource, Settings
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(onnxlint.__file__).parent / "schemas" / "diff.json"

NET = """net (float[N, 3] x) => (float[N, 2] y)
<float[3, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[4, 2] v = {1, 2, 3, 4, 5, 6, 7, 9}> {
    h = MatMul(x, w)
    r = Relu(h)
    z = MatMul(r, v)
    y = Softmax(z)
}"""


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers()) as shared:
        yield shared


@pytest.fixture
def compare(tmp_path, workers):
    """Compares two models, given as text or message, here; they run on request."""

    def run(old, new, *, runs: bool = False, **given) -> ReleaseDiff:
        settings = Settings(**given)
        with ExitStack() as stack:
            sides = []
            for number, text in enumerate((old, new)):
                path = tmp_path / f"{number}.onnx"
                model = model_from_text(text) if isinstance(text, str) else text
                path.write_bytes(model.SerializeToString())
                budget = Budget.build(settings)
                side = stack.enter_context(closing(Analyses(settings, budget)))
                side.give(stack.enter_context(open_model(str(path), budget)))
                if runs:
                    side.give(workers.with_limits(settings.time_limit, settings.memory_limit))
                sides.append(side)
            return compared(*sides, ("old.onnx", "new.onnx"), static_only=not runs)

    return run


def changes(diff: ReleaseDiff) -> list[tuple[str, str]]:
    return [(each.change, each.layer.op) for each in diff.layers]


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    """Other names for all nodes and values between inputs and outputs, nodes in another order."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    for tensor in model.graph.initializer:
        tensor.name = f"other_{tensor.name}"
    for node in model.graph.node:
        node.name = f"some_{node.name}"
        for names in (node.input, node.output):
            names[:] = [name if name in kept or not name else f"other_{name}" for name in names]
    return model


def deep(layers: int = 6, *, seed: int = 1, without: int | None = None) -> onnx.ModelProto:
    """Dense layers of one size with ReLUs between them; one of them may be left out."""
    rng = np.random.default_rng(seed)
    nodes, weights, before = [], [], "x"
    for layer in range(layers):
        weight = rng.standard_normal((8, 8)).astype(np.float32)
        if layer == without:
            continue
        weights.append(numpy_helper.from_array(weight, f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [before, f"w{layer}"], [f"h{layer}"]))
        nodes.append(helper.make_node("Relu", [f"h{layer}"], [f"r{layer}"]))
        before = f"r{layer}"
    nodes[-1].op_type, nodes[-1].output[0] = "Softmax", "y"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8]) for name in "xy"]
    graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def convolutions(*, folded: bool) -> onnx.ModelProto:
    """A convolution with a batch normalisation behind it, as a node or in its weights."""
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
    scale, shift, mean = rng.standard_normal((3, 4)).astype(np.float32)
    variance = np.abs(rng.standard_normal(4)).astype(np.float32)
    factor = scale / np.sqrt(variance + 1e-5)
    tensors = {"weight": weight, "scale": scale, "shift": shift, "mean": mean, "var": variance}
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["c"], "layer1/conv/Conv"),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    if folded:
        tensors = {"w": weight * factor[:, None, None, None], "f": shift - mean * factor}
        nodes = [
            helper.make_node("Conv", ["x", "w", "f"], ["q"]),
            helper.make_node("Relu", ["q"], ["y"]),
        ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size, "H", "W"])
            for name, size in (("x", 3), ("y", 4))]  # fmt: skip
    stored = [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    graph = helper.make_graph(nodes, "convs", ends[:1], ends[1:], stored)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def test_a_model_and_itself(compare):
    diff = compare(NET, NET)
    assert not diff.differs
    assert (diff.layers_matched, diff.weights_compared, diff.weights_unchanged) == (4, 2, 2)


def test_other_names_are_no_change(compare):
    assert not compare(deep(), renamed(deep())).differs


def test_siblings_that_only_a_constant_tells_apart(compare):
    text = """net (float[N, 4] x) => (float[N] y) {{
        i = Constant<value = int64 {{{}}}>() j = Constant<value = int64 {{{}}}>()
        a = Gather<axis = 1>(x, {}) b = Gather<axis = 1>(x, {}) y = Sub(a, b)
    }}"""
    assert not compare(text.format(1, 2, "i", "j"), text.format(2, 1, "j", "i")).differs
    diff = compare(text.format(1, 2, "i", "j"), text.format(1, 3, "i", "j"))
    (change,) = diff.layers
    assert change.details == (FactChange("indices", "[2]", "[3]"),)


def test_an_added_and_a_removed_layer(compare):
    new = NET.replace("z = MatMul(r, v)", "t = Tanh(r) z = MatMul(t, v)")
    assert changes(compare(NET, new)) == [("added", "Tanh")]
    assert changes(compare(new, NET)) == [("removed", "Tanh")]


@pytest.mark.parametrize("seed", [1, 2], ids=["same weights", "trained anew"])
def test_one_of_many_layers_is_removed_and_all_are_renamed(compare, seed):
    diff = compare(deep(), renamed(deep(seed=seed, without=3)))
    assert sorted(changes(diff)) == [("removed", "MatMul"), ("removed", "Relu")]
    assert len(diff.weights) == (0 if seed == 1 else 5)


def test_gates_that_read_other_parts_of_one_split(compare):
    text = """net (float[N, 4] x) => (float[N, 2] y) {{
        a, b = Split<axis = 1, num_outputs = 2>(x) {} y = Sub(s, t)
    }}"""
    one, other = "s = Tanh(a) t = Tanh(b)", "t = Tanh(b) s = Tanh(a)"
    assert not compare(text.format(one), text.format(other)).differs
    diff = compare(text.format(one), text.format("s = Tanh(b) t = Tanh(a)"))
    assert diff.layers


def test_sizes_that_are_computed_tell_slices_apart(compare):
    text = """net (float[N, 6] x) => (float[N, M] y)
    <int64[1] i = {{1}}, int64[1] j = {{2}}, int64[1] z = {{0}}, int64[1] a = {{1}}> {{
        d = Shape(x) w = Gather(d, i) h = Div(w, j) {} y = Concat<axis = 1>(q, p)
    }}"""
    one, other = "p = Slice(x, z, h, a)", "q = Slice(x, h, w, a)"
    assert not compare(text.format(one + other), text.format(other + one)).differs


def test_hundreds_of_equal_layers(compare):
    nodes = [helper.make_node("Relu", ["x"], [f"r{number}"]) for number in range(300)]
    nodes.append(helper.make_node("Sum", [f"r{number}" for number in range(300)], ["y"]))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "xy"]
    graph = helper.make_graph(nodes, "fan", ends[:1], ends[1:])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    assert not compare(model, model).differs


def test_multiplications_and_memory_of_one_sample(compare):
    wider = NET.replace("4, 2] v", "4, 3] v").replace("7, 9}", "7, 9, 1, 2, 3, 4}")
    found = compare(NET, wider.replace("float[N, 2] y", "float[N, 3] y"))
    assert (found.old.macs, found.new.macs) == (3 * 4 + 4 * 2, 3 * 4 + 4 * 3)
    assert FactChange("macs", "20", "24") in found.sizes


def test_a_size_without_a_name_is_no_other_size(compare):
    text = "net (float[unk__0, 3] x) => (float[unk__0, 3] y) { y = Relu(x) }"
    found = compare(text, text.replace("unk__0", "unk__7"))
    assert not found.ports


def test_a_retyped_layer(compare):
    (change,) = compare(NET, NET.replace("Relu(h)", "Gelu(h)")).layers
    assert (change.change, change.old.op, change.new.op) == ("retyped", "Relu", "Gelu")


def test_a_dense_layer_that_another_exporter_writes_as_gemm(compare):
    new = NET.replace("z = MatMul(r, v)", "z = Gemm(r, v)")
    diff = compare(NET, new)
    assert changes(diff) == [("retyped", "Gemm")]
    assert diff.weights == ()
    turned = NET.replace("float[4, 2] v = {1, 2, 3, 4, 5, 6, 7, 9}",
                         "float[2, 4] v = {1, 3, 5, 7, 2, 4, 6, 9}")  # fmt: skip
    diff = compare(NET, turned.replace("MatMul(r, v)", "Gemm<transB = 1>(r, v)"))
    assert (changes(diff), diff.weights) == ([("retyped", "Gemm")], ())


def test_layers_that_changed_places(compare):
    new = NET.replace("r = Relu(h)", "n = Neg(h) r = Relu(n)")
    other = NET.replace("r = Relu(h)", "n = Relu(h) r = Neg(n)")
    assert [change for change, _ in changes(compare(new, other))] == ["moved"]


def test_a_layer_that_reads_another_one(compare):
    text = """net (float[N, 4] x) => (float[N, 4] y) {{
        a = Tanh(x) b = Sigmoid(a) c = Relu(b) y = Add(c, {})
    }}"""
    (change,) = compare(text.format("a"), text.format("b")).layers
    assert (change.change, change.layer.op) == ("rewired", "Add")


def test_changed_attributes_but_not_spelled_out_defaults(compare):
    text = """net (float[N, 3, 8, 8] x) => (float[N, 3, A, B] y) {{
        y = MaxPool<kernel_shape = [2, 2]{}>(x)
    }}"""
    assert not compare(text.format(""), text.format(", strides = [1, 1]")).differs
    (change,) = compare(text.format(""), text.format(", strides = [2, 2]")).layers
    assert change.details == (FactChange("strides", "default", "[2, 2]"),)


def test_a_folded_normalisation_is_told_as_such(compare):
    diff = compare(convolutions(folded=False), convolutions(folded=True))
    (change,) = diff.layers
    assert (change.change, change.layer.op, change.into) == ("folded", "BatchNormalization", "q")
    assert diff.weights == ()
    back = compare(convolutions(folded=True), convolutions(folded=False))
    assert (changes(back), back.weights) == ([("unfolded", "BatchNormalization")], ())


def test_an_activation_that_an_optimiser_fused(compare):
    new = convolutions(folded=True)
    new.graph.node[0].op_type, new.graph.node[0].domain = "FusedConv", "com.microsoft"
    new.graph.node[0].attribute.add().CopyFrom(helper.make_attribute("activation", "Relu"))
    new.graph.node[0].output[0] = "y"
    del new.graph.node[1]
    new.opset_import.add(domain="com.microsoft", version=1)
    diff = compare(convolutions(folded=False), new)
    told = [(each.change, each.layer.op, each.into) for each in diff.layers if each.into]
    assert told == [("folded", "BatchNormalization", "y"), ("folded", "Relu", "y")]
    assert diff.weights == ()


def _served(op: str, label: str, change: str = "added") -> LayerChange:
    return LayerChange(change, **{"old" if change == "removed" else "new":
                                  LayerRef(op, None, label, "y")})  # fmt: skip


def test_nodes_that_serve_quantisation_are_one_row_a_kind():
    changes = [
        LayerChange("retyped", LayerRef("Gemm", None, "fc", "y"),
                    LayerRef("MatMulInteger", None, "fc_quant", "y")),
        *(_served("DynamicQuantizeLinear", f"x{at}_QuantizeLinear") for at in range(4)),
        _served("Mul", "fc_quant_scales_mul"), _served("Mul", "fc_quant_output_scale_mul"),
        _served("Mul", "gate/mul"), _served("Add", "fc_add"), _served("Mul", "fc_old", "removed"),
    ]  # fmt: skip
    assert [(row.sign, row.subject, row.told) for row in layer_rows(changes)] == [
        ("~", "MatMulInteger fc_quant", "was Gemm"),
        ("+", "4 DynamicQuantizeLinear nodes", "added for quantisation: x0_QuantizeLinear, "
         "x1_QuantizeLinear, x2_QuantizeLinear and 1 more"),
        ("+", "2 Mul nodes", "added for quantisation: fc_quant_scales_mul, "
         "fc_quant_output_scale_mul"),
        ("+", "Mul gate/mul", "added"),
        ("+", "Add fc_add", "added"),
        ("-", "Mul fc_old", "removed"),
    ]  # fmt: skip
    plain = [_served("Mul", f"fc{at}") for at in range(3)]
    assert [row.told for row in layer_rows(plain)] == ["added"] * 3


def test_weights_of_integer_operators(compare):
    def dense(first: int) -> str:
        return f"""net (uint8[N, 2] x) => (int32[N, 2] y) <int8[2, 2] w = {{{first}, 2, 3, 4}}> {{
            y = MatMulInteger(x, w)
        }}"""

    assert not compare(dense(1), dense(1)).differs
    (change,) = compare(dense(1), dense(2)).weights
    assert "scale its integers" in change.note


def test_changed_weights_by_distance(compare):
    diff = compare(NET, NET.replace("7, 9}", "7, 10}"))
    (change,) = diff.weights
    assert (change.layer.label, change.name, change.largest) == ("z", "weight", 1)
    assert change.distance == pytest.approx(1 / np.linalg.norm([1, 2, 3, 4, 5, 6, 7, 9]))
    assert (diff.weights_compared, diff.weights_unchanged) == (2, 1)


def test_a_bias_that_came_but_not_one_of_zeros(compare):
    new = NET.replace("float[4, 2] v", "float[2] b = {1, 2}, float[4, 2] v")
    new = new.replace("z = MatMul(r, v)", "k = MatMul(r, v) z = Add(k, b)")
    (change,) = compare(NET, new).weights
    assert (change.name, change.note) == ("bias", "added")
    assert compare(NET, new.replace("b = {1, 2}", "b = {0, 0}")).weights == ()


def test_another_dtype_is_compared_by_its_numbers(compare):
    half = model_from_text(NET.replace("float[N", "float16[N"))
    for tensor in half.graph.initializer:
        numbers = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    diff = compare(NET, half)
    assert [(c.old_dtype, c.new_dtype, c.distance) for c in diff.weights] == [
        ("float", "float16", 0)
    ] * 2
    assert [(port.change, port.new_type) for port in diff.ports] == [
        ("changed", "float16[N, 3]"), ("changed", "float16[N, 2]")
    ]  # fmt: skip
    told = f"Size: {diff.old.bytes:,} → {diff.new.bytes:,} bytes"
    assert told in click.unstyle(diff_text.render(diff))


def test_a_quantised_weight_is_compared_as_what_it_stands_for(compare):
    new = NET.replace("float[4, 2] v = {1, 2, 3, 4, 5, 6, 7, 9}",
                      "int8[4, 2] q = {2, 4, 6, 8, 10, 12, 14, 19}, float s = {0.5}")  # fmt: skip
    new = new.replace("z = MatMul", "v = DequantizeLinear(q, s) z = MatMul")
    (change,) = compare(NET, new).weights
    assert (change.old_dtype, change.new_dtype, change.largest) == ("float", "int8", 0.5)


def test_a_weight_of_another_size(compare):
    new = """net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 5] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 1, 2, 3},
     float[5, 2] v = {1, 2, 3, 4, 5, 6, 7, 9, 1, 2}> {
        h = MatMul(x, w) r = Relu(h) z = MatMul(r, v) y = Softmax(z)
    }"""
    diff = compare(NET, new)
    assert [(change.note, change.distance) for change in diff.weights] == [
        ("other shape", None)
    ] * 2
    assert changes(diff) == [("changed", "MatMul")] * 2


def test_weights_whose_data_is_elsewhere_or_forbidden(compare):
    model = model_from_text(NET)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    diff = compare(model, model)
    assert not diff.differs
    assert diff.not_compared["weights"] == "the data of 1 constant cannot be read"
    assert compare(NET, model).weights[0].note == "only one of the two is readable"


def test_the_interface(compare):
    model = model_from_text(NET)
    model.graph.input[0].name = model.graph.node[0].input[0] = "image"
    model.graph.output.add().CopyFrom(helper.make_tensor_value_info("r", 1, ["N", 4]))
    model.opset_import[0].version += 1
    model.producer_name = "exporter"
    model.metadata_props.add(key="commit", value="abc")
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    diff = compare(NET, model)
    assert diff.ports == (
        PortChange("input", "renamed", "x", "image", "float[N, 3]", "float[N, 3]"),
        PortChange("output", "changed", "y", "y", "float[N, 2]", "float[batch, 2]"),
        PortChange("output", "added", new="r", new_type="float[N, 4]"),
    )
    assert {fact.what for fact in diff.facts} == {"opset ai.onnx", "producer", "metadata 'commit'"}
    assert diff.layers == ()


def test_ranges_and_predictions_on_the_same_samples(compare):
    diff = compare(NET, NET.replace("r = Relu(h)", "k = Relu(h) r = Tanh(k)"), runs=True)
    assert (diff.samples, diff.data) == (8, "synthetic inputs (seed 0)")
    assert [change.layer.label for change in diff.ranges] == ["z", "y"]
    assert diff.values_compared == 3
    (output,) = diff.predictions
    assert (output.rows, output.new) == (8, "y")
    assert 0 < output.largest_probability <= 1
    assert output.divergence > 0


def test_what_is_the_same_but_for_rounding_is_no_change(compare):
    diff = compare(convolutions(folded=False), convolutions(folded=True), runs=True)
    assert (diff.ranges, diff.predictions, diff.not_compared) == ((), (), {})
    assert diff.values_compared > 0
    assert diff.outputs_compared == 1


def test_models_of_other_inputs_are_compared_without_a_run(compare):
    new = NET.replace("float[N, 3] x", "float[N, 3] x, float[N, 2] m").replace(
        "y = Softmax(z)", "k = Add(z, m) y = Softmax(k)"
    )
    diff = compare(NET, new, runs=True)
    assert diff.not_compared == {"ranges and predictions": "only one of the models has input 'm'"}
    assert ("input", "added") in [(port.kind, port.change) for port in diff.ports]


def test_a_fixed_batch_is_fed_the_same_samples(compare):
    diff = compare(NET, NET.replace("[N, ", "[4, "), runs=True)
    assert (diff.samples, diff.predictions, diff.ranges) == (8, (), ())


def test_labels_and_flipped_samples(compare, tmp_path):
    text = """net (float[N, 2] x) => (float[N, 2] y) <float[2] b = {{{}}}> {{
        k = Add(x, b) y = Softmax(k)
    }}"""
    rows = np.array([[0, 1], [1, 0], [0, 5], [0, 2]], np.float32)
    np.savez(tmp_path / "d.npz", x=rows, labels=np.array([1, 0, 1, 0]))
    data, labels = tmp_path / "d.npz", LabelSource(tmp_path / "d.npz", "labels")
    diff = compare(text.format("0, 0"), text.format("3, 0"), runs=True, data=data, labels=labels)
    score = diff.score
    assert (score.measure, score.samples, score.old, score.new) == ("accuracy", 4, 0.75, 0.75)
    assert (score.to_wrong, score.to_right) == ((0,), (3,))
    assert diff.score_differs
    assert diff.predictions[0].same == 0.5


def found(code: str, node: str, surroundings: str = "") -> Diagnostic:
    place = Place(node=node, node_index=0, op_type="Relu")
    return Diagnostic(code, "name", Severity.WARNING, "it", place, surroundings=surroundings)


def test_findings_are_matched_by_name_then_by_structure_each_once():
    old = [found("ACT003", "a", "1"), found("ACT003", "b", "1"), found("GRA001", "c")]
    new = [found("ACT003", "b", "2"), found("ACT003", "q", "1"), found("ACT003", "r", "1")]
    come, gone = findings_changed(old, new)
    assert [each.place.node for each in come] == ["r"]
    assert [each.place.node for each in gone] == ["c"]
    assert findings_changed(old, old) == ([], [])


HOSTILE = "a|b`c\x1b[31m\n## <b> @team [x](http://y) \u202e"

GELU, CONV = LayerRef("Gelu", "act", "", "r"), LayerRef("Conv", "conv", "", "c")
DIFF = ReleaseDiff(
    old=Release("v1.onnx", "0" * 64, 1000, 20, 4),
    new=Release("v2|`x`.onnx", "1" * 64, 1200, 24, 5),
    facts=(FactChange("opset ai.onnx", "17", "21"),
           FactChange(f"metadata {HOSTILE!r}", None, "1.5"), FactChange("producer", HOSTILE, None)),
    ports=(PortChange("input", "renamed", "x", HOSTILE, *["float[N, 3]"] * 2),
           PortChange("output", "added", new="aux", new_type="float[N]"),
           PortChange("output", "removed", old="gone", old_type="int64[N]"),
           PortChange("output", "changed", "y", "y", "float[N, 2]", "float[1, 2]")),
    layers=(LayerChange("added", new=LayerRef("Tanh", None, HOSTILE, "t", "float[N, 4]")),
            LayerChange("retyped", LayerRef("Relu", "act", "", "r"), GELU),
            LayerChange("changed", CONV, CONV, (FactChange("strides", "[1, 1]", "[2, 2]"),)),
            LayerChange("folded", LayerRef("BatchNormalization", "bn", "", "b"), into="conv"),
            LayerChange("removed", old=LayerRef("Neg", None, "", "n", scope="If_3/then_branch"))),
    layers_matched=12,
    operators=(OperatorCount("Tanh", 0, 1),),
    weights=tuple(WeightChange(LayerRef("Conv", f"layer{n}.conv", "", "c"), "weight", "float",
                               "float16" if n else "float", (4, 3), (4, 3), 0.25 / (n + 1), 1.5)
                  for n in range(12)),
    weights_compared=20,
    weights_unchanged=8,
    ranges=(RangeChange(LayerRef("Relu", "act", "", "r"), Observation(0.0, 9.5, 2.25),
                        Observation(0.0, 1.0, 0.5, nan=3), None),),
    values_compared=6,
    predictions=(OutputChange("y", "y", 400, 0.995, 0.125, 0.01, 0.1, 0.002),
                 OutputChange("z", HOSTILE, note="has other shapes")),
    outputs_compared=2,
    score=ScoreChange("y", "accuracy", 400, 0.9525, 0.9625, (3, 17), tuple(range(25))),
    findings_new=(replace(found("ACT003", HOSTILE), message=f"60% {HOSTILE}"),),
    findings_gone=(found("GRA002", "b"),),
    findings_kept=3,
    samples=400,
    data="data test.npz",
    not_compared={"labels": "reason"},
    incomplete=("v2.onnx: not every rule could judge it",),
)  # fmt: skip
SAME = ReleaseDiff(DIFF.old, replace(DIFF.old, path="copy.onnx", bytes=1007), samples=8,
                   data="synthetic inputs (seed 0)")  # fmt: skip


def check(name: str, rendered: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")


def test_text():
    rendered = [click.unstyle(diff_text.render(diff)) for diff in (DIFF, SAME)]
    check("diff.txt", "\n".join(rendered))


def test_text_in_full():
    assert "layer11.conv" in diff_text.render(DIFF, verbose=True)
    assert "layer11.conv" not in diff_text.render(DIFF)


def test_markdown():
    check("diff.md", "\n".join(map(diff_markdown.render, (DIFF, SAME))))


@pytest.mark.parametrize("width", [60, 100, 200])
def test_text_fits_the_terminal(width):
    lines = click.unstyle(diff_text.render(DIFF, width=width)).splitlines()
    assert all(len(line) <= width for line in lines if " " in line.strip())


@pytest.mark.parametrize("rendered", [click.unstyle(diff_text.render(DIFF)),
                                      diff_markdown.render(DIFF), diff_json.render(DIFF, {})],
                         ids=["text", "markdown", "json"])  # fmt: skip
def test_hostile_names_stay_inert(rendered):
    assert "\x1b" not in rendered
    assert "\u202e" not in rendered


def test_markdown_of_hostile_names_keeps_its_tables():
    lines = diff_markdown.render(DIFF).splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows
    for line in rows:
        bare = line.replace("\\|", "")
        assert bare.count("|") == 4, line
    assert not any(line.startswith("## <b>") for line in lines)
    assert "<b>" not in "".join(rows).replace("`<b>`", "")


def test_json_follows_its_schema():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for diff in (DIFF, SAME):
        document = json.loads(diff_json.render(diff, {"onnxlint_rules": "1"}))
        jsonschema.Draft202012Validator(schema).validate(document)
    assert (document["version"], document["differs"]) == (1, False)


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        asked = ["diff", *map(str, arguments)]
        return CliRunner().invoke(cli, asked, standalone_mode=False)

    return run


def test_the_command_without_a_run(invoke, write_model):
    old = write_model(NET, "old.onnx")
    new = write_model(NET.replace("Relu(h)", "Gelu(h)"), "new.onnx")
    quick = ("--static-only", "--select", "GRA")
    done = invoke(old, new, *quick, "--exit-code", "-f", "json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [change["change"] for change in document["layers"]["changes"]] == ["retyped"]
    assert "--static-only" in document["not_compared"]["ranges and predictions"]
    done = invoke(old, old, *quick, "--exit-code", "-o", "out.txt")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no change" in Path("out.txt").read_text(encoding="utf-8")


def test_the_command_lints_and_runs_both(invoke, write_model):
    old = write_model(NET, "old.onnx")
    new = write_model(NET.replace("y = Softmax(z)", "k = Softmax(z) y = Softmax(k)"), "new.onnx")
    done = invoke(old, new, "--select", "ARC001", "-f", "markdown")
    assert done.exit_code == 0, done
    assert done.stdout.startswith("## onnxlint diff: changed")
    assert "### Findings: 1 new, 0 gone" in done.stdout
    assert "### Predictions: 1 of 1 output changed" in done.stdout
    assert "8 samples" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("old.onnx", "missing.onnx"), "missing.onnx"),
        (("old.onnx", "broken.onnx"), "broken.onnx: is not an ONNX model"),
        (("-", "-"), "both models are standard input"),
        (("old.onnx", "old.onnx", "--data", "none.npz"), "--data 'none.npz' does not exist"),
        (("old.onnx", "old.onnx", "-o", "old.onnx"), "is the name of a model"),
        (("old.onnx", "old.onnx", "-o", "none/out.md"), "folder 'none' does not exist"),
        (("old.onnx", "old.onnx", "--data", "d.txt", "-o", "d.txt"), "would overwrite"),
        (("old.onnx", "old.onnx", "--select", "NOPE1"), "NOPE1"),
    ],
)
def test_problems_are_one_sentence(invoke, write_model, tmp_path, arguments, sentence):
    write_model(NET, "old.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "d.txt").write_text("text")
    done = invoke(*arguments, "--static-only")
    assert done.stdout == ""
    error = done.exception
    told = error.format_message() if isinstance(error, click.ClickException) else str(error)
    assert sentence in told
    assert "\n" not in told


def test_public_function(write_model):
    old = write_model(NET, "old.onnx").read_bytes()
    diff = onnxlint.diff(old, write_model(NET, "new.onnx"), select=["ARC001"], static_only=True)
    assert not diff.differs
    with pytest.raises(DiffError, match="is empty"):
        onnxlint.diff(b"", old, static_only=True)


def test_a_static_comparison_never_imports_onnxruntime(write_model):
    path = write_model(NET)
    script = f"""
import sys, onnxlint.diffing.releases as releases
answer = releases._answer
def spied(*given, **named):
    found = answer(*given, **named)
    assert "onnxruntime" not in sys.modules
    return found
releases._answer = spied
import onnxlint
onnxlint.diff({str(path)!r}, {str(path)!r}, select=["GRA"], static_only=True)
assert "onnxruntime" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
