"""ARC and GRA rules on layers and what stands between them: what their docstrings do not show."""

from __future__ import annotations

import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.arc.activation_after_activation import activation_after_activation
from onnxlint_rules.arc.ambiguous_softmax_axis import ambiguous_softmax_axis
from onnxlint_rules.arc.early_downsampling import early_downsampling
from onnxlint_rules.arc.hidden_saturating_activation import hidden_saturating_activation
from onnxlint_rules.arc.kernel_exceeds_input import kernel_exceeds_input
from onnxlint_rules.arc.missing_nonlinearity import missing_nonlinearity
from onnxlint_rules.arc.redundant_bias import redundant_bias
from onnxlint_rules.arc.relu_before_output import relu_before_output
from onnxlint_rules.arc.unfused_batchnorm import unfused_batchnorm
from onnxlint_rules.gra.bypassed_layer import bypassed_layer

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def findings(rule: Rule, text: str, **options: object) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, **options)
    assert report.complete, report
    return report.findings


def severities(rule: Rule, text: str, **options: object) -> list[Severity]:
    return [found.severity for found in findings(rule, text, **options)]


DENSE = """n (float[N, 4] x, float[N, 4] z) => (float[N, K] y)
<float[4, 4] a = {1}, float[4, 4] b = {1}, float[4, 8] wide = {1}, float[8, 4] back = {1},
 float[4, 4] c = {1}, float[4] bias = {1}, float[4] s = {1}, int64[2] flat = {-1, 4},
 int64[2] halves = {-1, 2}, float[2, 9] small = {1}, float[4, 1] one = {1},
 float[64, 32] features = {1}, float[4, 64] widest = {1}>"""


def dense(body: str) -> str:
    return f"{DENSE} {{ {body} }}"


@pytest.mark.parametrize(
    ("between", "count"),
    [
        ("g = Identity(h)", 1),
        ("i = Add(h, bias) d = Dropout(i) g = BatchNormalization(d, s, s, s, s)", 1),
        ("g = Reshape(h, flat)", 1),
        ("g = LayerNormalization(h, s)", 0),
        ("g = Softmax(h)", 0),
        ("g = Mul(h, h)", 0),
        ("g = Mul(h, z)", 0),
        ("g = Add(h, z)", 0),
        ("g = Identity(h) i = Relu(h) other = MatMul(i, a)", 0),
    ],
)
def test_what_stands_between_two_layers(between: str, count: int) -> None:
    text = dense(f"h = MatMul(x, a) {between} y = MatMul(g, b)")
    assert severities(missing_nonlinearity, text) == [WARNING] * count


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("h = MatMul(x, wide) y = MatMul(h, back)", 1),
        ("h = MatMul(x, one) t = Transpose(one) y = MatMul(h, t)", 0),
        ("h = MatMul(x, a) t = Transpose<perm = [1, 0]>(h) y = MatMul(t, b)", 0),
        ("h = MatMul(x, a) y = MatMul(b, h)", 0),
        ("h = MatMul(x, a) p = Reshape(h, halves) y = MatMul(p, small)", 0),
        ("m = Sub(x, bias) h = MatMul(m, a) y = MatMul(h, b)", 0),
        ("m = Sub(x, bias) h = MatMul(m, a) i = Add(h, s) y = MatMul(i, b)", 1),
        ("h = MatMul(x, a) i = MatMul(h, b) y = MatMul(i, c)", 2),
        ("h = MatMul(x, a) i = MatMul(h, a) y = MatMul(i, a)", 1),
        ("h = MatMul(x, a) k = MatMul(h, b) q = MatMul(h, c) y = Mul(q, k)", 0),
        ("p = MatMul(x, z) h = MatMul(p, a) y = MatMul(h, b)", 0),
        ("h = MatMul(x, a) q = MatMul(h, b) i = Add(q, bias) y = MatMul(i, z)", 0),
        ('h = Einsum<equation = "nd,de->ne">(x, a) y = MatMul(h, b)', 1),
    ],
)
def test_two_dense_layers(body: str, count: int) -> None:
    assert severities(missing_nonlinearity, dense(body)) == [WARNING] * count


