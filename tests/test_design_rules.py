"""ARC and WGT rules: what their docstrings do not show."""

import pytest

from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.arc.active_dropout import active_dropout
from onnxlint_rules.arc.repeated_softmax import repeated_softmax
from onnxlint_rules.arc.softmax_over_one import softmax_over_one
from onnxlint_rules.arc.training_mode_batchnorm import training_mode_batchnorm
from onnxlint_rules.wgt.all_zero_weight import all_zero_weight
from onnxlint_rules.wgt.nonfinite_weight import nonfinite_weight

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def findings(rule: Rule, text: str, stage: Stage = Stage.TRAINED) -> tuple[Diagnostic, ...]:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, stage=stage)
    assert report.complete, report
    return report.findings


def severities(rule: Rule, text: str) -> list[Severity]:
    return [found.severity for found in findings(rule, text)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("p = Softmax(x) y = Softmax(p)", [ERROR]),
        ("p = Softmax<axis = 2>(x) q = Softmax<axis = -1>(p) y = MatMul(q, x)", [ERROR]),
        ("p = Softmax(x) q = Softmax<axis = 1>(p) y = Relu(q)", [WARNING]),
        ("p = Softmax(x) q = Transpose(p) r = Softmax(q) y = Relu(r)", [WARNING]),
        ("p = Softmax(x) q = Sigmoid(p) y = Mul(x, q)", [WARNING]),
        ("p = Softmax(x) y = Sigmoid(p)", [ERROR]),
        ("p = LogSoftmax(x) y = Softmax(p)", [WARNING]),
        ("p = Softmax(x) q = Softmax(p) r = Softmax(q) y = Relu(r)", [ERROR, ERROR]),
        ("p = Softmax(x) q = MatMul(p, x) y = Softmax(q)", []),
        ("p = Softmax(x) q = Log(p) y = Softmax(q)", []),
    ],
)
def test_pairs_of_softmaxes(body: str, expected: list[Severity]) -> None:
    assert (
        severities(repeated_softmax, f"n (float[3, 3, 3] x) => (float[3, 3, 3] y) {{ {body} }}")
        == expected
    )


def test_softmax_pair_inside_a_branch() -> None:
    text = """n (bool c, float[2, 3] x) => (float[2, 3] y) {
        y = If (c) <
            then_branch = a () => (float[2, 3] p) { q = Softmax(x) p = Softmax(q) },
            else_branch = b () => (float[2, 3] r) { r = Identity(x) }
        >
    }"""
    (found,) = findings(repeated_softmax, text)
    assert found.place.scope.endswith("then_branch")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n (float[N, 1] x) => (float[N, 1] y) { y = LogSoftmax(x) }", [ERROR]),
        ("n (float[N, 1] x) => (float[N, 1] y) { p = Softmax(x) y = Add(p, x) }", [WARNING]),
        ("n (float[N, K] x) => (float[N, K] y) { y = Softmax(x) }", []),
        ("n (float[1, 5] x) => (float[1, 5] y) { y = Softmax(x) }", []),
        ("n (float[1, 5] x) => (float[1, 5] y) { y = Softmax<axis = 0>(x) }", [ERROR]),
    ],
)
def test_axis_of_a_softmax(text: str, expected: list[Severity]) -> None:
    assert severities(softmax_over_one, text) == expected


BATCHNORM = """<ir_version: 7, opset_import: ["" : {opset}]>
n (float[N, 1] x) => (float[N, 1] y{outputs})
<float[1] s = {{1}}, float[1] b = {{0}}, float[1] m = {{0}}, float[1] v = {{1}}>
{{ {body} }}"""


@pytest.mark.parametrize(
    ("opset", "body", "outputs", "expected"),
    [
        (9, "y = BatchNormalization(x, s, b, m, v)", "", []),
        (9, "y, a, c, d, e = BatchNormalization(x, s, b, m, v)", "", [ERROR]),
        (15, "y, a, c = BatchNormalization<training_mode = 1>(x, s, b, m, v)", "", [ERROR]),
        (
            15,
            "y, a, c = BatchNormalization<training_mode = 1>(x, s, b, m, v)",
            ", float[1] a",
            [WARNING],
        ),
    ],
)
def test_training_is_told_by_opset(
    opset: int, body: str, outputs: str, expected: list[Severity]
) -> None:
    text = BATCHNORM.format(opset=opset, body=body, outputs=outputs)
    assert severities(training_mode_batchnorm, text) == expected


def test_weights_may_be_standardised_by_a_normalisation_that_trains() -> None:
    text = """<ir_version: 9, opset_import: ["" : 17]>
    net (float[N, 3, 8, 8] x) => (float[N, 4, 6, 6] y)
    <float[1, 4, 27] w, float[4] s, float[4] z, int64[4] dims = {4, 3, 3, 3}>
    {
        even, mean, var = BatchNormalization <training_mode = 1> (w, s, z, z, s)
        kernel = Reshape(even, dims)
        y = Conv(x, kernel)
    }"""
    assert severities(training_mode_batchnorm, text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n (float[2] x, bool t) => (float[2] y) <float r = {0.5}> { y = Dropout(x, r, t) }", []),
        ("n (float[2] x) => (float[2] y) <bool t = {1}> { y = Dropout(x, , t) }", [ERROR]),
        ("n (float[2] x) => (float[2] y) <bool t = {0}> { y = Dropout(x, , t) }", []),
        ("n (float[2] x) => (float[2] y) { y = Dropout(x) }", []),
    ],
)
def test_dropout(text: str, expected: list[Severity]) -> None:
    assert severities(active_dropout, text) == expected


@pytest.mark.parametrize(
    ("body", "element", "count"),
    [
        ("y = Gemm(x, w, b)", "inf", 1),
        ("h = Gemm(x, w) y = Where(m, h, b)", "-inf", 0),
        ("h = Gemm(x, w) y = Where(m, h, b)", "nan", 0),  # a mark
        ("g = Gemm(x, w, b) y = Gemm(g, w, b)", "nan", 1),
    ],
)
def test_one_bad_bias(body: str, element: str, count: int) -> None:
    text = f"""n (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {{1, 2, 3, 4}}, bool[2] m = {{1, 0}}, float[2] b = {{1, 2}}>
    {{ {body} }}
    >>> model.graph.initializer[2].float_data[0] = float("{element}")"""
    assert len(findings(nonfinite_weight, text)) == count


ZEROS = "<float[2, 2] w = {0, 0, 0, 0}, float[2] b = {0, 0}, bool[2] m = {1, 0}>"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("y = MatMul(x, w)", 1),
        ("h = MatMul(x, w) y = MatMul(h, w)", 1),
        ("h = MatMul(x, w) y = Add(h, b)", 1),
        ("h = MatMul(x, w) g = Add(h, b) y = Add(x, g)", 0),
        ("h = MatMul(x, w) y = Mul(x, h)", 1),
        ("h = Mul(x, b) y = Add(h, b)", 0),
    ],
)
def test_zero_weights(body: str, count: int) -> None:
    text = f"n (float[N, 2] x) => (float[N, 2] y) {ZEROS} {{ {body} }}"
    assert len(findings(all_zero_weight, text)) == count
    assert not findings(all_zero_weight, text, stage=Stage.INIT)
