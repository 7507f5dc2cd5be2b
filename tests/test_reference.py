"""CMP002: a model beside another one on the same samples, and the first layer that differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.comparison.reference import least_share
from onnxlint.analyses.static.precision import Distance
from onnxlint.findings import Diagnostic
from onnxlint.report import ModelReport
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import model_from_text, run_rule
from onnxlint_rules.cmp.reference_divergence import reference_divergence

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXPORTS = FIXTURES / "pytorch"
Change = Callable[[onnx.ModelProto], object]


def judged(model: Path, reference: Path, **settings: object) -> ModelReport:
    given = Settings(reference=reference, **settings)
    report = run_rule(reference_divergence, model, settings=given)
    assert report.crashed == (), report
    return report


def found(model: Path, reference: Path, **settings: object) -> Diagnostic | None:
    report = judged(model, reference, **settings)
    assert (report.error, report.rules_run) == (None, 1), report
    assert len(report.findings) < 2
    return next(iter(report.findings), None)


def deep(
    layers: int = 6, width: int = 8, dtype: str = "float", *, seed: int = 1
) -> onnx.ModelProto:
    """A chain of dense layers w0, w1 … with values h0, r0, h1 …"""
    rng = np.random.default_rng(seed)
    nodes, weights, before = [], [], "x"
    for layer in range(layers):
        weight = rng.standard_normal((width, width)) * (2 / width) ** 0.5
        kind = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, dtype.upper()))
        weights.append(numpy_helper.from_array(weight.astype(kind), f"w{layer}"))
        nodes.append(
            helper.make_node("MatMul", [before, f"w{layer}"], [f"h{layer}"], f"dense{layer}")
        )
        nodes.append(helper.make_node("Relu", [f"h{layer}"], [f"r{layer}"], f"relu{layer}"))
        before = f"r{layer}"
    nodes[-1].op_type, nodes[-1].output[0] = "Softmax", "y"
    element = getattr(TensorProto, dtype.upper())
    ends = [helper.make_tensor_value_info(name, element, ["N", width]) for name in "xy"]
    graph = helper.make_graph(nodes, "deep", ends[:1], ends[1:], weights)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def renamed(model: onnx.ModelProto, name: Callable[[str], str]) -> None:
    """Other names for all values between inputs and outputs."""
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    for tensor in model.graph.initializer:
        tensor.name = name(tensor.name)
    for node in model.graph.node:
        node.name = name(node.name)
        for names in (node.input, node.output):
            names[:] = [one if one in kept or not one else name(one) for one in names]


def changed(model: onnx.ModelProto, layer: int) -> None:
    weight = numpy_helper.to_array(model.graph.initializer[layer]).copy()
    weight[:, 3] *= 1.5
    name = model.graph.initializer[layer].name
    model.graph.initializer[layer].CopyFrom(numpy_helper.from_array(weight, name))


@pytest.fixture
def save(tmp_path):
    def write(model: onnx.ModelProto, name: str) -> Path:
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write


def optimised(path: Path, target: Path) -> Path:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(target)
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.graph_optimization_level = level
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return target


@pytest.mark.parametrize(
    "name",
    ["cnn_torchscript", "handwritten_transformer_dynamo", "gru_torchscript", "inception_dynamo",
     "builtin_attention_torchscript", "residual_torchscript"],
)  # fmt: skip
def test_a_model_agrees_with_itself_and_with_its_optimised_copy(name, tmp_path):
    path = EXPORTS / f"{name}.onnx"
    if not path.exists():
        path = FIXTURES / "gradients" / f"{name.removesuffix('_torchscript')}.onnx"
    copy = optimised(path, tmp_path / "optimised.onnx")
    for model, reference in ((path, path), (copy, path), (path, copy)):
        assert found(model, reference) is None


@pytest.mark.parametrize("name", ["cnn", "gated_unit", "biased_norm", "added_mask"])
def test_two_exporters_of_one_network_agree(name):
    dynamo, script = (EXPORTS / f"{name}_{exporter}.onnx" for exporter in ("dynamo", "torchscript"))
    assert found(dynamo, script) is None
    assert found(script, dynamo) is None


@pytest.mark.parametrize("layer", [0, 3, 5])
@pytest.mark.parametrize("names", ["the same", "none in common", "shifted"])
def test_the_layer_whose_weight_changed_is_named(layer, names, save):
    model, reference = deep(), deep()
    changed(model, layer)
    if names == "none in common":
        renamed(reference, lambda name: f"other_{name}")
    elif names == "shifted":  # every name means the value of another layer
        renamed(reference, lambda name: f"{name[:-1]}{int(name[-1]) - 1}")
    there = found(save(model, "model.onnx"), save(reference, "reference.onnx"))
    assert there is not None
    assert (there.place.node, there.severity) == (f"dense{layer}", Severity.WARNING)
    assert "first of 11 comparable layers to diverge" in there.message
    assert there.measured > there.limit == 1e-3


def test_the_layer_is_found_behind_fused_ones(tmp_path):
    """onnxruntime merged and renamed most of what lies before it."""
    path = EXPORTS / "handwritten_transformer_dynamo.onnx"
    model = onnx.load(path)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]
    node = next(node for node in layers[len(layers) // 2 :] if node.input[1] in weights)
    weight = weights[node.input[1]]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * -1, weight.name))
    onnx.save(model, tmp_path / "model.onnx")
    there = found(tmp_path / "model.onnx", optimised(path, tmp_path / "optimised.onnx"))
    assert there is not None
    order = [each.name for each in model.graph.node]
    assert order.index(node.name) <= order.index(there.place.node) <= order.index(node.name) + 2


def test_float16_copy_rounds_and_a_broken_one_does_not(save):
    half = deep(dtype="float16")
    reference = save(deep(), "float.onnx")
    assert found(save(half, "half.onnx"), reference) is None
    changed(half, 2)
    there = found(save(half, "broken.onnx"), reference)
    assert there is not None
    assert there.place.node == "dense2"
    assert there.limit == pytest.approx(10 * 2**-10)


def test_quantised_models(tmp_path):
    """On what they were calibrated for they agree; a broken scale shows even on noise."""
    quantised, full = FIXTURES / "quantised", EXPORTS / "cnn_torchscript.onnx"
    for name in ("qdq_u8u8", "qdq_s8s8", "operators"):
        assert found(quantised / f"{name}.onnx", full) is None
    broken = found(quantised / "zero_scale.onnx", full)
    assert (broken.severity, broken.place.node) == (Severity.WARNING, "/conv1/Conv")
    dims = onnx.load(full).graph.input[0].type.tensor_type.shape.dim
    size = [8, *(dim.dim_value for dim in dims[1:])]
    data = tmp_path / "bright.npy"
    np.save(data, np.random.default_rng(0).uniform(20, 30, size).astype(np.float32))
    clipped = found(quantised / "qdq_u8u8.onnx", full, data=data)
    assert clipped.severity is not Severity.INFO
    assert clipped.measured > clipped.limit == 0.1


def test_a_quantised_model_on_noise_beyond_its_calibration_is_an_info(save):
    text = """net (float[N, 4] x) => (float[N, 4] y) <float s = {0.004}, uint8 z = {128}> {
        q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Neg(d) }"""
    plain = "net (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }"
    paths = save(model_from_text(text), "quantised.onnx"), save(model_from_text(plain), "full.onnx")
    assert found(*paths).severity is Severity.INFO
    flat = plain.replace("float[N, 4] y", "float[N] y").replace(
        "Neg(x)", "ReduceMax<keepdims = 0>(x, a)"
    )
    flat = save(model_from_text(flat.replace(" { y", " <int64[1] a = {1}> { y")), "flat.onnx")
    assert found(paths[0], flat).severity is Severity.WARNING


def test_decisions_that_change_on_the_users_data_are_an_error(save, tmp_path):
    model = deep(2)
    turned = numpy_helper.to_array(model.graph.initializer[1])[:, ::-1]
    other = deep(2)
    other.graph.initializer[1].CopyFrom(numpy_helper.from_array(turned.copy(), "w1"))
    paths = save(model, "model.onnx"), save(other, "other.onnx")
    assert found(*paths).severity is Severity.WARNING
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32))
    there = found(*paths, data=tmp_path / "x.npy")
    assert there.severity is Severity.ERROR
    assert "of 8 decisions change" in there.message
    assert there.place.node == "dense1"


def test_another_architecture_is_compared_by_its_outputs(save):
    other = model_from_text("""net (float[N, 8] x) => (float[N, 8] y) {
        h = Tanh(x) y = Softmax(h) }""")
    there = found(save(deep(), "model.onnx"), save(other, "other.onnx"))
    assert there is not None
    assert there.place.value == "y"
    assert "no layer before this output is comparable" in there.message


def test_shapes_types_and_nan_of_outputs(save, onnxlint):
    texts = {
        "column": "net (float[N, 2] x) => (float[N, 1] y) <int64[1] a = {1}> "
        "{ y = ReduceMax(x, a) }",
        "row": "net (float[N, 2] x) => (float[M] y) <int64[1] a = {1}> "
        "{ y = ReduceMax<keepdims = 0>(x, a) }",
        "label": "net (float[N, 2] x) => (int64[M] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }",
        "negated": "net (float[N, 2] x) => (int64[M] y) "
        "{ n = Neg(x) y = ArgMax<axis = 1, keepdims = 0>(n) }",
        "nan": "net (float[N, 2] x) => (float[M] y) <int64[1] a = {1}> "
        "{ z = Sub(x, x) q = Div(z, z) y = ReduceMax<keepdims = 0>(q, a) }",
    }  # fmt: skip
    paths = {name: save(model_from_text(text), f"{name}.onnx") for name, text in texts.items()}
    for model, reference, told in (
        ("column", "row", "has shape [8, 1], the reference [8]"),
        ("label", "row", "has dtype int64, the reference float32"),
        ("label", "negated", "8 of 8 decisions change"),
    ):
        assert told in found(paths[model], paths[reference]).message
    done = onnxlint(
        paths["nan"], "--select", "CMP002", "--reference", paths["row"], "--format", "json"
    )
    (finding,) = json.loads(done.stdout)["models"][0]["findings"]
    assert finding["evidence"] == {"outputs": {"y": "inf"}}
    there = found(paths["nan"], paths["row"])
    assert "contains NaN or infinity in only one of the two models" in there.message
    assert there.measured == float("inf")
    assert found(paths["nan"], paths["nan"]) is None


def test_inputs_of_other_names_and_types(save):
    reference = save(deep(), "model.onnx")
    other = deep()
    other.graph.input[0].name = other.graph.node[0].input[0] = "input_1"
    assert found(save(other, "named.onnx"), reference) is None
    wide = deep(dtype="double")
    assert found(save(wide, "wide.onnx"), reference) is None
    assert found(reference, save(wide, "wide.onnx")) is None


def test_a_reference_of_another_batch_is_fed_in_parts(save):
    fixed = deep()
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    fixed.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 3
    assert found(save(deep(), "free.onnx"), save(fixed, "fixed.onnx")) is None
    assert found(save(fixed, "fixed.onnx"), save(deep(), "free.onnx")) is None
    other = deep()
    changed(other, 4)
    there = found(save(other, "other.onnx"), save(fixed, "fixed.onnx"))
    assert there is not None
    assert there.place.node == "dense4"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("net (float[N, 8] x, float[N, 8] z) => (float[N, 8] y) { y = Add(x, z) }",
         "has inputs 'x', 'z', the model 'x'; use a model with the same inputs"),
        ("net (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }", "does not accept the samples"),
        ("net (int64[N, 8] x) => (int64[N, 8] y) { y = Neg(x) }", "model expects int64"),
        ("net (float[N, 8] x) => (float[N, 8] a, float[N, 8] b) { a = Neg(x) b = Abs(x) }",
         "has outputs 'a', 'b', the model 'y'; use a model with the same outputs"),
        ("net (float[N, 8] x) => (float[N, 8] y) { [odd] y = Unheard(x) }", "does not run"),
        ("net (float[N, 8] x) => (y) <int64[1] s = {3}> { [bad] y = Reshape(x, s) }",
         "does not run"),
    ],
)  # fmt: skip
def test_a_reference_that_does_not_do_is_one_sentence(text, sentence, save):
    other = save(model_from_text(text), "other.onnx")
    report = judged(save(deep(), "model.onnx"), other)
    assert report.findings == ()
    assert report.error is not None
    assert report.error.startswith(f"the reference {other}")
    assert sentence in report.error


def test_a_reference_is_opened_as_carefully_as_the_model(save, tmp_path):
    other = deep()
    tensor = other.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    report = judged(save(deep(), "model.onnx"), save(other, "other.onnx"))
    assert "is not opened: external data '../secret'" in report.error
    for content, sentence in ((b"", "is empty"), (b"\x08\x99", "is not an ONNX model")):
        (tmp_path / "broken.onnx").write_bytes(content)
        assert sentence in judged(tmp_path / "model.onnx", tmp_path / "broken.onnx").error


def test_what_is_drawn_is_not_compared(save):
    text = "net (float[N, 2] x) => (float[N, 2] y) { r = RandomNormalLike(x) y = Add(x, r) }"
    path = save(model_from_text(text), "drawn.onnx")
    assert "deterministic" in judged(path, path).not_applicable["CMP002"]
    report = run_rule(reference_divergence, path)
    assert "--reference" in report.not_applicable["CMP002"]


def test_outputs_too_large_to_be_kept_are_run_again(save, monkeypatch):
    monkeypatch.setattr("onnxlint.analyses.execution.probed_session.KEPT_BYTES_A_SAMPLE", 1)
    monkeypatch.setattr("onnxlint.analyses.comparison.first_divergence.FETCH_BUDGET_BYTES", 2048)
    model = deep()
    paths = save(model, "model.onnx"), save(deep(), "other.onnx")
    assert found(*paths) is None
    changed(model, 3)
    assert found(save(model, "model.onnx"), paths[1]).place.node == "dense3"


def test_the_command(write_model, save, onnxlint, tmp_path):
    model, other = save(deep(), "model.onnx"), deep()
    changed(other, 2)
    reference = save(other, "reference.onnx")
    select = ("--select", "CMP002", "--fail-on", "warning")
    done = onnxlint(model, *select, "--reference", reference)
    assert done.returncode == 1, done
    assert "reference-divergence" in done.stdout
    assert "dense2" in done.stdout
    assert onnxlint(model, *select, "--reference", model).returncode == 0
    done = onnxlint(model, *select, "--reference", "missing.onnx")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'missing.onnx' does not exist" in done.stderr
    (tmp_path / "onnxlint.toml").write_text('reference = "reference.onnx"\n')
    done = onnxlint(model, *select, "--format", "json")
    assert done.returncode == 1
    (finding,) = json.loads(done.stdout)["models"][0]["findings"]
    assert finding["place"]["node"] == "dense2"
    (tmp_path / "reference.onnx").write_bytes(b"")
    done = onnxlint(model, *select)
    assert done.returncode == 2
    assert "the reference" in done.stdout
    assert "is empty" in done.stdout


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_least_share_is_no_more_than_what_was_seen(count, of):
    count = min(count, of)
    assert 0 <= least_share(count, of) <= count / of
    assert least_share(count * 10, of * 10) >= least_share(count, of)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20), st.floats(1e-3, 10))
def test_distance_is_relative_and_adds_up(numbers, factor):
    wanted = np.array(numbers)
    got = wanted * (1 + factor)
    whole = Distance.between(got, wanted)
    parts = Distance.between(got[:1], wanted[:1]) + Distance.between(got[1:], wanted[1:])
    assert parts.relative == pytest.approx(whole.relative)
    if np.sqrt(np.mean(wanted**2)) > 1e-6:
        assert whole.relative == pytest.approx(factor)
    assert Distance.between(wanted, wanted).relative == 0
    assert Distance.between(np.append(got, np.nan), np.append(wanted, 1)).relative == np.inf