MAPS = """n (float[N, 4, 16, 16] x) => (float[N, C, H, W] y)
<float[4, 4, 3, 3] k = {1}, float[4, 4, 3, 3] l = {1}, float[4, 1, 3, 3] depth = {1},
 float[4, 4, 1, 1] point = {1}, float[2, 4, 1, 1] less = {1}, float[4, 2, 3, 3] grow = {1},
 float[4, 4, 1, 5] row = {1}, float[4, 4, 5, 1] column = {1}, float[4, 4, 2, 2] up = {1},
 float[4] s = {1}, float[4] b = {1}, float[1, 4, 1, 1] mapped = {1},
 float[1, 1, 16, 16] other = {1}, float[9, 4, 1, 1] more = {1}, float[1, 4, 3, 3] gray = {1}>"""


def maps(body: str) -> str:
    return f"{MAPS} {{ {body} }}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("h = Conv(x, k) y = Conv(h, l)", [WARNING]),
        ("h = Conv(x, k) i = BatchNormalization(h, s, s, s, s) y = Conv(i, l)", [WARNING]),
        ("h = Conv(x, k) i = Transpose<perm = [0, 2, 3, 1]>(h) y = MatMul(i, m)", [WARNING]),
        ("h = Conv(x, k) i = Transpose<perm = [0, 1, 3, 2]>(h) y = Conv(i, l)", [WARNING]),
        ("h = Conv(x, k) y = Conv(h, point)", [INFO]),
        ("h = Conv(x, less) y = Conv<strides = [2, 2]>(h, grow)", []),
        ("h = Conv(x, less) f = Flatten(h) y = MatMul(f, head)", [WARNING]),
        ("h = Conv<group = 4>(x, depth) y = Conv(h, point)", []),
        ("h = Conv(x, point) y = Conv<group = 4>(h, depth)", []),
        ("h = Conv(x, less) y = Conv(h, grow)", []),
        ("h = Conv(x, point) y = Conv(h, more)", []),
        ("h = Conv(x, row) y = Conv(h, column)", []),
        ("h = ConvTranspose<strides = [2, 2]>(x, up) y = Conv(h, k)", []),
        ("h = Conv<strides = [2, 2]>(x, k) y = ConvTranspose<strides = [2, 2]>(h, up)", []),
        ("h = Conv(x, k) i = MaxPool<kernel_shape = [2, 2]>(h) y = Conv(i, l)", []),
        ("h = Conv(x, k) i = GlobalAveragePool(h) y = Conv(i, point)", []),
        ("h = Conv(x, k) i = Conv(h, l) y = Concat<axis = 1>(h, i)", []),
    ],
)
def test_two_convolutions(body: str, expected: list[Severity]) -> None:
    text = maps(body).replace(
        "float[4] s", "float[4, 4] m = {1}, float[512, 5] head = {1}, float[4] s"
    )
    assert severities(missing_nonlinearity, text) == expected


def test_broken_attributes_and_loops_end() -> None:
    broken = "Conv<strides = [0, 0], pads = [1], dilations = [1]>(x, k)"
    text = maps(f"h = {broken} r = Relu(h) a = Identity(c) c = Identity(a) y = Relu(a)")
    rules = (missing_nonlinearity, activation_after_activation, kernel_exceeds_input)
    assert not [found for rule in (*rules, early_downsampling) for found in findings(rule, text)]


def test_a_layer_that_is_an_output_is_wanted() -> None:
    text = dense("h = MatMul(x, a) y = MatMul(h, b)")
    assert len(findings(missing_nonlinearity, text)) == 1
    shown = text.replace("(float[N, K] y)", "(float[N, K] y, float[N, 4] h)")
    assert not findings(missing_nonlinearity, shown)


