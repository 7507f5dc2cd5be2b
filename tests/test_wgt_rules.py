"""WGT rules: what their docstrings do not show."""

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.severity import Severity, Stage
from onnxlint.testing import model_from_text, run_rule
from onnxlint_rules.wgt._spectrum import tail_exponent
from onnxlint_rules.wgt.all_zero_weight import all_zero_weight
from onnxlint_rules.wgt.constant_weight import constant_weight
from onnxlint_rules.wgt.dead_filter import dead_filter
from onnxlint_rules.wgt.denormal_weight import denormal_weight
from onnxlint_rules.wgt.exploding_weight import exploding_weight
from onnxlint_rules.wgt.fp16_overflow_constant import fp16_overflow_constant
from onnxlint_rules.wgt.fp16_underflow_epsilon import fp16_underflow_epsilon
from onnxlint_rules.wgt.heavy_tailed_spectrum import heavy_tailed_spectrum
from onnxlint_rules.wgt.identical_filters import identical_filters
from onnxlint_rules.wgt.negative_variance import negative_variance
from onnxlint_rules.wgt.outlier_channels import outlier_channels
from onnxlint_rules.wgt.poor_initialisation import poor_initialisation

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("*.onnx"))
MATMUL = "y = MatMul(x, w)"


def random(*shape, scale=0.1, seed=0):
    return np.random.default_rng(seed).normal(0, scale, shape).astype("float32")


@pytest.fixture
def judge(tmp_path):
    """What a rule says of a body that reads `x` and the given constants: severity and value."""

    def run(rule, body, stage=Stage.TRAINED, elem="float", targets=(), **tensors):
        stubs = ", ".join(f"float {name} = {{0}}" for name in tensors)
        text = f"n ({elem}[N, C, H, W] x) => ({elem}[N, D, E, F] y) <{stubs}> {{ {body} }}"
        model = model_from_text(text)
        del model.graph.initializer[:]
        for name, array in tensors.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        settings = Settings(targets=targets)
        report = run_rule(rule, path, stage=stage, settings=settings)
        assert report.complete, report
        return [(found.severity, found.place.value) for found in report.findings]

    return run


QUANTISED = "d = DequantizeLinear(w, s, z) y = MatMul(x, d)"
SCALE, ZERO = np.float32(0.5), np.uint8(7)


@pytest.mark.parametrize(
    ("body", "tensors", "count"),
    [
        (MATMUL, {"w": np.full((4, 3), 0.1, "float32")}, 1),
        (MATMUL, {"w": np.full((4, 3), 0.1, "float16")}, 1),
        (MATMUL, {"w": np.full((4, 3), 0, "float32")}, 0),
        (MATMUL, {"w": np.full((4, 3), 1, "float32")}, 0),
        (MATMUL, {"w": np.full((4, 3), 0.25, "float32")}, 0),
        (MATMUL, {"w": np.full((4, 1), 0.1, "float32")}, 0),
        ("t = Transpose(w) y = MatMul(x, t)", {"w": np.full((4, 3), 0.1, "float32")}, 1),
        ("y = Conv<group = 4>(x, w)", {"w": np.full((4, 1, 3, 3), 0.1, "float32")}, 0),
        ("y = Conv(x, w)", {"w": np.full((4, 2, 3, 3), 0.1, "float32")}, 1),
        ("y = Gather(w, x)", {"w": np.full((4, 2), 0.1, "float32")}, 0),
        (QUANTISED, {"w": np.full((4, 3), 9, "uint8"), "s": SCALE, "z": np.uint8(8)}, 1),
        (QUANTISED, {"w": np.full((4, 3), 7, "uint8"), "s": SCALE, "z": ZERO}, 0),
    ],
)
def test_constant_weights(judge, body, tensors, count):
    assert judge(constant_weight, body, **tensors) == [(WARNING, "w")] * count


