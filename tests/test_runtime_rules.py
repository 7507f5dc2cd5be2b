"""RUN, ACT and PRD rules: what their docstrings do not show."""

from pathlib import Path

import numpy as np
import pytest

from onnxlint.job import Job
from onnxlint.pipeline import ModelReport, lint_model
from onnxlint.rules.rule import Rule
from onnxlint.settings import OutputContract, Settings
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.act.fp16_headroom import fp16_headroom
from onnxlint_rules.act.inf_origin import inf_origin
from onnxlint_rules.act.nan_origin import nan_origin
from onnxlint_rules.act.saturated_activation import saturated_activation
from onnxlint_rules.act.swallowed_nan import swallowed_nan
from onnxlint_rules.prd.collapsed_prediction import collapsed_prediction
from onnxlint_rules.prd.initial_entropy import initial_entropy
from onnxlint_rules.prd.not_a_distribution import not_a_distribution
from onnxlint_rules.run.execution_failure import execution_failure
from onnxlint_rules.run.runtime_crash import runtime_crash
from onnxlint_rules.run.session_failure import session_failure


def judged(rule: Rule, text: str, stage: Stage = Stage.TRAINED, **settings: object) -> ModelReport:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, stage=stage, settings=Settings(**settings))
    assert report.complete, report
    return report


def test_a_locale_that_this_machine_lacks_is_a_warning() -> None:
    text = """net (string[4] x) => (string[A] y)
    { y = StringNormalizer <case_change_action = "LOWER", locale = "xx_YY.UTF-8"> (x) }"""
    (found,) = judged(session_failure, text).findings
    assert found.severity is Severity.WARNING
    assert "locale 'xx_YY.UTF-8' is not installed on this machine" in found.message


def fed(tmp_path: Path, **arrays: list[object]) -> Path:
    """The user's data as a file."""
    path = tmp_path / "data.npz"
    np.savez(path, **{name: np.array(array, np.float32) for name, array in arrays.items()})
    return path


@pytest.mark.parametrize(
    ("text", "op_type", "reason"),
    [
        ("n (float[2] x, int64[2] z) => (float[2] y) { [a] y = Add(x, z) }", "Add", "dtypes"),
        ("n (float[2, 3] x) => (float[A, B] y) { [m] y = MatMul(x, x) }", "MatMul", "shapes"),
        ("n (float[2] x) => (float[2] y) { [r] y = Relu<alpha = 1.0>(x) }", "Relu", "'alpha'"),
        ("n (bfloat16[2] x) => (bfloat16[2] y) { y = Add(x, x) }", "Add", "no CPU kernel"),
        ("n (float[2] x) => (float[2] y) { y = Relu(z) }", None, "nothing defines 'z'"),
        ('<ir_version: 99, opset_import: ["" : 21]> n (float[2] x) => (float[2] y) { y = Relu(x) }',
         None, "IR version 99"),
    ],
)  # fmt: skip
def test_session_failures_in_our_words(text: str, op_type: str | None, reason: str) -> None:
    (found,) = judged(session_failure, text).findings
    assert found.place.op_type == op_type
    assert reason in found.message.partition("(onnxruntime")[0]


def test_failing_run_names_node_reason_and_inputs() -> None:
    text = """n (float[4] x) => (float[M] y)
    <float[3] w = {1, 2, 3}, int64[1] rows = {7}>
    { [look_up] p = Gather(w, rows) y = Concat<axis = 0>(p, x) }"""
    (found,) = judged(execution_failure, text).findings
    assert found.place.node == "look_up"
    assert "index 7 is out of range [-3,2]" in found.message
    assert "x float32[4]" in found.message