def test_layers_inside_a_branch() -> None:
    text = dense("""y = If (cond) <
        then_branch = t () => (float[N, 4] p) { h = MatMul(x, a) p = MatMul(h, b) },
        else_branch = e () => (float[N, 4] q) { q = Identity(x) }
    >""").replace("float[N, 4] z", "bool cond")
    (found,) = findings(missing_nonlinearity, text)
    assert found.place.scope.endswith("then_branch")


CODE = """c0 = MatMul(h0, one) s0 = Sigmoid(c0) t = Transpose(one) i0 = MatMul(s0, t)
    g0 = Relu(i0)"""


def deep(activation: str, first: str = "", layers: int = 5) -> str:
    """Layers with an activation between each two; `first` stands behind the first one."""
    lines = [f"h0 = MatMul(x, a) {first or f'g0 = {activation}(h0)'}"]
    lines += [f"h{i} = MatMul(g{i - 1}, b) g{i} = {activation}(h{i})" for i in range(1, layers - 1)]
    return dense("\n".join([*lines, f"y = MatMul(g{layers - 2}, c)"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (deep("Sigmoid"), [WARNING] * 4),
        (deep("HardSigmoid"), [WARNING] * 4),
        (deep("Tanh"), [INFO] * 4),
        (deep("Relu"), []),
        (deep("Sigmoid", layers=4), []),
        (deep("Relu", "g0 = Sigmoid(h0)"), [WARNING]),
        (deep("Relu", "i = Add(h0, bias) j = Sigmoid(i) g0 = Dropout(j)"), [WARNING]),
        (deep("Relu", "g0 = Tanh(h0)"), []),
        (deep("Relu", CODE), []),
        (deep("Relu", "s0 = Sigmoid(h0) g0 = Mul(h0, s0)"), []),
        (deep("Relu", "s0 = Sigmoid(h0) g0 = Mul(s0, z)"), []),
        (deep("Relu", "s0 = Sigmoid(h0) g0 = Concat<axis = 1>(s0, z)"), []),
        (deep("Relu", "r0 = Add(h0, z) g0 = Sigmoid(r0)"), []),
        (deep("Relu", "g0 = Sigmoid(h0) gated = Mul(g0, z)"), []),
    ],
)
def test_hidden_sigmoids(text: str, expected: list[Severity]) -> None:
    assert severities(hidden_saturating_activation, text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("h = Relu(x) y = Relu(h)", [WARNING]),
        ("h = Relu(x) r = Reshape(h, flat) y = LeakyRelu(r)", [WARNING]),
        ("h = Softmax(x) y = Relu(h)", [WARNING]),
        ("h = Softplus(x) y = Relu(h)", [WARNING]),
        ("h = LogSoftmax(x) y = Relu(h)", [ERROR]),
        ("h = Gelu(x) y = Gelu(h)", [WARNING]),
        ("h = Relu(x) y = Sigmoid(h)", [WARNING]),
        ("h = Tanh(x) y = HardSigmoid(h)", [WARNING]),
        ("h = Tanh(x) y = Tanh(h)", [WARNING]),
        ("h = Relu(x) y = Tanh(h)", [INFO]),
        ("h = Softplus(x) y = Tanh(h)", []),
        ("h = Tanh(x) y = Relu(h)", []),
        ("h = Relu(x) y = Softmax(h)", []),
        ("h = Sigmoid(x) y = Sigmoid(h)", []),
        ("h = Relu(x) g = Mul(h, s) y = Relu(g)", []),
        ("h = Sigmoid(x) g = Mul(h, x) y = Relu(g)", []),
        ("h = Relu(x) y = Clip(h)", []),
    ],
)
def test_two_activations_in_a_row(body: str, expected: list[Severity]) -> None:
    assert severities(activation_after_activation, dense(body)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("h = MatMul(x, wide) i = MatMul(h, back) r = Relu(i) y = Softmax(r)", [WARNING]),
        ("h = MatMul(x, a) i = Add(h, bias) r = Relu(i) y = LogSoftmax(r)", [WARNING]),
        ("h = MatMul(x, a) r = Relu(h) t = Identity(r) y = ArgMax(t)", [WARNING]),
        ("w = MatMul(x, wide) h = MatMul(w, back) y = Relu(h)", [WARNING]),
        ("h = MatMul(x, one) y = Relu(h)", [INFO]),
        ("w = MatMul(x, widest) h = MatMul(w, features) y = Relu(h)", []),
        ("h = MatMul(x, wide) y = Relu(h)", [WARNING]),
        ("h = MatMul(x, a) r = Relu(h) p = Softmax(r) y = MatMul(p, b)", []),
        ("w = MatMul(x, wide) h = MatMul(w, back) y = LeakyRelu(h)", []),
        ("h = MatMul(x, one) i = Add(h, z) y = Relu(i)", []),
        ("h = MatMul(x, a) r = Relu(h) y = MatMul(r, b)", []),
    ],
)
def test_relu_before_the_output(body: str, expected: list[Severity]) -> None:
    assert severities(relu_before_output, dense(body)) == expected