@pytest.mark.parametrize(("stored", "count"), [(7, 1), (0, 0)])
def test_zero_of_a_quantised_weight_is_its_zero_point(judge, stored, count):
    tensors = {"w": np.full((4, 3), stored, "uint8"), "s": SCALE, "z": ZERO}
    assert judge(all_zero_weight, QUANTISED, **tensors) == [(WARNING, "w")] * count


def test_fillers_are_told_once(judge):
    fill = np.full((4, 4), 0.02, "float32")
    body = "a = MatMul(x, w) b = MatMul(a, v) y = MatMul(b, u)"
    assert judge(constant_weight, body, w=fill, v=fill + 1, u=fill) == [(WARNING, None)]
    found = judge(constant_weight, body, w=fill, v=fill + 1, u=random(4, 4))
    assert found == [(WARNING, "w"), (WARNING, "v")]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_a_light_model_has_one_finding(path):
    (found,) = run_rule(constant_weight, path).findings
    assert (found.severity, found.place.node_index) == (WARNING, None)
    assert "constant (0.02)" in found.message


def killed(shape, axis, dead, to=0.0):
    array = random(*shape)
    np.moveaxis(array, axis, 0)[:dead] *= to
    return array


@pytest.mark.parametrize(
    ("body", "array", "expected"),
    [
        (MATMUL, killed((8, 100), 1, 5), [INFO]),
        (MATMUL, killed((8, 100), 1, 20), [WARNING]),
        (MATMUL, killed((8, 100), 1, 20, 1e-15), [WARNING]),
        (MATMUL, killed((8, 100), 1, 20, 1e-6), []),
        (MATMUL, killed((8, 100), 1, 3), []),
        (MATMUL, killed((8, 1000), 1, 10), []),
        (MATMUL, killed((100, 8), 0, 20), []),
        ("y = MatMul(w, x)", killed((100, 8), 0, 20), [WARNING]),
        ("y = Gemm<transB = 1>(x, w)", killed((100, 8), 0, 20), [WARNING]),
        ("y = Conv(x, w)", killed((100, 8, 3, 3), 0, 20), [WARNING]),
        ("y = Conv<group = 100>(x, w)", killed((100, 1, 3, 3), 0, 20), []),
        ("y = ConvTranspose(x, w)", killed((8, 100, 3, 3), 1, 20), [WARNING]),
        ("y = ConvTranspose<group = 2>(x, w)", killed((8, 100, 3, 3), 1, 20), []),
        ("y = Gather(w, x)", killed((100, 8), 0, 20), []),
        ("y, h = GRU<hidden_size = 32>(x, w, w)", killed((1, 96, 32), 1, 20), [WARNING]),
        (MATMUL, killed((8, 100), 1, 100), []),
    ],
)
def test_dead_filters(judge, body, array, expected):
    assert [severity for severity, _ in judge(dead_filter, body, w=array)] == expected
    assert judge(dead_filter, body, Stage.INIT, w=array) == []


def test_dead_filters_of_a_quantised_layer_lie_at_the_zero_point(judge):
    array = np.random.default_rng(0).integers(0, 255, (8, 20)).astype("uint8")
    array[:, :5] = 7
    body = "d = DequantizeLinear<axis = 1>(w, s, z) y = MatMul(x, d)"
    scale = np.full(20, 0.5, "float32")
    assert judge(dead_filter, body, w=array, s=scale, z=np.full(20, 7, "uint8")) == [(WARNING, "w")]
    assert judge(dead_filter, body, w=array, s=scale, z=np.full(20, 0, "uint8")) == []