@pytest.mark.parametrize(("operator", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_a_kernel_that_refuses_a_dtype_refuses_every_input(operator: str, gates: int) -> None:
    ones = ", ".join(["1"] * gates * 4)
    weights = f"double[1, {gates * 2}, 2]"
    text = f"""net (double[T, N, 2] x) => (double[T, 1, N, 2] y)
    <{weights} w = {{{ones}}}, {weights} r = {{{ones}}}>
    {{
        y = {operator} <hidden_size = 2> (x, w, r)
    }}"""
    (found,) = judged(execution_failure, text).findings
    assert found.severity is Severity.ERROR
    assert found.place.op_type == operator
    assert "does not support double" in found.message
    assert judged(execution_failure, text.replace("double", "float")).findings == ()


def test_time_limit_ends_in_a_finding() -> None:
    text = """n (float[N] x) => (float[N] y)
    <int64 n = {1000000000}, bool go = {1}> {
        y = Loop(n, go, x) <
            body = step (int64 i, bool c, float[N] s) => (bool c2, float[N] s2)
            { c2 = Identity(c) s2 = Cos(s) }
        >
    }"""
    (found,) = judged(runtime_crash, text, time_limit=8.0).findings
    assert "8 s" in found.message


SQUARE_ROOT = "n (float[N, 2] x) => (float[N, 2] y) { r = Sqrt(x) n = Neg(r) y = Add(n, x) }"


def test_nan_is_an_error_on_the_users_data_alone(tmp_path: Path) -> None:
    data = fed(tmp_path, x=[[1, 2], [-1, 2]])
    (found,) = judged(nan_origin, SQUARE_ROOT, data=data).findings
    assert (found.severity, found.place.op_type) == (Severity.ERROR, "Sqrt")
    assert not judged(nan_origin, SQUARE_ROOT, data=fed(tmp_path, x=[[1, 2]])).findings
    assert not judged(nan_origin, SQUARE_ROOT, data=fed(tmp_path, x=[[np.nan, 2]])).findings


@pytest.mark.parametrize(
    ("rule", "body", "ops"),
    [
        (nan_origin, "i = Exp(b) y = Sub(i, i)", []),  # the overflow is the cause
        (inf_origin, "i = Exp(b) y = Sub(i, i)", ["Exp"]),
        (nan_origin, "m = Where(off, low, x) y = Softmax(m)", ["Softmax"]),
        (inf_origin, "m = Where(off, low, x) y = Softmax(m)", []),
        (inf_origin, "z = Sub(x, x) y = Div(x, z)", ["Div"]),
        (nan_origin, "z = Sub(x, x) y = Div(z, z)", ["Div"]),
        (inf_origin, "y = Cast<to = 10>(huge)", ["Cast"]),
        (swallowed_nan, "z = Sub(x, x) q = Div(z, z) y = Greater(q, x)", ["Greater"]),
        (swallowed_nan, "z = Sub(x, x) q = Div(z, z) y = Cast<to = 7>(q)", ["Cast"]),
        (swallowed_nan, "z = Sub(x, x) q = Div(z, z) y = Cast<to = 11>(q)", []),
        (swallowed_nan, "z = Sub(x, x) q = Div(z, z) y = Equal(q, q)", []),
        (swallowed_nan, "z = Sub(x, x) q = Div(z, z) y = Shape(q)", []),
        (swallowed_nan, "s = Mul(x, x) w = Mul(s, huge) i = Exp(w) y = Div(x, i)", ["Div"]),
        (swallowed_nan, "m = Where(keep, x, low) y = Softmax(m)", []),
    ],
)
def test_where_nan_and_infinity_are_born_and_hidden(rule: Rule, body: str, ops: list[str]) -> None:
    text = f"""n (float[N, 2] x) => (y)
    <float[2] b = {{999, 999}}, bool[2] off = {{1, 1}}, bool[2] keep = {{1, 0}}, float low = {{0}}>
    {{ huge = Mul(b, b) {body} }}
    >>> model.graph.initializer[3].float_data[0] = float("-inf")"""
    report = judged(rule, text)
    assert [found.place.op_type for found in report.findings] == ops


def test_overflow_that_no_input_can_avoid_is_an_error() -> None:
    text = "n (float[N, 2] x) => (float[2] y) <float[2] b = {999, 1}> { y = Exp(b) }"
    (found,) = judged(inf_origin, text).findings
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize(("start", "severity"), [("s", Severity.INFO), ("c", Severity.WARNING)])
def test_the_logarithm_of_a_distance_between_positions_is_told_in_passing(
    start: str, severity: Severity
) -> None:
    text = f"""n (float[N, 2] x) => (float[N, 2] y)
    <int64 zero = {{0}}, int64 one = {{1}}, float[1] none = {{0}}>
    {{
        sizes = Shape(x) s = Gather(sizes, zero) nil = Mul(x, none) whole = Cast<to = 7>(nil)
        most = ReduceMax<keepdims = 0>(whole) c = Add(most, one)
        places = Range(zero, {start}, one) far = Cast<to = 1>(places) log = Log(far)
        bucket = Cast<to = 7>(log) last = ReduceMax<keepdims = 0>(bucket)
        add = Cast<to = 1>(last) y = Add(x, add)
    }}"""
    (found,) = judged(inf_origin, text).findings
    assert (found.place.op_type, found.severity) == ("Log", severity)


@pytest.mark.parametrize(
    ("end", "severity"), [("y = Softmax(s)", Severity.INFO), ("y = Neg(s)", Severity.WARNING)]
)
def test_two_masks_may_add_up_to_infinity_before_a_softmax(end: str, severity: Severity) -> None:
    text = f"""n (float[N, 4] x) => (float[N, 4] y)
    <bool[4] one = {{1, 1, 0, 0}}, bool[4] two = {{1, 1, 1, 0}}, float low = {{-3e38}},
     float none = {{0}}>
    {{ a = Where(one, x, low) m = Where(two, none, low) s = Add(a, m) {end} }}"""
    (found,) = judged(inf_origin, text).findings
    assert (found.place.op_type, found.severity) == ("Add", severity)


def test_function_with_a_mask_inside_makes_no_infinity() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    n (float[N, 2] x) => (float[N, 2] y) { y = own.mask(x) }
    <domain: "own", opset_import: ["" : 21]>
    mask (a) => (b) {
        low = Constant<value = float {-1}>()
        keep = Constant<value = bool[2] {1, 0}>()
        b = Where(keep, a, low)
    }
    >>> model.functions[0].node[0].attribute[0].t.float_data[0] = float("-inf")"""
    assert not judged(inf_origin, text).findings


@pytest.mark.parametrize(
    ("body", "ops"),
    [
        ("h = Sigmoid(w) y = Sub(h, x)", ["Sigmoid"]),
        ("h = Tanh(w) y = Add(h, one)", []),
        ("h = Sigmoid(w) y = Mul(h, x)", []),
        ("h = Tanh(x) y = Sub(h, x)", []),
        ("y = Tanh(w)", []),
        ("v = Cast<to = 10>(w) h = Tanh(v) g = Cast<to = 1>(h) y = Sub(g, x)", ["Tanh"]),
    ],
)
def test_saturation_of_hidden_units(body: str, ops: list[str]) -> None:
    text = f"""n (float[N, 4] x) => (float[N, 4] y) <float big = {{3000}}, float one = {{1}}>
    {{ w = Mul(x, big) {body} }}"""
    assert [found.place.op_type for found in judged(saturated_activation, text).findings] == ops


HEAD = "n (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w = {%s}> { %s }"
WIDE, NARROW = "50, 0, 0, 0, 50, 0, 0, 0, 50", "0.1, 0, 0, 0, 0.1, 0, 0, 0, 0.1"


@pytest.mark.parametrize("head", ["y = MatMul(x, w)", "h = MatMul(x, w) y = LogSoftmax(h)",
                                  "h = MatMul(x, w) y = Sigmoid(h)"])  # fmt: skip
def test_entropy_of_every_kind_of_head(head: str, tmp_path: Path) -> None:
    (found,) = judged(initial_entropy, HEAD % (WIDE, head), Stage.INIT).findings
    assert found.severity is Severity.WARNING
    assert found.limit == pytest.approx(np.log(2 if "Sigmoid" in head else 3))
    assert not judged(initial_entropy, HEAD % (NARROW, head), Stage.INIT).findings
    data = fed(tmp_path, x=[[1, 0, 0], [0, 2, 0]])
    (found,) = judged(initial_entropy, HEAD % (WIDE, head), Stage.INIT, data=data).findings
    assert found.severity is Severity.ERROR


def test_rare_labels_and_close_scores_are_no_collapse() -> None:
    rare = "s = MatMul(x, w) b = Sub(s, far) y = Sigmoid(b)"
    text = (HEAD % (NARROW, rare)).replace("> {", ", float far = {14}> {")
    assert not judged(collapsed_prediction, text).findings


def test_one_prediction_cannot_collapse(tmp_path: Path) -> None:
    text = HEAD % ("0, 0, 0, 0, 0, 0, 0, 0, 0", "h = MatMul(x, w) y = Softmax(h)")
    assert judged(collapsed_prediction, text).findings
    one = judged(collapsed_prediction, text, data=fed(tmp_path, x=[[1, 2, 3]]))
    assert "PRD002" in one.not_applicable


@pytest.mark.parametrize(
    ("head", "outputs", "expected"),
    [
        ("p = Softmax(x) y = Mul(p, two)", {}, [Severity.ERROR]),
        ("p = Softmax(x) y = Mul(p, two)", {"y": OutputContract(head="none")}, []),
        ("p = LogSoftmax(x) y = Mul(p, two)", {}, []),
        ("p = Softmax(x) y = Clip(p, , two)", {}, []),
        ("p = MatMul(x, w) y = Mul(p, two)", {}, []),
        ("y = Identity(x)", {"y": OutputContract(head="sigmoid")}, [Severity.WARNING]),
    ],
)
def test_arithmetic_behind_a_softmax(
    head: str, outputs: dict[str, OutputContract], expected: list[Severity]
) -> None:
    text = (HEAD % (WIDE, head)).replace("> {", ", float two = {2}> {")
    with saved(Example.parse(text)) as path:
        report = lint_model(Job(str(path), (not_a_distribution,), Settings(outputs=outputs)))
    assert [found.severity for found in report.findings] == expected


ATTENTION = """net (float16[N, 4, 16] x) => (float16[N, 4, 4] y)
<float16 gain = {20672}, float16 eighth = {12288}>
{
    q = Mul(x, gain)
    k = Mul(x, gain)
    t = Transpose <perm = [0, 2, 1]> (k)
    BODY
    y = Softmax <axis = 2> (logits)
}"""


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("product = MatMul(q, t) logits = Mul(product, eighth)", {"ACT009"}),
        ("small = Mul(q, eighth) logits = MatMul(small, t)", set()),
    ],
)
def test_what_a_fused_kernel_hides_in_float16_is_seen(body: str, codes: set[str]) -> None:
    """On the CPU a product and its scale become one kernel, which computes in float32."""
    text = ATTENTION.replace("BODY", body)  # gain 38: 38² · 16 · 2.5 = 57,760
    with saved(Example.parse(text)) as path:
        report = run_rule(fp16_headroom, path)
    warned = {found.code for found in report.findings if found.severity is not Severity.INFO}
    assert warned == codes, report