def test_relu_over_maps_is_for_features() -> None:
    assert not findings(relu_before_output, maps("h = Conv(x, gray) y = Relu(h)"))
    assert findings(relu_before_output, maps("h = Conv(x, gray) r = Relu(h) y = Softmax(r)"))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("h = Conv(x, k, b) y = BatchNormalization(h, s, s, s, s)", 1),
        ("h = Conv(x, k) i = Add(h, mapped) y = InstanceNormalization(i, s, s)", 1),
        ("h = Conv(x, k, b) i = Cast<to = 1>(h) y = InstanceNormalization(i, s, s)", 1),
        ("h = Conv(x, k, b) y = GroupNormalization<num_groups = 4>(h, s, s)", 1),
        ("h = Conv(x, k, b) y = GroupNormalization<num_groups = 2>(h, s, s)", 0),
        ("h = Conv(x, k) i = Add(h, other) y = InstanceNormalization(i, s, s)", 0),
        ("h = Conv(x, k, b) i = Relu(h) y = InstanceNormalization(i, s, s)", 0),
        ("h = Conv(x, k, b) i = InstanceNormalization(h, s, s) y = Add(h, i)", 0),
        ("h = Conv(x, k) y = InstanceNormalization(h, s, s)", 0),
    ],
)
def test_bias_before_a_normalisation(body: str, count: int) -> None:
    assert severities(redundant_bias, maps(body)) == [INFO] * count


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("h = Conv(x, k, b) y = BatchNormalization(h, s, s, s, s)", 1),
        ("h = ConvTranspose(x, up) y = BatchNormalization(h, s, s, s, s)", 1),
        ("h = Conv(x, k) i = Add(h, mapped) y = BatchNormalization(i, s, s, s, s)", 1),
        ("h = Conv(x, k) i = BatchNormalization(h, s, s, s, s) y = Add(h, i)", 0),
        ("h = Conv(x, k) y, m, v = BatchNormalization<training_mode = 1>(h, s, s, s, s)", 0),
        ("h = Relu(x) y = BatchNormalization(h, s, s, s, s)", 0),
    ],
)
def test_batch_normalisation_behind_a_layer(body: str, count: int) -> None:
    assert severities(unfused_batchnorm, maps(body)) == [INFO] * count


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y = Conv<dilations = [8, 1]>(x, k)", [ERROR]),
        ("y = Conv<dilations = [8, 1], auto_pad = 'SAME_UPPER'>(x, k)", []),
        ("y = Conv<dilations = [8, 1], pads = [1, 0, 0, 0]>(x, k)", []),
        ("y = AveragePool<kernel_shape = [20, 20]>(x)", [WARNING]),
        ("y = MaxPool<kernel_shape = [2, 2], strides = [3, 3]>(x)", [WARNING]),
        ("y = Conv<strides = [1, 4]>(x, k)", [WARNING]),
        ("y = MaxPool<kernel_shape = [1, 1], strides = [2, 2]>(x)", []),
        ("y = Conv<strides = [4, 4]>(x, point)", []),
        ("y = MaxPool<kernel_shape = [3, 3], strides = [3, 3]>(x)", []),
        ("y = AveragePool<kernel_shape = [16, 16], strides = [32, 32]>(x)", []),
        ("y = MaxPool<kernel_shape = [2, 2], strides = [3, 3], dilations = [3, 3]>(x)", []),
    ],
)
def test_windows_and_their_input(body: str, expected: list[Severity]) -> None:
    body = body.replace("'", '"')
    assert severities(kernel_exceeds_input, maps(body)) == expected