def with_first(array, count, number):
    array = array.copy()
    array.reshape(-1)[:count] = number
    return array


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        (MATMUL, with_first(random(100, 100), 200, 1e-40), 1),
        (MATMUL, with_first(random(100, 100).astype("float64"), 200, 1e-310), 1),
        (MATMUL, with_first(random(100, 100).astype("float64"), 200, 1e-40), 0),
        (MATMUL, with_first(random(100, 100).astype("float16"), 200, 1e-6), 0),
        (MATMUL, with_first(random(300, 1000), 200, 1e-40), 0),
        (MATMUL, with_first(random(10, 10), 50, 1e-40), 0),
        ("y = Gather(w, x)", with_first(random(100, 100), 200, 1e-40), 0),
        ("y = Add(x, w)", with_first(random(100, 100), 200, 1e-40), 0),
    ],
)
def test_denormal_weights(judge, body, array, count):
    assert judge(denormal_weight, body, w=array) == [(WARNING, "w")] * count


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        (MATMUL, random(64, 64, scale=20), 1),
        (MATMUL, random(64, 64, scale=5), 0),
        (MATMUL, with_first(random(640, 640), 1, 1e3), 1),
        (MATMUL, with_first(random(640, 640), 1, 2e2), 0),
        (MATMUL, random(64, 8, scale=1e4), 0),
        (MATMUL, random(8, 64, scale=1e4), 0),
        ("y = Conv<group = 64>(x, w)", random(64, 1, 5, 5, scale=1e3), 0),
        ("y = Conv(x, w)", random(64, 64, 1, 1, scale=20), 1),
        ("y = Gather(w, x)", random(64, 64, scale=1e3), 0),
    ],
)
def test_exploding_weights(judge, body, array, count):
    assert judge(exploding_weight, body, w=array) == [(WARNING, "w")] * count


def uniform(fan_in, *shape):
    edge = fan_in**-0.5
    return np.random.default_rng(1).uniform(-edge, edge, shape).astype("float32")


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        ("y = Conv(x, w)", uniform(27, 64, 3, 3, 3), 0),
        ("y = Conv(x, w)", random(64, 3, 3, 3, scale=(2 / 576) ** 0.5), 0),
        (MATMUL, partial(random, 1024, 4096, scale=0.02), 0),
        (MATMUL, random(20, 30, scale=0.8), 0),
        (MATMUL, random(512, 512, scale=1), 1),
        (MATMUL, random(512, 512, scale=1e-4), 1),
        (MATMUL, np.zeros((512, 512), "float32"), 0),
        (MATMUL, np.full((512, 512), 3, "float32"), 0),
        (MATMUL, random(8, 8, scale=100), 0),
        ("y = Gather(w, x)", random(512, 512, scale=1), 0),
        ("y = Conv<group = 64>(x, w)", uniform(9, 64, 1, 3, 3), 0),
    ],
)
def test_initialisations(judge, body, array, count):
    array = array() if callable(array) else array  # of what is large, nothing is kept
    expected = [(WARNING, "w")] * count
    assert judge(poor_initialisation, body, Stage.INIT, w=array) == expected
    assert judge(poor_initialisation, body, Stage.TRAINED, w=array) == []


@pytest.mark.parametrize(
    ("activation", "scale", "expected"),
    [
        ("Relu", 4 * (2 / 256) ** 0.5, [INFO]),
        ("Relu", 2 * (2 / 256) ** 0.5, []),
        ("Tanh", 3.5 * (1 / 256) ** 0.5, [INFO]),
        ("Relu", 3.5 * (1 / 256) ** 0.5, []),  # Kaiming's is wider
        ("Tanh", 0.02 / 24**0.5, []),  # narrow, as the ends of residual branches are
        ("Relu", 1, [WARNING]),
    ],
)
def test_a_scheme_goes_with_the_activation(judge, activation, scale, expected):
    body = f"h = MatMul(x, w) b = Add(h, w) y = {activation}(b)"
    found = judge(poor_initialisation, body, Stage.INIT, w=random(256, 256, scale=scale))
    assert found == [(severity, "w") for severity in expected]


def test_layers_of_one_shape_have_one_variance(judge):
    body = "a = MatMul(x, w) y = MatMul(a, v)"
    narrow, wide = random(256, 256, scale=0.02), random(256, 256, scale=0.3, seed=1)
    assert judge(poor_initialisation, body, Stage.INIT, w=narrow, v=wide) == [(WARNING, "v")]
    residual = random(256, 256, scale=0.02 / 24**0.5, seed=1)  # of 12 transformer blocks
    assert judge(poor_initialisation, body, Stage.INIT, w=narrow, v=residual) == []
    other = random(128, 256, scale=0.3, seed=1)
    assert judge(poor_initialisation, body, Stage.INIT, w=narrow, v=other) == []


