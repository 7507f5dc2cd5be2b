"""QNT rules: what their docstrings do not show."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import findings

from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import run_rule
from onnxlint_rules.qnt.asymmetric_for_tensorrt import asymmetric_for_tensorrt
from onnxlint_rules.qnt.clipped_range import clipped_range
from onnxlint_rules.qnt.convinteger_int8_weight import convinteger_int8_weight
from onnxlint_rules.qnt.invalid_quantisation_parameters import invalid_quantisation_parameters
from onnxlint_rules.qnt.saturating_u8s8 import saturating_u8s8
from onnxlint_rules.qnt.unpaired_qdq import unpaired_qdq

Write = Callable[..., Path]
OPSETS = '<ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>\n'


def convolution(**replaced: str) -> str:
    """A QLinearConv of two input and three output channels."""
    stored = {
        "xs": "float xs = {0.1}", "xz": "uint8 xz = {1}",
        "w": "int8[3, 2, 1, 1] w = {1, 2, 3, 4, 5, 6}",
        "ws": "float[3] ws = {0.1, 0.2, 0.3}", "wz": "int8[3] wz = {0, 0, 0}",
        "ys": "float[1] ys = {0.1}", "yz": "uint8 yz = {1}",
    }  # fmt: skip
    return f"""net (uint8[N, 2, 4, 4] x) => (uint8[N, 3, 4, 4] y)
        <{", ".join((stored | replaced).values())}>
        {{ y = QLinearConv(x, xs, xz, w, ws, wz, ys, yz) }}"""


def dequantised(scale: str, zero_point: str = "", attributes: str = "axis = 1") -> str:
    """A constant of 4 x 3 that is dequantised."""
    also = f", {zero_point}" if zero_point else ""
    return f"""net (float[N, 4] x) => (float[N, 3] y)
        <int8[4, 3] w = {{1, 0, 3, 4, 0, 6, 7, 0, 9, 1, 0, 3}}, {scale}{also}>
        {{ h = DequantizeLinear <{attributes}> (w, s{", z" if zero_point else ""})
           y = MatMul(x, h) }}"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (convolution(), None),
        (convolution(ws="float ws = {0.1}"), None),
        (convolution(wz="int8 wz = {0}"), None),
        (convolution(ws="float[2] ws = {0.1, 0.2}"), ("w", 2, 3)),
        (convolution(wz="int8[2] wz = {0, 0}"), ("w", 2, 3)),
        (convolution(xs="float[2] xs = {0.1, 0.2}"), ("x", 2, 1)),
        (convolution(xz="uint8[3] xz = {0, 1, 2}"), ("x", 3, 1)),
        (convolution(yz="uint8[3] yz = {0, 1, 2}"), ("output", 3, 1)),
        (dequantised("float[3] s = {1, 2, 3}"), None),
        (dequantised("float s = {1}", "int8[1] z = {0}"), None),
        (dequantised("float[3] s = {1, 2, 3}", "int8 z = {0}"), ("w", 1, 3)),
        (dequantised("float s = {1}", "int8[3] z = {0, 1, 2}"), ("w", 3, 1)),
        (dequantised("float[4] s = {1, 2, 3, 4}"), ("w", 4, 3)),
        (dequantised("float[4] s = {1, 2, 3, 4}", attributes="axis = -2"), None),
        (dequantised("float[3] s = {1, 2, 3}", attributes="axis = 5"), ("w", 3, 1)),
        (dequantised("float s = {1}", attributes="axis = 5"), None),
        (dequantised("float[1, 3] s = {1, 2, 3}"), ("w", 2, 1)),
        (dequantised("float[2, 3] s = {1,2,3,4,5,6}", "", "axis = 0, block_size = 2"), None),
        (dequantised("float[1, 3] s = {1, 2, 3}", "", "axis = 0, block_size = 2"), ("w", 3, 6)),
        (dequantised("float[2, 3] s = {1,2,3,4,5,6}", "", "axis = 0, block_size = 3"), None),
    ],
)
def test_counts_of_parameters(
    write_model: Write, text: str, told: tuple[str, int, int] | None
) -> None:
    found = run_rule(invalid_quantisation_parameters, write_model(text)).findings
    assert [(one.severity, one.measured, one.limit) for one in found] == (
        [] if told is None else [(Severity.ERROR, *told[1:])]
    )
    if told is not None:
        named, count, expected = told
        assert re.match(rf"(tensor ')?{named}'? has {count} ", found[0].message)
        assert re.search(rf", expected {expected}( \(axis -?\d\))?$", found[0].message)
        assert found[0].hint.startswith("quantise again with")


