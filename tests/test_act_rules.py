"""ACT rules on what runs through a model: near misses, and one finding for one cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from onnxlint.report import ModelReport
from onnxlint.rules.rule import Rule
from onnxlint.settings import Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.act.constant_activation import constant_activation
from onnxlint_rules.act.dead_relu import dead_relu
from onnxlint_rules.act.empty_intermediate import empty_intermediate
from onnxlint_rules.act.exploding_activation import exploding_activation
from onnxlint_rules.act.fp16_headroom import fp16_headroom
from onnxlint_rules.act.rank_collapse import rank_collapse
from onnxlint_rules.act.saturated_activation import saturated_activation
from onnxlint_rules.act.subnormal_activations import subnormal_activations
from onnxlint_rules.act.unnormalised_layer_input import unnormalised_layer_input
from onnxlint_rules.act.vanishing_activation import vanishing_activation

CONSTANTS = {
    "w": "float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}",
    "large": "float[4, 4] large = {3000, 0, 0, 0, 0, 3000, 0, 0, 0, 0, 3000, 0, 0, 0, 0, 3000}",
    "tiny": "float[4, 4] tiny = {1e-4, 0, 0, 0, 0, 1e-4, 0, 0, 0, 0, 1e-4, 0, 0, 0, 0, 1e-4}",
    "none": "float[4, 4] none = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}",
    "far": "float[4] far = {500, 600, 700, 800}",
    "low": "float low = {-1e9}",
    "huge": "float huge = {1e9}",
    "mote": "float mote = {1e-7}",
    "sunk": "float[4] sunk = {-99, -99, -99, 0}",
    "lots": "float lots = {3000}",
    "some": "float some = {16}",
    "few": "float few = {8}",
    "two": "float two = {2}",
    "root": "float root = {-0.5}",
    "fair": "float[4, 4] fair = {30, 0, 0, 0, 0, 30, 0, 0, 0, 0, 30, 0, 0, 0, 0, 30}",
    "tall": "float[8, 2] tall = {1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1}",
    "speck": "float speck = {1e-14}",
    "one": "float one = {1}",
    "keep": "bool[4] keep = {1, 1, 1, 0}",
    "first": "int64[1] first = {1}",
    "second": "int64[1] second = {2}",
    "fifth": "int64[1] fifth = {5}",
    "sixth": "int64[1] sixth = {6}",
}
"""Constants that the bodies below may read."""


def reported(rule: Rule, body: str, data: Path | None = None, **options: object) -> ModelReport:
    """What a rule says of a body of nodes."""
    words = body.replace("(", " ").replace(")", " ").replace(",", " ").split()
    constants = ", ".join(text for name, text in CONSTANTS.items() if name in words)
    text = f"net (float[N, 4] x) => (float[A, B] y) <{constants}> {{ {body} }}"
    example = Example.parse(text if constants else text.replace("<>", ""))
    with saved(example) as path:
        settings = Settings(data=data, **options.pop("settings", {}))
        report = run_rule(rule, path, settings=settings, **options)
    assert report.complete, report
    assert all(found.severity is not Severity.ERROR for found in report.findings)
    return report


def told(rule: Rule, body: str, data: Path | None = None, **options: object) -> list[str]:
    """The operators at which a rule speaks."""
    found = reported(rule, body, data, **options).findings
    return [f"{each.place.op_type} {each.place.value}" for each in found]


GROW = (
    "a = MatMul(x, large) b = Relu(a) c = MatMul(b, large) d = Relu(c) e = MatMul(d, w) y = Neg(e)"
)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (GROW, ["Relu d"]),  # and not what follows
        (GROW.replace("large", "w"), []),
        ("a = MatMul(x, w) m = Where(keep, a, low) b = Relu(m) n = Neg(m) y = Add(b, n)", []),
        ("a = MatMul(x, w) h = Mul(a, low) n = Exp(h) y = Add(h, n)", []),  # as masks are made
        ("a = MatMul(x, w) k = Abs(x) h = Mul(k, huge) m = Sub(a, h) n = Exp(m) y = Add(m, n)", []),
        ("a = MatMul(x, w) h = Mul(a, huge) n = Exp(a) y = Add(h, n)", ["Mul h"]),
        ("p = Exp(x) q = Exp(p) a = MatMul(q, w) y = Relu(a)", []),  # its input is large, too
    ],
)
def test_exploding_activations(body, places):
    assert told(exploding_activation, body) == places


SQUARES = "p = Pow(x, big) m = ReduceMean<keepdims = 1>(p, first) e = Add(m, mote) "


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (SQUARES + "r = Sqrt(e) y = Div(x, r)", []),  # an RMS norm
        (SQUARES + "r = Pow(e, root) y = Mul(x, r)", []),
        (SQUARES + "r = Sqrt(e) i = Reciprocal(r) y = Mul(x, i)", []),
        ("a = Mul(x, huge) s = Mul(a, a) t = MatMul(s, w) c = Clip(t, mote) y = Log(c)", []),
        ("a = Mul(x, lots) s = Mul(a, a) t = MatMul(s, w) c = Clip(t, mote) y = Log(c)", []),
        (SQUARES + "y = Mul(x, e)", ["Pow p"]),
        (SQUARES + "r = Sqrt(e) z = Div(x, r) y = Add(z, p)", ["Pow p"]),  # read elsewhere, too
        ("a = MatMul(x, fair) b = Relu(a) c = MatMul(b, fair) y = Relu(c)", ["Relu y"]),
    ],
)  # fmt: skip
def test_squares_under_a_root_may_be_large(body, places, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.full((4, 4), 30000, np.float32))
    data = None if "fair" in body else tmp_path / "data.npz"
    body = body.replace("big", "two")
    assert told(exploding_activation, body, data) == places


@pytest.mark.parametrize(
    ("body", "data", "severities"),
    [
        (GROW, False, [Severity.INFO]),  # noise
        (GROW, True, [Severity.WARNING]),
        (GROW.replace("large", "fair"), True, [Severity.INFO]),  # a factor of 100 alone
        ("s = Sigmoid(x) a = MatMul(s, w) b = Add(a, huge) y = Neg(b)", False, [Severity.WARNING]),
        ("s = Sigmoid(x) a = MatMul(s, w) b = Mul(a, huge) y = Neg(b)", False, [Severity.INFO]),
    ],
)
def test_noise_alone_proves_no_explosion(body, data, severities, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.ones((4, 4), np.float32))
    report = reported(exploding_activation, body, tmp_path / "data.npz" if data else None)
    assert [found.severity for found in report.findings] == severities


SATURATED = "a = Mul(x, huge) s = Sigmoid(a) "


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (SATURATED + "y = MatMul(s, w)", ["Sigmoid None"]),
        (SATURATED + "h = Concat<axis = 1>(s, s) y = MatMul(h, tall)", ["Sigmoid None"]),
        (SATURATED + "h = Neg(s) k = Mul(h, one) y = MatMul(k, w)", ["Sigmoid None"]),
        (SATURATED + "y = Concat<axis = 1>(s, s)", []),
        (SATURATED + "r = Unsqueeze(s, second) t = Transpose(r) y = Squeeze(t)", []),
        (SATURATED + "y = Gather<axis = 1>(s, first)", []),
        (SATURATED + "m = ReduceMax<keepdims = 1>(s, first) y = Identity(m)", []),
        (SATURATED + "v, y = TopK(s, first)", []),
        (SATURATED + "d = Mul(s, one) g = Add(d, far) y = Mul(g, far)", []),  # decoded boxes
        (SATURATED + "o = Sigmoid(x) y = Mul(s, o)", []),  # objectness times classes
        (SATURATED + "c = Mul(s, one) y = Add(x, c)", []),  # a bounded correction of the input
        (SATURATED + "y = Sub(x, s)", []),
        (SATURATED + "y = Sub(s, x)", ["Sigmoid None"]),
        (SATURATED + "c = Add(x, s) y = MatMul(c, w)", ["Sigmoid None"]),  # a layer reads it
        ("a = Mul(x, huge) s = Tanh(a) y = Slice(s, first, second)", []),
        ("a = MatMul(x, w) b = Mul(a, huge) s = Sigmoid(b) y = Mul(a, s)", []),  # a gate
        ("a = MatMul(x, w) r = Relu(a) b = MatMul(r, w) c = Mul(b, huge) s = Sigmoid(c)"
         " u = Unsqueeze(s, second) v = Squeeze(u, second) h = Mul(v, x) y = MatMul(h, w)", []),
        ("a = Mul(x, huge) s = Sigmoid(a) k = Cos(x) h = Mul(s, k) y = MatMul(h, w)",
         ["Sigmoid None"]),  # scales what it does not come from
        ("a = Mul(x, lots) s = Sigmoid(a) y = MatMul(s, w)", ["Sigmoid None"]),
    ],
)  # fmt: skip
def test_scores_and_gates_may_be_sure(body, places):
    assert told(saturated_activation, body) == places


@pytest.mark.parametrize(
    ("op", "factor", "severities"),
    [
        ("Sigmoid", "huge", [Severity.WARNING]),
        ("Tanh", "huge", [Severity.WARNING]),
        ("Sigmoid", "some", [Severity.INFO]),
        ("Tanh", "few", [Severity.INFO]),
        ("Sigmoid", "one", []),
        ("Tanh", "one", []),
    ],
)
def test_neurons_that_are_nearly_saturated_are_an_info(op, factor, severities):
    body = f"a = Mul(x, {factor}) s = {op}(a) y = MatMul(s, w)"
    found = reported(saturated_activation, body).findings
    assert [each.severity for each in found] == severities


@pytest.mark.parametrize("data", [False, True])
def test_two_thirds_saturated_by_noise_are_an_info(data, tmp_path):
    np.savez(tmp_path / "data.npz", x=np.array([[1, -1, 0.7, 0.1]] * 8, np.float32))
    body = "a = Mul(x, some) s = Tanh(a) y = MatMul(s, w)"
    report = reported(saturated_activation, body, tmp_path / "data.npz" if data else None)
    (found,) = report.findings
    assert found.severity is (Severity.WARNING if data else Severity.INFO)
    assert found.unit == "fraction of outputs"


SHRINK = (
    "a = MatMul(x, tiny) b = Relu(a) c = MatMul(b, tiny) d = Relu(c) e = MatMul(d, w) y = Neg(e)"
)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        (SHRINK, ["Relu d"]),
        (SHRINK.replace("tiny", "w"), []),
        (SHRINK.replace("tiny", "none"), []),  # all zero: another rule's
        ("a = MatMul(x, tiny) b = Relu(a) y = MatMul(b, tiny)", []),  # an output
        ("a = MatMul(x, tiny) b = Relu(a) c = MatMul(b, tiny) d = Relu(c) t = Transpose(d)"
         " u = Transpose(x) y = Concat<axis = 0>(t, u)", []),
        ("a = MatMul(x, tiny) b = Relu(a) c = MatMul(b, tiny) d = Relu(c) y = Add(x, d)", []),
    ],
)  # fmt: skip
def test_vanishing_activations(body, places):
    assert told(vanishing_activation, body) == places


@pytest.mark.parametrize(("scale", "places"), [("mote", []), ("speck", ["Mul c"])])
def test_a_branch_that_is_added_may_be_small_and_not_nothing(scale, places):
    body = f"a = MatMul(x, w) c = Mul(a, {scale}) s = Add(x, c) y = Relu(s)"
    assert told(vanishing_activation, body) == places


def test_channels_that_are_dead_before_something_is_added():
    body = "a = Add(x, sunk) h = Relu(a) s = Add(h, one) y = Log(s)"
    assert told(dead_relu, body) == ["Relu None"]
    assert told(dead_relu, body.replace("sunk", "one")) == []


def test_a_relu_of_unknown_rank_is_dead_as_a_whole():
    body = "z = Mul(x, x) n = Neg(z) r = Squeeze(n) h = Relu(r) y = Exp(h)"
    assert told(dead_relu, body) == ["Relu None"]
    assert told(dead_relu, body.replace("Neg", "Exp")) == []


SHARES = (
    "a = Unsqueeze(x, second) b = Exp(a) e = Concat<axis = 2>(a, b, a, b) p = Softmax<axis = 1>(e) "
)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("a = MatMul(x, none) h = Relu(a) y = Add(h, x)", []),  # zero weights: WGT002
        ("t = Transpose(none) a = Einsum<equation = \"ni,ij->nj\">(x, t) y = Add(a, x)", []),
        ("a = Unsqueeze(x, second) h = Softmax(a) s = Squeeze(h, second) y = Add(s, x)", []),
        ("a = Unsqueeze(x, second) m = ReduceMax(a, second) d = Sub(a, m) s = Squeeze(d, second)"
         " n = Exp(d) y = Add(s, x)", ["Sub d"]),
        ("b = Greater(x, low) h = Cast<to = 1>(b) n = Neg(h) y = Add(n, x)", []),
        ("s = Shape(x) h = ConstantOfShape(s) n = Neg(h) y = Add(n, x)", []),
        ("h = Mul(x, one) n = Exp(h) y = Add(h, n)", []),
        ("h = ReduceMax<keepdims = 0>(x) n = Sub(h, h) y = Add(n, x)", []),
        ("a = Add(x, huge) b = Neg(a) n = Exp(b) y = Add(b, n)", ["Neg b"]),  # drowned
        (SHARES + "r = ReduceSum(p, first) y = Div(p, r)", []),  # 1, as shares add up to
        (SHARES + "m = Mul(p, huge) r = ReduceSum(m, first) y = Add(p, r)", ["ReduceSum r"]),
    ],
)  # fmt: skip
def test_constant_activations(body, places):
    assert told(constant_activation, body) == places


def test_equal_samples_make_no_constant_activation(tmp_path):
    body = (
        "a = Unsqueeze(x, second) m = ReduceMax(a, second) d = Sub(a, m) n = Exp(d) y = Squeeze(n)"
    )
    for rows, places in (([[1, 2, 3, 4]] * 5, []), ([[1, 2, 3, 4], [2, 3, 4, 5]], ["Sub d"])):
        np.savez(tmp_path / "data.npz", x=np.array(rows, np.float32))
        body_read = body.replace("y = Squeeze(n)", "s = Squeeze(d, second) t = Squeeze(n, second)")
        assert (
            told(constant_activation, body_read + " y = Add(s, t)", tmp_path / "data.npz") == places
        )


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("a = Gemm(x, w, far) h = Relu(a) n = Exp(h) m = MatMul(h, w) y = Add(m, n)", ["Relu h"]),
        ("a = MatMul(x, large) h = Relu(a) b = MatMul(h, w) c = Relu(b) y = MatMul(c, w)",
         ["Relu h"]),
        ("a = MatMul(x, large) t = Transpose(a) u = Transpose(t) y = MatMul(u, w)", ["MatMul a"]),
        ("a = MatMul(x, tiny) h = Relu(a) y = MatMul(h, w)", ["Relu h"]),
        ("a = MatMul(x, w) h = Relu(a) y = MatMul(h, w)", []),
        ("a = MatMul(x, w) h = Sigmoid(a) y = MatMul(h, w)", []),
        ("a = MatMul(x, none) h = Relu(a) y = MatMul(h, w)", []),
        ("y = MatMul(x, w)", []),
    ],
)  # fmt: skip
def test_unnormalised_layer_inputs(body, places):
    assert told(unnormalised_layer_input, body) == places


def test_the_models_own_input_is_no_layers_fault(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.full((3, 4), 1000, np.float32))
    assert told(unnormalised_layer_input, "y = MatMul(x, w)", tmp_path / "data.npz") == []


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("p = Mul(x, low) s = Mul(p, low) h = Exp(x) n = Neg(s) y = Add(h, n)", []),  # makes masks
        ("a = MatMul(x, large) b = Relu(a) c = MatMul(b, large) y = Relu(c)", ["Relu y"]),
        ("a = MatMul(x, large) m = Where(keep, a, low) n = Neg(m) e = Exp(m) y = Add(n, e)", []),
    ],
)
def test_values_beyond_float16(body, places):
    assert told(fp16_headroom, body) == places


def test_float16_itself_is_a_warning_within_a_factor_of_the_end():
    text = """net (float16[N, 4] x) => (float16[N, 4] y) <float f = {%s}>
    { w = Cast<to = 10>(f) a = Mul(x, w) b = Abs(a) c = ReduceMax(b) y = Sub(b, c) }"""
    for factor, severities in ((20000, [Severity.WARNING]), (100, [])):
        with saved(Example.parse(text % factor)) as path:
            report = run_rule(fp16_headroom, path)
        assert [found.severity for found in report.findings] == severities, report


def test_a_target_that_computes_in_float16_makes_it_a_warning():
    with saved(Example.parse(fp16_headroom.documentation.bad[0])) as path:
        settings = Settings(targets=("tensorrt-10.15",))
        (found,) = run_rule(fp16_headroom, path, settings=settings).findings
    assert found.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("s = Slice(x, fifth, sixth, first) n = Neg(s) t = ReduceSum(n, first) y = Add(x, t)",
         ["Slice s"]),
        ("s = Slice(x, first, sixth, first) t = ReduceSum(s, first) y = Add(x, t)", []),
        ("l = Less(x, low) i = NonZero(l) f = Cast<to = 1>(i) y = Neg(f)", []),
        ("z = Shape(x) s = Slice(z, fifth, sixth) f = Cast<to = 1>(s) t = ReduceSum(f)"
         " y = Add(x, t)", []),
    ],
)  # fmt: skip
def test_empty_values(body, places):
    assert told(empty_intermediate, body) == places


def test_a_search_that_finds_nothing_in_the_users_data_is_told(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.ones((3, 4), np.float32))
    body = "l = Less(x, low) i = NonZero(l) f = Cast<to = 1>(i) y = Neg(f)"
    assert told(empty_intermediate, body, tmp_path / "data.npz") == ["NonZero i"]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("a = Exp(x) m = ReduceMax(a) l = Sub(x, m) f = Mul(l, one) y = Softmax(f)", []),
        ("e = Mul(x, low) f = Exp(e) t = ReduceSum(f, first) y = Div(f, t)", []),
    ],
)
def test_tails_of_a_softmax_are_no_subnormal_activations(body, places):
    assert told(subnormal_activations, body) == places


HALF = """net (float16[8, 4, 8] x) => (float16[A, B, C] y)
<float far = {9}, float wee = {1e-4}, float two = {1.414},
 float unit = {1}, float half = {0.5}>
{ f = Cast<to = 10>(far) m = Cast<to = 10>(wee) r = Cast<to = 10>(two) o = Cast<to = 10>(unit)
  q = Cast<to = 10>(half) %s }"""


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("a = Mul(x, f) s = Softmax(a) t = Transpose<perm = [0, 2, 1]>(s) y = Mul(t, o)", []),
        ("b = Sub(x, f) s = Sigmoid(b) h = Mul(b, s) y = Add(h, x)", []),  # SiLU
        (
            "b = Sub(x, f) d = Div(b, r) e = Erf(d) g = Add(e, o) h = Mul(b, g) k = Mul(h, q)"
            " y = Add(k, x)",
            [],
        ),  # GELU
        ("b = Sub(x, f) s = Sigmoid(b) c = Concat<axis = 1>(s, s) y = Mul(c, o)", []),
        ("a = Mul(x, m) y = Add(a, a)", ["Mul a"]),
        ("s = Sigmoid(x) a = Mul(s, m) y = Add(a, x)", ["Mul a"]),
    ],
)
def test_tails_in_float16(body, places):
    with saved(Example.parse(HALF % body)) as path:
        report = run_rule(subnormal_activations, path)
    assert report.complete, report
    assert [f"{f.place.op_type} {f.place.value}" for f in report.findings] == places


WIDE = 16


def collapse(scale: float, offset: float, end: str = "y = MatMul(h, w)") -> str:
    """A layer of 16 units with a bias of about this size."""
    rng = np.random.default_rng(0)
    weight = ", ".join(f"{value:.4f}" for value in rng.normal(0, scale, (WIDE * WIDE)))
    bias = ", ".join(f"{value:.4f}" for value in rng.normal(0, offset, WIDE))
    return f"""net (float[N, {WIDE}] x) => (float[N, {WIDE}] y)
    <float[{WIDE}, {WIDE}] w = {{{weight}}}, float[{WIDE}] b = {{{bias}}}>
    {{ a = Gemm(x, w, b) h = Relu(a) {end} }}"""


@pytest.mark.parametrize(
    ("scale", "offset", "end", "places"),
    [
        (0.2, 50, "y = MatMul(h, w)", ["h"]),
        (0.2, 50, "c = MatMul(h, w) d = Relu(c) y = MatMul(d, w)", ["h"]),
        (0.2, 0.5, "y = MatMul(h, w)", []),
        (1e-9, 50, "y = MatMul(h, w)", []),  # exactly the same: another rule's
    ],
)
def test_samples_that_look_alike(scale, offset, end, places):
    with saved(Example.parse(collapse(scale, offset, end))) as path:
        report = run_rule(rank_collapse, path)
    assert report.complete, report
    assert [found.place.value for found in report.findings] == places


def test_samples_that_are_alike_themselves_collapse_nothing(tmp_path):
    x = np.random.default_rng(0).normal(100, 1, (5, WIDE)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    with saved(Example.parse(collapse(0.2, 0.5))) as path:
        report = run_rule(rank_collapse, path, settings=Settings(data=tmp_path / "data.npz"))
    assert report.not_applicable["ACT015"].startswith("the inputs are too similar: mean cosine")


@pytest.mark.parametrize(("rows", "places"), [(300, ["Relu None"]), (100, [])])
def test_a_layer_that_hardly_ever_speaks(rows, places, tmp_path):
    x = np.full((rows, 4), -1, np.float32)
    x[:2] = 1  # each channel of two samples
    np.savez(tmp_path / "data.npz", x=x)
    body = "a = MatMul(x, w) h = Relu(a) n = Exp(h) y = Add(h, n)"
    data = {"settings": {"samples": rows}}
    assert told(dead_relu, body, tmp_path / "data.npz", **data) == places


DENSE = "a = MatMul(x, w) h = Relu(a) n = Exp(h) y = Add(h, n)"


@pytest.mark.parametrize(
    ("rows", "silent", "severity"),
    [
        pytest.param(8, 3, Severity.INFO, id="a rare event is not in 8 samples"),
        pytest.param(31, 3, Severity.INFO, id="just too few"),
        pytest.param(32, 3, Severity.WARNING, id="enough"),
        pytest.param(8, 4, Severity.WARNING, id="nothing passes the layer"),
    ],
)
def test_silence_on_data_counts_by_looks(rows, silent, severity, tmp_path):
    x = np.ones((rows, 4), np.float32)
    x[:, :silent] = -1
    np.savez(tmp_path / "data.npz", x=x)
    settings = Settings(data=tmp_path / "data.npz", samples=rows)
    text = (
        "net (float[N, 4] x) => (float[N, 4] y)"
        " <float[4, 4] w = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}> {" + DENSE + "}"
    )
    with saved(Example.parse(text)) as path:
        report = run_rule(dead_relu, path, settings=settings)
    assert [found.severity for found in report.findings] == [severity]


def test_positions_of_a_convolution_are_looks(tmp_path):
    x = np.ones((8, 1, 6, 6), np.float32)
    np.savez(tmp_path / "data.npz", x=x)
    text = """net (float[N, 1, 6, 6] x) => (float[N, 3, 6, 6] y)
    <float[3, 1, 1, 1] w = {-1, -1, 1}> { c = Conv(x, w) y = Relu(c) }"""
    with saved(Example.parse(text)) as path:
        report = run_rule(dead_relu, path, settings=Settings(data=tmp_path / "data.npz"))
    assert [found.severity for found in report.findings] == [Severity.WARNING]