@pytest.mark.parametrize(
    ("attributes", "variance", "count"),
    [
        ("", [1, -1e-9], 1),
        ("", [1, 0], 0),
        ("<epsilon = 0.0>", [1, 0], 1),
        ("<epsilon = 1e-20>", [1, 0], 1),
        ("<epsilon = 0.0>", [1, 1], 0),
        ("<training_mode = 1>", [1, -1], 0),
        ("", [1, float("nan")], 0),
    ],
)
def test_variances(judge, attributes, variance, count):
    ones = np.ones(2, "float32")
    body = f"y = BatchNormalization{attributes}(x, s, b, m, v)"
    found = judge(negative_variance, body, s=ones, b=-ones, m=-ones, v=np.float32(variance))
    assert found == [(ERROR, "v")] * count


DOWN = "Cast<to = 10>"


@pytest.mark.parametrize(
    ("body", "low", "expected"),
    [
        (f"a = Mul(x, low) m = {DOWN}(a) y = Softmax(m)", np.float32(-3.4e38), [WARNING]),
        (f"a = Add(x, low) b = Reshape(a, a) m = {DOWN}(b) y = Softmax(m)", np.float32(1e5),
         [WARNING]),
        (f"m = {DOWN}(low) y = Add(m, m)", np.float32(-1e9), [WARNING]),
        (f"a = Add(x, low) b = Softmax(a) y = {DOWN}(b)", np.float32(-1e9), []),
        (f"a = Clip(x, low) y = {DOWN}(a)", np.float32(-1e9), []),
        (f"a = Max(x, low) y = {DOWN}(a)", np.float32(-1e9), []),
        (f"a = Add(x, low) y = {DOWN}(a)", np.float32(-65504), []),
        (f"a = Where(x, x, low) y = {DOWN}(a)", np.float32("-inf"), []),
        ("y = Add(x, low)", np.float32(-1e9), []),
        ("y = Add(x, low)", np.float16("-inf"), []),
        ("y = Where(x, x, low)", np.float16("-inf"), []),
        ("y = Mul(x, low)", np.float16("-inf"), [ERROR]),
        ("y = Mul(x, low)", np.float16(-65504), []),
        ("y = Mul(x, low)", np.float32("-inf"), []),
    ],
)  # fmt: skip
def test_numbers_beyond_float16(judge, body, low, expected):
    found = judge(fp16_overflow_constant, body, low=low)
    assert found == [(severity, "low") for severity in expected]


def test_a_model_in_float32_is_not_asked_for_float16(write_model):
    report = run_rule(fp16_overflow_constant, write_model())
    reason = "the model has no float16, and no target computes in it"
    assert report.not_applicable == {"WGT009": reason}


@pytest.mark.parametrize(
    ("body", "low", "expected"),
    [
        ("a = Add(x, low) y = Softmax(a)", np.float32(-1e9), [INFO]),
        ("a = Where(x, x, low) b = Add(a, x) y = LogSoftmax(b)", np.float32(-1e9), [INFO]),
        ("a = Add(x, low) y = Softmax(a)", np.float32(-1e4), []),
        ("a = Add(x, low) y = Relu(a)", np.float32(-1e9), []),
        (f"a = Add(x, low) y = {DOWN}(a)", np.float32(-1e9), [WARNING]),
    ],
)
def test_masks_for_a_target_that_computes_in_float16(judge, body, low, expected):
    found = judge(fp16_overflow_constant, body, targets=("tensorrt",), low=low)
    assert [severity for severity, _ in found] == expected


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    [(np.float32(1e-8), [INFO]), (np.float32(1e-5), []), (np.float32(0), []),
     (np.float16(0), [WARNING])],
)  # fmt: skip
def test_epsilons_for_a_target_that_computes_in_float16(judge, epsilon, expected):
    body = "a = Add(x, e) y = Sqrt(a)"
    found = judge(fp16_underflow_epsilon, body, targets=("tensorrt",), e=epsilon)
    assert [severity for severity, _ in found] == expected