@pytest.mark.parametrize(
    ("scale", "severity"),
    [
        ("float s = {0}", Severity.ERROR),
        ("float[3] s = {1, 0, 1}", None),  # the channel holds nothing but zeros
        ("float[3] s = {0, 1, 1}", Severity.ERROR),
        ("float[3] s = {1, 1, nan}", Severity.ERROR),
        ("float s = {inf}", Severity.ERROR),
        ("float s = {-0.1}", Severity.WARNING),
        ("float s = {1e-40}", Severity.WARNING),
        ("float[3] s = {1, 1e-40, 1}", None),
        ("float s = {1e-30}", None),
    ],
)
def test_scales_that_are_no_use(write_model: Write, scale: str, severity: Severity | None) -> None:
    found = run_rule(invalid_quantisation_parameters, write_model(dequantised(scale))).findings
    assert [one.severity for one in found] == ([] if severity is None else [severity])
    for one in found:
        count = "1 of 3 scales" if "[3]" in scale else "scale"
        assert one.message.startswith(f"{count} of tensor 'w' is ")
        assert one.hint.startswith("calibrate again: ")


def test_a_shared_scale_is_told_once(write_model: Write) -> None:
    text = """net (float[N, 4] x) => (float[N, 4] y) <float s = {0}, uint8 z = {0}> {
        q = QuantizeLinear(x, s, z)
        d = DequantizeLinear(q, s, z)
        r = QuantizeLinear(d, s, z)
        y = DequantizeLinear(r, s, z)
    }"""
    (found,) = run_rule(invalid_quantisation_parameters, write_model(text)).findings
    assert found.place.node_index == 0


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("DequantizeLinear(a, s, u)", False),
        ("DequantizeLinear(a, s, i)", True),
        ("QLinearAdd(a, s, u, a, s, u, s, u)", False),
        ("QLinearAdd(a, s, u, a, s, i, s, u)", True),
        ("QLinearAdd(a, s, u, a, s, u, two, u)", True),
        ("QLinearSigmoid(a, two, u, s, u)", True),
        ("QLinearConcat <axis = 0> (s, u, a, s, u, a, s, u)", False),
        ("QLinearConcat <axis = 0> (s, u, a, s, u, a, s, i)", True),
        ("DynamicQuantizeMatMul(f, w, three, izeros)", False),
        ("DynamicQuantizeMatMul(f, w, two, i)", True),
        ("QGemm(a, s, u, w, three, izeros, , s, u)", False),
        ("QGemm(a, s, u, w, two, i, , s, u)", True),
        ("QGemm <transB = 1> (b, s, u, w, four, fours, , s, u)", False),
        ("QGemm <transB = 1> (b, s, u, w, three, izeros, , s, u)", True),
    ],
)
def test_operators_of_onnxruntime(write_model: Write, call: str, told: bool) -> None:
    text = f"""{OPSETS} net (uint8[N, 4] a, uint8[N, 3] b, float[N, 4] f) => (float[M, K] y)
        <float s = {{0.1}}, float[2] two = {{0.1, 0.2}}, float[3] three = {{0.1, 0.2, 0.3}},
         float[4] four = {{1, 2, 3, 4}}, int8[4] fours = {{0, 0, 0, 0}},
         uint8 u = {{1}}, int8 i = {{1}}, int8[3] izeros = {{0, 0, 0}},
         int8[4, 3] w = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}}>
        {{ y = com.microsoft.{call} }}"""
    found = run_rule(invalid_quantisation_parameters, write_model(text)).findings
    assert [one.severity for one in found] == [Severity.ERROR] * told