def test_a_kernel_too_large_where_it_may_never_run() -> None:
    text = maps("""y = If (cond) <
        then_branch = t () => (float[N, C, H, W] p) { p = Conv<dilations = [8, 1]>(x, k) },
        else_branch = e () => (float[N, C, H, W] q) { q = Conv(x, k) }
    >""").replace("16] x)", "16] x, bool cond)")
    assert severities(kernel_exceeds_input, text) == [WARNING]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("y = Conv<strides = [4, 4]>(x, k)", 1),
        ("y = Conv<strides = [2, 2]>(x, k)", 0),
        (
            "h = Conv(x, k) i = Relu(h) "
            "y = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(i)",
            1,
        ),
        ("h = Conv<strides = [4, 4]>(x, k) i = Flatten(x) y = Flatten(h)", 0),
        ("h = Conv(x, k) i = Conv(h, l) j = Conv(i, k) y = Conv<strides = [4, 4]>(j, k)", 0),
        ("h = Conv(x, gray) y = Identity(h)", 0),
        ("h = GlobalAveragePool(x) y = Conv<strides = [4, 4]>(h, point)", 1),
    ],
)
def test_how_much_the_first_layers_keep(body: str, count: int) -> None:
    assert severities(early_downsampling, maps(body)) == [INFO] * count


@pytest.mark.parametrize(
    ("opset", "node", "count"),
    [
        (12, "Softmax", 1),
        (12, "LogSoftmax<axis = -2>", 1),
        (12, "Hardmax<axis = 2>", 0),
        (13, "Softmax<axis = 1>", 0),
    ],
)
def test_axis_of_an_old_softmax(opset: int, node: str, count: int) -> None:
    text = f"""<ir_version: 7, opset_import: ["" : {opset}]>
        n (float[N, 3, M] x) => (float[N, 3, M] y) {{ y = {node}(x) }}"""
    assert severities(ambiguous_softmax_axis, text) == [WARNING] * count


PAIR = "h = MatMul(x, a) i = MatMul(x, b) f = Relu(h) g = Relu(i)"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (f"{PAIR} y = Add(f, g)", 1),
        (f"{PAIR} y = Sum(f, g)", 1),
        (f"{PAIR} y = Concat<axis = 1>(f, g)", 0),
        (f"{PAIR} y = Sub(f, g)", 0),
        (f"{PAIR} y = MatMul(f, g)", 0),
        (f"{PAIR} j = MatMul(f, c) k = MatMul(g, c) y = Add(j, k)", 0),
        (f"{PAIR} y = Add(f, g) other = Identity(f)", 0),
        ("h = MatMul(x, a) i = MatMul(x, b) y = Add(h, i)", 0),
        ("h = MatMul(x, a) i = MatMul(x, a) f = Relu(h) g = Relu(i) y = Add(f, g)", 0),
        ("h = MatMul(x, a) i = MatMul(z, b) f = Relu(h) g = Relu(i) y = Add(f, g)", 0),
        ("h = MatMul(x, a) i = MatMul(x, b) f = Relu(h) g = Tanh(i) y = Add(f, g)", 0),
        ("h = MatMul(x, a) f = Relu(h) y = Add(f, x)", 0),
        ("h = MatMul(x, a) i = MatMul(x, b) y = Relu(i)", 1),
        ("h = MatMul(x, a) i = MatMul(x, back) y = Relu(i)", 0),
        ("r = Relu(x) h = MatMul(r, a) i = MatMul(r, b) y = Relu(i)", 0),
    ],
)
def test_layers_of_a_kind_on_the_input(body: str, count: int) -> None:
    assert severities(bypassed_layer, dense(body)) == [WARNING] * count