@pytest.mark.parametrize(
    ("body", "epsilon", "expected"),
    [
        ("a = Add(x, e) y = Sqrt(a)", np.float16(0), [WARNING]),
        ("a = Add(e, x) y = Div(x, a)", np.float16([[0]]), [WARNING]),
        ("a = Add(x, e) y = Div(a, x)", np.float16(0), []),
        ("a = Add(x, e) y = Relu(a)", np.float16(0), []),
        ("a = Add(x, e) y = Log(a)", np.float16(1e-5), [INFO]),
        ("a = Max(x, e) y = Log(a)", np.float16(1e-6), [INFO]),
        ("a = Clip(x, e) y = Log(a)", np.float16(1e-6), [INFO]),
        ("a = Max(x, e) y = Sqrt(a)", np.float16(0), []),
        ("a = Add(x, e) y = Sqrt(a)", np.float16(1e-4), []),
        ("a = Add(x, e) y = Sqrt(a)", np.float32(1e-8), []),
        ("c = Cast<to = 10>(e) a = Add(x, c) y = Sqrt(a)", np.float32(1e9), []),
        ("c = Cast<to = 10>(e) a = Add(x, c) y = Sqrt(a)", np.float32(1e-8), [WARNING]),
        ("c = Cast<to = 1>(e) a = Add(x, c) y = Sqrt(a)", np.float16(0), []),
        ("a = Add(x, e) b = Sqrt(a) y = Div(b, a)", np.float16(0), [WARNING]),
        ("a = Add(x, e) y = Div(x, a)", np.float16([0, 1]), []),
        ("y = BatchNormalization<epsilon = 1e-8>(x, e, e, e, e)", np.float16([1]), [WARNING]),
        ("y = BatchNormalization(x, e, e, e, e)", np.float16([1]), []),
        ("y = BatchNormalization<epsilon = 1e-8>(x, e, e, e, e)", np.float32([1]), []),
        ("y = LayerNormalization<epsilon = 1e-12>(x, e)", np.float16([1]), []),
    ],
)
def test_epsilons_in_float16(judge, body, epsilon, expected):
    found = judge(fp16_underflow_epsilon, body, elem="float16", e=epsilon)
    assert [severity for severity, _ in found] == expected


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        (MATMUL, random(16, 16) * np.float32([500] + [1] * 15), 1),
        (MATMUL, random(16, 16) * np.float32([20] + [1] * 15), 0),
        (MATMUL, random(16, 16) * np.float32([1] * 4 + [0] * 12), 0),
        (MATMUL, random(16, 4) * np.float32([500, 1, 1, 1]), 0),
        (MATMUL, random(16, 16) * np.float32([500] + [1] * 15)[:, None], 0),
        (MATMUL, np.zeros((16, 16), "float32"), 0),
        ("y = Gather(w, x)", random(16, 16) * np.float32([500] + [1] * 15), 0),
    ],
)
def test_outlier_channels(judge, body, array, count):
    assert judge(outlier_channels, body, w=array) == [(INFO, "w")] * count


def copied(shape, axis, *pairs):
    array = random(*shape)
    moved = np.moveaxis(array, axis, 0)
    for source, target in pairs:
        moved[target] = moved[source]
    return array