@pytest.mark.parametrize(
    ("data", "weight", "targets", "severity"),
    [
        ("uint8", "uint8", (), None),
        ("uint8", "int8", (), Severity.WARNING),
        ("int8", "uint8", (), Severity.WARNING),
        ("uint8", "int8", ("ort-cpu-1.23",), Severity.ERROR),
        ("uint8", "int8", ("ort-cpu-1.24", "ort-cpu-1.20"), Severity.ERROR),
        ("uint8", "int8", ("ort-cpu-1.24",), None),
        ("uint8", "uint8", ("ort-cpu-1.20",), None),
    ],
)
def test_convolutions_of_int8(
    write_model: Write, data: str, weight: str, targets: tuple[str, ...], severity: Severity | None
) -> None:
    text = f"""net ({data}[1, 1, 4, 4] x) => (int32[1, 1, 4, 4] y)
        <{weight}[1, 1, 1, 1] w = {{1}}> {{ h = ConvInteger(x, w) y = Identity(h) }}"""
    report = run_rule(
        convinteger_int8_weight, write_model(text), settings=Settings(targets=targets)
    )
    assert [one.severity for one in report.findings] == ([] if severity is None else [severity])
    lacking = next((name for name in targets if name != "ort-cpu-1.24"), "onnxruntime before 1.24")
    for one in report.findings:
        assert one.message == f"{lacking} does not support ConvInteger with int8"
        assert "QUInt8" in one.hint


WIDE, NARROW = "{127, -100, 3, 90, 120, 6, -128, 1}", "{64, -50, 3, 45, 60, 6, -64, 1}"


def between_quantisers(layer: str, dtype: str, dims: str, weights: str, middle: str = "h") -> str:
    """A float layer whose data and weights are dequantised, and its result quantised."""
    return f"""net (float[N, 4, 2, 2] f) => (float[N, M, A, B] y)
        <int8[{dims}] w = {weights}, float s = {{0.1}}, {dtype} z = {{0}}, int8 wz = {{0}}>
        {{ q = QuantizeLinear(f, s, z)
           moved = Transpose <perm = [0, 1, 3, 2]> (q)
           x = DequantizeLinear(moved, s, z)
           v = DequantizeLinear(w, s, wz)
           h = {layer}
           r = Relu(h)
           p = QuantizeLinear({middle}, s, z)
           y = DequantizeLinear(p, s, z) }}"""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (between_quantisers("Conv(x, v)", "uint8", "2, 4, 1, 1", WIDE), 1),
        (between_quantisers("Conv(x, v)", "uint8", "2, 4, 1, 1", WIDE, "r"), 1),
        (between_quantisers("Conv(x, v)", "int8", "2, 4, 1, 1", WIDE), 1),
        (between_quantisers("Conv(x, v)", "int16", "2, 4, 1, 1", WIDE), None),
        (between_quantisers("Conv(x, v)", "uint8", "2, 4, 1, 1", NARROW), None),
        (between_quantisers("Conv(x, v)", "uint8", "2, 4, 1, 1", WIDE, "f"), None),
        (between_quantisers("Conv(f, v)", "uint8", "2, 4, 1, 1", WIDE), None),
        (between_quantisers("Conv<group=4>(x, v)", "uint8", "8, 1, 1, 1", WIDE), None),
        (between_quantisers("MatMul(x, v)", "uint8", "2, 4", WIDE, "f"), 1),
    ],
)
def test_layers_that_saturate(write_model: Write, text: str, count: int | None) -> None:
    found = run_rule(saturating_u8s8, write_model(text)).findings
    assert [one.severity for one in found] == [Severity.INFO] * (count is not None)
    if count is not None:
        assert found[0].message == (
            "62.5% of int8 weights exceed 64 (limit 1.0%); "
            f"{count} layer may saturate on x86 without VNNI"
        )
        assert "reduce_range=True" in found[0].hint


def test_saturation_is_a_warning_on_a_target_of_x86(write_model: Write) -> None:
    path = write_model(between_quantisers("MatMul(x, v)", "uint8", "2, 4", WIDE))
    for target, severity in (("ort-cpu", Severity.WARNING), ("tensorrt", Severity.INFO)):
        (found,) = run_rule(saturating_u8s8, path, settings=Settings(targets=(target,))).findings
        assert (found.severity, found.measured) == (severity, 5 / 8)


def quantised(body: str, outputs: str = "float[A, B] y") -> str:
    return f"""net (float[4, 4] a, float[4, 4] b) => ({outputs})
        <float s = {{0.1}}, float s2 = {{0.1}}, float t = {{0.2}}, int8 z = {{0}},
         uint8 u = {{128}},
         int8[4, 4] w = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7}},
         int4[4, 4] n = {{1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2}},
         float[2, 4] blocks = {{1, 2, 3, 4, 5, 6, 7, 8}}>
        {{ {body} }}"""


PAIR = "q = QuantizeLinear(a, s, z) d = DequantizeLinear(q, s, z)"
LAYERS = f"""{PAIR} v = DequantizeLinear(w, s, z)
    f = MatMul(d, v) e = QuantizeLinear(f, s, z) g = DequantizeLinear(e, s, z) h = MatMul(g, v) """


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        (quantised(f"{PAIR} y = Relu(d)"), []),
        # integers taken for plain numbers
        (quantised(f"{PAIR} m = Add(q, q) y = DequantizeLinear(m, s, z)"), [Severity.WARNING]),
        (
            quantised(f"{PAIR} r = Transpose(q) m = Neg(r) y = DequantizeLinear(m, s, z)"),
            [Severity.WARNING],
        ),
        (quantised(f"{PAIR} c = Cast<to=1>(q) m = Mul(c, s) y = Add(m, d)"), []),
        (quantised(f"{PAIR} y = Add(d, b)"), []),
        # quantised dynamically
        (
            quantised("q, c, e = DynamicQuantizeLinear(a) y = DequantizeLinear(q, c, e)"),
            [Severity.WARNING],
        ),
        (
            quantised(
                "q, c, e = DynamicQuantizeLinear(a) d = DequantizeLinear(q, c, e)"
                "m = MatMulInteger(q, w) k = Cast<to=1>(m) y = Add(k, d)"
            ),
            [],
        ),
        (
            quantised(
                "q, c, e = DynamicQuantizeLinear(a) y = DequantizeLinear(q, c, e)",
                "float[A, B] y, uint8[A, B] q",
            ),
            [],
        ),
        # round trips
        (quantised(f"{PAIR} r = QuantizeLinear(d, s2, z) y = DequantizeLinear(r, s2, z)"),
         [Severity.INFO]),
        (quantised(f"{PAIR} r = QuantizeLinear(d, t, z) y = DequantizeLinear(r, t, z)"),
         [Severity.INFO]),
        (quantised(f"{PAIR} r = QuantizeLinear(d, s, u) y = DequantizeLinear(r, s, u)"),
         [Severity.INFO]),
        (quantised(f"{PAIR} m = Transpose(d) r = QuantizeLinear(m, s, z) "
                   "y = DequantizeLinear(r, s, z)"), []),
        # layers that are quantised by half
        (quantised("v = DequantizeLinear(w, s, z) h = MatMul(a, v) y = MatMul(b, v)"), []),
        (quantised(LAYERS + "y = Identity(h)"), []),
        (quantised(LAYERS + "y = MatMul(h, v)"), [Severity.WARNING]),
        (quantised(LAYERS + "k = MatMul(h, v) y = MatMul(k, v)"), []),  # as many as the others
        (quantised(LAYERS + "x = DequantizeLinear<axis=0, block_size=2>(n, blocks) "
                   "y = MatMul(h, x)"), []),
        (quantised(LAYERS + "i = Cast<to=7>(h) y = Gather(v, i)"), []),
    ],
)  # fmt: skip
def test_quantisers_that_are_left_over(
    write_model: Write, text: str, severities: list[Severity]
) -> None:
    found = run_rule(unpaired_qdq, write_model(text)).findings
    assert [one.severity for one in found] == severities


def test_each_kind_is_told_once_with_its_count(write_model: Write) -> None:
    body = f"{PAIR} m = Add(q, q) n1 = Mul(m, q) o = DequantizeLinear(n1, s, z) " + (
        "r1 = QuantizeLinear(d, s, z) r2 = QuantizeLinear(d, t, z) "
        "x = DequantizeLinear(r1, s, z) x2 = DequantizeLinear(r2, t, z) y = Sum(o, x, x2)"
    )
    found = run_rule(unpaired_qdq, write_model(quantised(body))).findings
    assert [one.message for one in found] == [
        "computes on quantised integers without their scale (2 nodes)",
        "quantises a dequantised value again with the same scale",
        "requantises a value that was rounded to a different scale",
    ]
    assert found[0].hint == "dequantise the operands of Add, and quantise its result again"