PICKS = np.repeat(np.eye(16, dtype="float32"), 2, axis=1)


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        (MATMUL, copied((16, 8), 1, (0, 5)), 1),
        (MATMUL, copied((16, 8), 0, (0, 5)), 0),
        ("y = Gemm<transB = 1>(x, w)", copied((16, 8), 0, (0, 5), (1, 2)), 1),
        ("y = Conv(x, w)", copied((16, 8, 3, 3), 0, (0, 5)), 1),
        ("y = Conv<group = 2>(x, w)", copied((16, 8, 3, 3), 0, (0, 5)), 0),
        ("h = Conv(x, w) y = DepthToSpace<blocksize = 2>(h)", copied((16, 8, 3, 3), 0, (0, 5)), 0),
        ("y = Conv<group = 16>(x, w)", copied((16, 1, 3, 3), 0, (0, 5)), 0),
        ("y = ConvTranspose(x, w)", copied((16, 8, 3, 3), 1, (0, 5)), 1),
        (MATMUL, copied((4, 8), 1, (0, 5)), 0),
        (MATMUL, killed((16, 8), 1, 4), 0),
        (MATMUL, PICKS, 0),
        (MATMUL, np.full((16, 8), 0.3, "float32"), 0),
        ("y = Gather(w, x)", copied((16, 8), 1, (0, 5)), 0),
        (MATMUL, np.abs(copied((16, 8), 1, (0, 5))).astype("float16"), 1),
    ],
)
def test_identical_filters(judge, body, array, count):
    for stage in Stage:
        assert judge(identical_filters, body, stage, w=array) == [(WARNING, "w")] * count


@pytest.mark.parametrize(("scales", "count"), [([1, 1], 1), ([1, 2], 0)])
def test_filters_of_other_scales_are_not_identical(judge, scales, count):
    row = np.random.default_rng(0).integers(-100, 100, (16, 1)).astype("int8")
    body = "d = DequantizeLinear<axis = 1>(w, s) y = MatMul(x, d)"
    found = judge(identical_filters, body, w=np.hstack([row, row]), s=np.float32(scales))
    assert found == [(WARNING, "w")] * count


# what powerlaw 1.5, whose method weightwatcher uses, says of these spectra
POWERLAW = [(96, 200, 6.7578), (300, 300, 7.814), (200, 800, 8.5845)]


def test_exponents_are_those_of_powerlaw():
    draw = np.random.default_rng(0)
    draw.normal(0, 0.1, (96, 96))
    for rows, columns, expected in POWERLAW:
        matrix = draw.normal(0, 0.1, (rows, columns))
        values = np.sort(np.linalg.svd(matrix, compute_uv=False) ** 2)
        assert tail_exponent(values) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("exponent", [2.5, 4.0])
def test_exponent_of_a_power_law(exponent):
    values = np.linspace(1, 0.001, 2000) ** (-1 / (exponent - 1))
    assert tail_exponent(np.sort(values)) == pytest.approx(exponent, rel=0.05)


@pytest.mark.parametrize(
    ("body", "array", "count"),
    [
        (MATMUL, random(128, 512), 1),
        ("y = Conv(x, w)", random(128, 512, 1, 1), 1),
        (MATMUL, np.diag(np.linspace(1, 0.01, 96) ** -2).astype("float32"), 1),
        (MATMUL, random(40, 512), 0),
        (MATMUL, np.zeros((64, 64), "float32"), 0),
        ("y = Gather(w, x)", random(128, 512), 0),
    ],
)
def test_spectra(judge, body, array, count):
    assert judge(heavy_tailed_spectrum, body, w=array) == [(INFO, "w")] * count


@pytest.mark.parametrize(
    ("select", "runs"),
    [("ALL", False), ("WGT", False), ("WGT01", False), ("WGT013", True),
     ("heavy-tailed-spectrum", True), ("ALL,WGT013", True)],
)  # fmt: skip
def test_a_rule_that_is_off_runs_by_its_code_or_name(select, runs):
    chosen = plan(load(None), discover(), "model.onnx", select=select.split(","))
    assert ("WGT013" in {rule.code for rule in chosen.rules}) == runs


def test_a_rule_that_is_off_is_shown_as_such(onnxlint):
    listed = onnxlint("rules", "WGT")
    assert "info, off" in next(line for line in listed.stdout.splitlines() if "WGT013" in line)
    assert listed.stdout.rstrip().endswith("15 rules, 1 off by default")
    assert "--select WGT013" in onnxlint("explain", "WGT013").stdout