@pytest.mark.parametrize(
    ("zero_point", "targets", "told"),
    [
        ("int8 z = {0}", ("tensorrt",), []),
        ("int8 z = {1}", ("tensorrt",), [(Severity.ERROR, 2)]),
        ("int8 z = {1}", ("ort-cpu", "tensorrt-8.5"), [(Severity.ERROR, 2)]),
        ("uint8 z = {128}", ("tensorrt",), [(Severity.ERROR, 2)]),
        ("uint8 z = {0}", ("tensorrt",), []),
        ("int8[4] z = {0, 0, 1, 0}", ("tensorrt",), [(Severity.ERROR, 2)]),
        ("int8 z = {1}", ("ort-cpu",), []),
        ("int8 z = {1}", (), []),
    ],
)
def test_zero_points_on_tensorrt(
    write_model: Write, zero_point: str, targets: tuple[str, ...], told: list[tuple[Severity, int]]
) -> None:
    text = f"""net (float[N, 4] x) => (float[N, 4] y) <float s = {{0.1}}, {zero_point}>
        {{ q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }}"""
    settings = Settings(targets=targets)
    report = run_rule(asymmetric_for_tensorrt, write_model(text), settings=settings)
    assert [(one.severity, one.measured) for one in report.findings] == told
    for one in report.findings:
        assert one.message == "non-zero zero point: TensorRT requires 0 (2 nodes)"
        assert "ActivationSymmetric" in one.hint
    assert bool(report.not_applicable) is not any("tensorrt" in name for name in targets)


CLIPPING = """n (float[N, 4] x) => (float[N, 4] y)
<float s = {%s}, %s z = {%s}, float one = {1}, float two = {2}, float low = {-0.5},
float high = {0.5}> { %s y = DequantizeLinear(q, s, z) }"""
Q = "q = QuantizeLinear(h, s, z)"


@pytest.mark.parametrize(
    ("scale", "dtype", "zero", "body", "fires"),
    [
        (0.005, "int8", 0, f"h = Mul(x, two) {Q}", True),
        (0.00002, "int16", 0, f"h = Mul(x, two) {Q}", True),
        (0.1, "int8", 0, f"h = Mul(x, two) {Q}", False),
        (0.02, "uint8", 0, f"h = Mul(x, two) {Q}", False),  # a ReLU
        (0.005, "uint8", 0, f"h = Mul(x, two) {Q}", True),  # its other end
        (6 / 255, "uint8", 0, f"t = Mul(x, two) h = Mul(t, two) {Q}", False),  # a ReLU6
        (1 / 255, "uint8", 0, f"t = Exp(x) h = Sigmoid(t) {Q}", False),
        (1 / 127, "int8", 0, f"t = Exp(x) u = Exp(t) h = Tanh(u) {Q}", False),
        (0.5 / 127, "int8", 0, f"h = Clip(x, low, high) {Q}", False),
        (0.005, "int8", 0, f"b = Greater(x, low) c = Cast<to = 1>(b) h = Mul(c, two) {Q}", True),
        (0.005, "int8", 0, f"b = Greater(x, low) c = Cast<to = 1>(b) t = Mul(c, two)"
                           f" u = Mul(t, two) h = Sub(u, two) {Q}", False),  # two numbers
        (0.005, "int8", 0, "q = QuantizeLinear(x, s, z)", False),  # the input is made up
        (0.005, "int8", 0, "r = QuantizeLinear(x, s, z) d = DequantizeLinear(r, s, z)"
                           f" h = Reshape(d, shape) {Q}", False),  # only moved
    ],
)  # fmt: skip
def test_ranges_that_clip(scale, dtype, zero, body, fires):
    text = CLIPPING % (scale, dtype, zero, body)
    if "shape" in body:
        text = text.replace("float one", "int64[2] shape = {-1, 4}, float one")
    assert bool(findings(clipped_range, text)) is fires


@pytest.mark.parametrize("kind", ["int4", "uint4", "float8e4m3fn"])
def test_what_no_run_shows_is_not_said_to_be_clipped(kind):
    text = f"""<ir_version: 10, opset_import: ["" : 21]> net (float[N, 4] x) => (float[N, 4] y)
    <float scale = {{0.001}}, {kind} zero = {{0}}>
    {{ h = Exp(x) q = QuantizeLinear(h, scale, zero) y = DequantizeLinear(q, scale, zero) }}"""
    assert not findings(clipped_range, text)


def test_ranges_that_clip_the_users_data_are_a_warning(tmp_path, write_model):
    path = write_model(CLIPPING % (0.005, "int8", 0, "q = QuantizeLinear(x, s, z)"))
    for scale, severities in ((1, [Severity.WARNING]), (0.1, [])):
        x = np.random.default_rng(0).normal(0, scale, (50, 4)).astype(np.float32)
        np.savez(tmp_path / "data.npz", x=x)
        report = run_rule(clipped_range, path, settings=Settings(data=tmp_path / "data.npz"))
        assert [found.severity for found in report.findings] == severities
