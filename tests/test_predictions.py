"""Predictions: how heads are read, and the PRD rules beyond what their docstrings show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from conftest import findings
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.predictions.outputs import Outputs
from onnxlint.analyses.predictions.predictions import Prediction, Predictions
from onnxlint.analyses.stability.sensitivity import _Trial
from onnxlint.analyses.static.output_heads import Head, recognise
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.report import ModelReport
from onnxlint.rules.rule import Rule
from onnxlint.settings import OutputContract, Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.prd.collapsed_prediction import collapsed_prediction
from onnxlint_rules.prd.constant_top1 import constant_top1
from onnxlint_rules.prd.duplicate_outputs import duplicate_outputs
from onnxlint_rules.prd.input_insensitive import input_insensitive
from onnxlint_rules.prd.label_score_mismatch import label_score_mismatch
from onnxlint_rules.prd.not_a_distribution import not_a_distribution
from onnxlint_rules.prd.output_range import output_range
from onnxlint_rules.prd.overconfident import overconfident

DENSE = "n (float[N, 3] x) => (float[N, 3] y) <float[3, 3] w = {%s}, float[3] b = {%s}> { %s }"
EYE = "1, 0, 0, 0, 1, 0, 0, 0, 1"
SOFTMAX = "h = Gemm(x, w, b) y = Softmax(h)"


def judged(rule: Rule, text: str, **settings: object) -> ModelReport:
    with saved(Example.parse(text)) as path:
        report = run_rule(rule, path, settings=Settings(**settings))
    assert report.complete, report
    return report


@pytest.fixture
def normal(tmp_path: Path) -> Path:
    """Data of 128 samples for three features."""
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).standard_normal((128, 3), np.float32))
    return path


FIXTURES = Path(__file__).parent.parent / "fixtures"

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.floats(0.01, 10))
def test_rows_that_differ_have_a_larger_entropy_together(seed: int, evenness: float) -> None:
    p = np.random.default_rng(seed).dirichlet([evenness] * 4, 7)
    prediction = Prediction(Head(None, "softmax"), p, p, 7)
    assert prediction.entropy <= prediction.marginal_entropy + 1e-9
    assert prediction.marginal_entropy <= np.log(4) + 1e-9
    same = Prediction(Head(None, "softmax"), p[:1].repeat(7, 0), p[:1].repeat(7, 0), 7)
    assert same.entropy == pytest.approx(same.marginal_entropy)
    assert (prediction.confidence == p[np.arange(7), prediction.winners]).all()


@given(SEEDS)
def test_one_sigmoid_is_two_classes(seed: int) -> None:
    p = np.random.default_rng(seed).random((9, 1))
    prediction = Prediction(Head(None, "sigmoid"), p, p, 9)
    assert (prediction.winners == (p[:, 0] > 0.5)).all()
    assert (prediction.confidence >= 0.5).all()
    assert not prediction.is_multi_label


HEADS = {
    "y = Softmax(x)": ("softmax", -1),
    "h = LogSoftmax(x) y = Identity(h)": ("log-softmax", -1),
    "y = MatMul(x, w)": ("logits", -1),
    "h = MatMul(x, w) y = Sigmoid(h)": ("sigmoid", -1),
    "t = Transpose<perm = [0, 2, 1]>(x) y = Softmax<axis = 1>(t)": ("softmax", 1),
    "p = Softmax(x) y = Dropout(p) z = MatMul(y, w)": None,
    "p = Softmax(x) y = Identity(p) z = ArgMax(p)": ("softmax", -1),
    "h = MatMul(x, w) q = QuantizeLinear(h, s) y = DequantizeLinear(q, s)": ("logits", -1),
    "y = Relu(x)": None,
    "y = Sigmoid(x)": None,
}


@pytest.mark.parametrize("body", HEADS)
def test_heads_of_sequences(body: str, graph_of) -> None:
    weight = "float[5, 5] w = {" + "1, " * 24 + "1}"
    text = f"n (float[N, 5, 5] x) => (float[N, 5, 5] y) <{weight}, float s = {{1}}> {{ {body} }}"
    with graph_of(text) as graph, closing(Analyses(Settings(), graph.model, graph)) as analyses:
        head = recognise(graph, analyses.get(Shapes), graph.outputs[0], {})
        assert (head and (head.kind, head.axis)) == HEADS[body]


@contextmanager
def analysed(path: Path) -> Iterator[Analyses]:
    """The analyses of a model that is run on synthetic inputs."""
    with (
        open_model(str(path)) as model,
        closing(Worker(30, None)) as worker,
        closing(Analyses(Settings(), model, worker)) as analyses,
    ):
        yield analyses


ML = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]> '
TREE = """label, %s = ai.onnx.ml.TreeEnsembleClassifier<classlabels_int64s = [0, 1],
    class_ids = [0, 0], class_nodeids = [1, 2], class_treeids = [0, 0], class_weights = [%s],
    nodes_falsenodeids = [2, 0, 0], nodes_truenodeids = [1, 0, 0], nodes_featureids = [0, 0, 0],
    nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], nodes_nodeids = [0, 1, 2],
    nodes_treeids = [0, 0, 0], nodes_values = [0.0, 0.0, 0.0], post_transform = "%s">(x)"""
LINEAR = """label, %s = ai.onnx.ml.LinearClassifier<classlabels_ints = [0, 1, 2],
    coefficients = [1.0, 0.0, 0.0, 1.0, -1.0, -1.0], intercepts = [0.1, 0.2, 0.3],
    post_transform = "%s">(x)"""
CLASSIFIER = ML + "n (float[N, 2] x) => (int64[N] label, float[N, %d] %s) { %s }"

SEEN = {
    (2, "p", TREE % ("p", "0.2, 0.9", "NONE")): "probabilities",
    (2, "p", TREE % ("p", "-0.2, 0.9", "NONE")): "margins",
    (2, "p", TREE % ("p", "-0.2, 0.9", "LOGISTIC")): "probabilities",
    (3, "p", LINEAR % ("p", "NONE")): "margins",
    (3, "p", LINEAR % ("p", "SOFTMAX")): "softmax",
    (3, "p", LINEAR % ("p", "LOGISTIC")): "sigmoid",
    (3, "p", LINEAR % ("q", "LOGISTIC") + ' p = ai.onnx.ml.Normalizer<norm = "L1">(q)'):
        "probabilities",
}  # fmt: skip


@pytest.mark.parametrize("model", SEEN, ids=str)
def test_what_classifiers_give_is_seen(model: tuple[int, str, str], write_model) -> None:
    classes, name, body = model
    path = write_model(CLASSIFIER % (classes, name, body))
    with analysed(path) as analyses:
        (prediction,) = analyses.get(Predictions)
        assert prediction.head.kind == SEEN[model]


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("probabilities", LINEAR % ("probabilities", "NONE"), True),
        ("output_probability", LINEAR % ("output_probability", "NONE"), True),
        ("classProbs", LINEAR % ("classProbs", "NONE"), True),
        ("scores", LINEAR % ("scores", "NONE"), False),
        ("log_probs", LINEAR % ("log_probs", "NONE"), False),
        ("problem", LINEAR % ("problem", "NONE"), False),
        ("probabilities", LINEAR % ("probabilities", "SOFTMAX"), False),
        ("probabilities", LINEAR % ("q", "NONE") + " probabilities = Sigmoid(q)", False),
        ("probabilities", LINEAR % ("q", "SOFTMAX") + " probabilities = Log(q)", True),
    ],
)
def test_names_that_promise_probabilities(name: str, body: str, told: bool) -> None:
    found = findings(not_a_distribution, CLASSIFIER % (3, name, body))
    assert [one.severity for one in found] == [Severity.WARNING] * told


@pytest.mark.parametrize(("transform", "told"), [("NONE", True), ("SOFTMAX", False)])
def test_maps_of_probabilities(transform: str, told: bool) -> None:
    text = f"""{ML} n (float[N, 2] x) => (int64[N] label, seq(map(int64, float)) probabilities)
    {{ {LINEAR % ("p", transform)}
      probabilities = ai.onnx.ml.ZipMap<classlabels_int64s = [0, 1, 2]>(p) }}"""
    assert bool(findings(not_a_distribution, text)) is told


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("N, 4, 5", "y = Softmax(x)"),
        ("N, 20", "p = Softmax(x) y = Flatten(p)"),
        ("N, 4, 5", "p = LogSoftmax<axis = -2>(x) y = Identity(p)"),
        ("N, 4, 5", "y = Softmax<axis = 2>(x)"),
        ("N, 1, 4, 5", "p = Softmax(x) y = Unsqueeze<axes = [1]>(p)"),
    ],
)
def test_old_softmaxes_run_over_several_axes(shape: str, body: str) -> None:
    text = f"""<ir_version: 6, opset_import: ["" : 11]>
    n (float[N, 4, 5] x, float[N, 2] z) => (float[{shape}] y, float[N, 2] other)
    {{ {body} other = Softmax(z) }}"""
    assert not findings(not_a_distribution, text)


def test_quantised_probabilities_need_not_sum_to_1() -> None:
    text = """n (float[N, 3] x) => (float[N, 3] y) <float s = {0.2}>
    { p = Softmax(x) q = QuantizeLinear(p, s) y = DequantizeLinear(q, s) }"""
    assert not findings(not_a_distribution, text)
    body = text[text.rindex("{") :]
    assert findings(not_a_distribution, text.replace(body, "{ p = Softmax(x) y = Mul(p, s) }"))


def test_one_class_on_data_is_a_warning_and_an_info_where_it_may_be_right(normal: Path) -> None:
    biased = DENSE % (EYE, "9, 0, 0", SOFTMAX)
    logits = DENSE % (EYE, "9, 0, 0", "y = Gemm(x, w, b)")
    told = {"y": OutputContract(head="logits")}

    def severities(text: str, **settings: object) -> list[Severity]:
        return [found.severity for found in judged(constant_top1, text, **settings).findings]

    assert severities(biased, data=normal, samples=128) == [Severity.WARNING]
    assert severities(biased, data=normal, samples=99) == [Severity.INFO]
    assert severities(biased) == [Severity.INFO]
    assert severities(logits, data=normal, samples=128) == [Severity.INFO]
    assert severities(logits, data=normal, samples=128, outputs=told) == [Severity.WARNING]
    assert "PRD004" in judged(constant_top1, biased, samples=7).not_applicable


@pytest.mark.parametrize(
    "text",
    [
        DENSE % (EYE, "0, 0, 0", SOFTMAX),
        DENSE % ("0, 0, 0, 0, 0, 0, 0, 0, 0", "9, 0, 0", SOFTMAX),  # PRD002's
        DENSE % (EYE, "9, 0, 0", "h = Gemm(x, w, b) y = Sigmoid(h)"),
        "n (float[N, 3] x) => (float[N, 1] y) <float[3, 1] w = {9, 0, 0}> "
        "{ h = MatMul(x, w) y = Sigmoid(h) }",
    ],
)
def test_classes_that_change_or_cannot_win(text: str) -> None:
    assert not findings(constant_top1, text)


def test_a_binary_head_has_a_constant_class_too(normal: Path) -> None:
    text = """n (float[N, 3] x) => (float[N, 1] y)
    <float[3, 1] w = {1, 0, 0}, float[1] b = {-9}> { h = Gemm(x, w, b) y = Sigmoid(h) }"""
    (found,) = judged(constant_top1, text, data=normal, samples=128).findings
    assert found.message.startswith("class 0 is predicted 128 of 128 times on ")


def test_confidence_is_judged_on_noise_alone(normal: Path) -> None:
    sure = DENSE % (EYE.replace("1", "1e6"), "0, 0, 0", SOFTMAX)
    assert findings(overconfident, sure)
    assert "PRD006" in judged(overconfident, sure, data=normal).not_applicable
    ids = """n (int64[N, 3] x) => (float[N, 3, 3] y)
    <float[3, 3] w = {9e6, 0, 0, 0, 9e6, 0, 0, 0, 9}> { h = Gather(w, x) y = Softmax(h) }"""
    assert "PRD006" in judged(overconfident, ids).not_applicable


WEIGHTS = "<float[2, 2] v = {1, 2, 3, 4.5}, float[2, 2] w = {1, 2, 3, 4.5}, float z = {0}>"


@pytest.mark.parametrize(
    ("body", "duplicates"),
    [
        ("a = MatMul(x, v) b = MatMul(x, w)", ["b"]),
        ("h = MatMul(x, v) a = Identity(h) g = MatMul(x, w) b = Identity(g)", ["b"]),
        ("a = MatMul(x, v) b = Dropout(a)", []),
        ("a = MatMul(x, v) g = MatMul(x, w) b = Add(g, a)", []),
        ("a = Mul(x, z) b = Mul(x, z)", []),
        ("p = Floor(x) q = MatMul(p, v) a = Floor(q) r = MatMul(p, w) b = Floor(r)", []),
    ],
)
def test_which_equal_outputs_are_duplicates(body: str, duplicates: list[str]) -> None:
    text = f"n (float[N, 2] x) => (float[N, 2] a, float[N, 2] b) {WEIGHTS} {{ {body} }}"
    found = findings(duplicate_outputs, text)
    assert [finding.place.value for finding in found] == duplicates


def test_three_equal_outputs_are_two_duplicates() -> None:
    text = f"""n (float[N, 2] x) => (float[N, 2] a, float[N, 2] b, float[N, 2] c) {WEIGHTS}
    {{ a = MatMul(x, v) b = MatMul(x, w) c = MatMul(x, w) }}"""
    assert len(findings(duplicate_outputs, text)) == 2


@pytest.mark.parametrize(
    ("output", "body", "measured"),
    [
        ("float[N, 2] y", "y = Exp(x)", [3.0]),
        ("float[N, 2] y", "y = Abs(x)", []),
        ("float[N, 2] y", "y = Neg(x)", [-2.0]),
        ("int64[N, 2] y", "h = Exp(x) y = Cast<to = 7>(h)", [3.0]),
        ("bool[N, 2] y", "y = IsNaN(x)", []),
        ("float[N, 2] y", "m = Sub(x, x) y = Div(x, m)", [np.inf]),
        ("float[N, 2] y", "m = Sub(x, x) y = Div(m, m)", []),  # NaN is ACT001's
        ("float[N, 2] other", "other = Exp(x)", None),
    ],
)
def test_range_of_outputs(
    output: str, body: str, measured: list[float] | None, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.float32([[0, np.log(3) + 1e-6]] if "Exp" in body else [[1, 2]]))
    text = f"n (float[N, 2] x) => ({output}) {{ {body} }}"
    outputs = {"y": OutputContract(range=(0, 2))}
    report = judged(output_range, text, data=tmp_path / "x.npy", outputs=outputs)
    assert ("PRD008" in report.not_applicable) == (measured is None or "m, m" in body)
    assert [finding.measured for finding in report.findings] == pytest.approx(measured or [])


def test_bounds_of_an_output_too_large_to_be_kept() -> None:
    text = "n (float[2, 1500, 1500] x) => (float[2, 1500, 1500] y) { y = Clip(x, , ) }"
    with (
        saved(Example.parse(text)) as path,
        open_model(str(path)) as model,
        closing(Worker(60)) as worker,
        closing(Analyses(Settings(samples=2), model, worker)) as analyses,
    ):
        (output,) = analyses.get(Outputs)
        assert output.arrays == []
        assert output.bounds is not None
        assert output.bounds[0] < -1 < 1 < output.bounds[1]
        assert analyses.get(Graph).outputs == [output.value]


TWO = """n (float[N, 2] x, float[N, 2] z) => (float[N, 2] y, float[N, 2] v)
<float zero = {0}, float one = {1}, float[2, 2] w = {1, 2, 3, 4}> { %s }"""


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ("d = Mul(z, zero) y = Add(x, d) v = Exp(x)", ["z"]),
        ("d = Mul(z, zero) y = Add(x, d) v = Exp(z)", []),  # it moves the other output
        ("d = Mul(x, zero) e = Mul(z, zero) s = Add(d, e) y = Cos(s) v = Exp(s)", []),  # whole
        ("d = Mul(x, zero) e = Mul(z, zero) s = Add(d, e) t = Add(s, one) y = Exp(t) v = Sin(t)",
         []),  # PRD002 proves it
        # and judges heads
        ("d = Mul(x, zero) e = Mul(z, zero) s = Add(d, e) y = Softmax(s) v = Exp(x)", []),
        ("m = Greater(z, zero) f = Cast<to = 1>(m) d = Mul(f, zero) y = Add(x, d) v = Exp(x)", []),
        ("s = Shape(z) y = Reshape(x, s) v = Exp(x)", []),
        ("y = Exp(x) v = Exp(x)", []),  # GRA004's
        ("c = ReduceMax<keepdims = 0>(x) m = Greater(c, one) y = If(m) <"
         "then_branch = a () => (float[N, 2] p) { p = Add(x, z) },"
         "else_branch = b () => (float[N, 2] q) { q = Exp(x) }> v = Exp(x)", []),
    ],
)  # fmt: skip
def test_inputs_that_matter_and_those_that_do_not(body: str, places: list[str]) -> None:
    found = findings(input_insensitive, TWO % body)
    assert [finding.place.value for finding in found] == places
    assert {finding.severity for finding in found} <= {Severity.WARNING}


@pytest.mark.parametrize(("rows", "severity"), [(8, Severity.ERROR), (7, Severity.WARNING)])
def test_an_ignored_input_is_an_error_on_enough_data(
    rows: int, severity: Severity, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    arrays = {name: random.standard_normal((rows, 2), np.float32) for name in "xz"}
    np.savez(tmp_path / "data.npz", **arrays)
    text = TWO % "d = Mul(z, zero) y = Add(x, d) v = Exp(x)"
    (found,) = judged(input_insensitive, text, data=tmp_path / "data.npz").findings
    assert (found.severity, found.place.value) == (severity, "z")
    np.savez(tmp_path / "data.npz", **arrays | {"z": np.ones((rows, 2), np.float32)})
    report = judged(input_insensitive, text, data=tmp_path / "data.npz")
    assert not report.findings  # z never was another


def test_inputs_are_changed_in_few_messages(monkeypatch) -> None:
    """All of them once, then again those that not all outputs have followed."""
    together: list[int] = []
    run = Worker.run_together

    def counted(self, requests, **more):
        together.append(len(requests))
        return run(self, requests, **more)

    monkeypatch.setattr(Worker, "run_together", counted)
    (found,) = findings(input_insensitive, TWO % "d = Mul(z, zero) y = Add(x, d) v = Exp(x)")
    assert found.place.value == "z"
    assert together[-2:] == [2, 1]


def test_a_change_that_was_tried_beside_the_one_that_shows_all_does_not_count() -> None:
    value = Mock()
    value.name = "y"
    before, after = ({"y": np.array([number], np.float32)} for number in (1, 2))
    trial = _Trial(value, None, [value], [before["y"], after["y"]])
    assert len(trial.next(2)) == 2
    trial.take(before, after)
    trial.take(before, after)
    assert trial.tried == 1
    assert not trial.next(1)


def test_a_column_without_weight_is_no_error(tmp_path: Path) -> None:
    text = """n (float[N, 1] age, float[N, 1] size) => (float[N, 1] price)
    <float three = {3}, float zero = {0}>
    { a = Mul(age, three) b = Mul(size, zero) s = Add(a, b) price = Exp(s) }"""
    columns = np.random.default_rng(0).standard_normal((2, 9, 1), np.float32)
    np.savez(tmp_path / "data.npz", age=columns[0], size=columns[1])
    (found,) = judged(input_insensitive, text, data=tmp_path / "data.npz").findings
    assert (found.severity, found.place.value) == (Severity.WARNING, "size")


def test_outputs_of_a_function_follow_what_is_inside() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    n (float[N, 2] x, float[N, 2] z) => (float[N, 2] y, float[N, 2] v)
    { p = Neg(x) q = Neg(z) y, v = own.both(p, q) }
    <domain: "own", opset_import: ["" : 21]> both (a, b) => (c, d) { c = Exp(a) d = Exp(b) }"""
    assert not findings(input_insensitive, text)
    idle = text.replace("d = Exp(b)", "n = Sub(b, b) m = Cos(n) d = Mul(a, m)")
    assert [found.place.value for found in findings(input_insensitive, idle)] == ["z"]


@pytest.mark.parametrize("name", ["attention_mask", "lengths"])
def test_masks_and_what_was_made_up_are_not_judged(name: str) -> None:
    text = f"""n (float[N, 4] x, int64[N, 4] {name}) => (float[N, 4] y) <float zero = {{0}}>
    {{ f = Cast<to = 1>({name}) d = Mul(f, zero) y = Add(x, d) }}"""
    assert not findings(input_insensitive, text)
    assert findings(input_insensitive, text.replace(name, "marks"))


ONLY_INPUT = """net (float[1, 4] x) => (float[1, 2] y, float[1, 4] v)
<float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[2] b = {0.5, 0.25},
float far = {-999}> { h = MatMul(x, w) f = Add(h, far) r = Relu(f) y = Add(r, b) v = Exp(x) }"""


def test_samples_of_the_only_input_are_the_changes_of_it(monkeypatch):
    """The first output is the same for all of them, the second is not."""
    asked = []
    monkeypatch.setattr(Reruns, "answers", lambda *_: asked.append(True))
    (found,) = judged(input_insensitive, ONLY_INPUT).findings
    assert found.place.value == "y"
    assert not asked


@pytest.mark.parametrize(
    ("model", "lowest", "fires"),
    [
        ("price_by_hope", 0.0, True),
        ("price_by_hope", -9.0, False),
        ("price_above_zero", 0.0, False),
    ],
)
def test_declared_range_of_a_real_export(model: str, lowest: float, fires: bool) -> None:
    path = FIXTURES / "predictions" / f"{model}.onnx"
    settings = Settings(outputs={"price": OutputContract(range=(lowest, 9.0))})
    report = run_rule(output_range, path, settings=settings)
    assert report.complete
    assert bool(report.findings) is fires


def labelled(body: str, classes: int = 3) -> str:
    return f"{ML} n (float[N, 3] x) => (int64[N] label, float[N, {classes}] p) {{ {body} }}"


ARGMAX = "ArgMax<axis = 1, keepdims = 0>"
LABELS = {
    labelled(TREE % ("p", "0.2, 0.9", "NONE"), 2): [],
    labelled(TREE % ("p", "-0.2, 0.9", "LOGISTIC"), 2): [],
    # ai.onnx.ml cuts the sum at 0.5 where all weights are positive, before the sigmoid
    labelled(TREE % ("p", "0.2, 0.4", "LOGISTIC"), 2): [Severity.INFO],
    labelled(f"p = Softmax(x) label = {ARGMAX}(p)"): [],
    labelled(f"p = Softmax(x) h = Neg(x) label = {ARGMAX}(h)"): [Severity.WARNING],
    labelled("p = Softmax(x) label = ArgMin<axis = 1, keepdims = 0>(p)"): [Severity.ERROR],
    # a class that counts for nothing, as a detector's background
    labelled(f"""p = Softmax(x) one = Constant<value = int64[1] {{1}}>()
        two = Constant<value = int64[1] {{2}}>() h = Slice(p, one, two, one)
        label = {ARGMAX}(h)"""): [],
}  # fmt: skip


@pytest.mark.parametrize("text", LABELS, ids=range(len(LABELS)))
def test_labels_and_scores(text: str) -> None:
    assert [found.severity for found in findings(label_score_mismatch, text)] == LABELS[text]


SVM = """label, p = ai.onnx.ml.SVMClassifier<classlabels_ints = [0, 1], coefficients = [1.0, -1.0],
    kernel_params = [0.5, 0.0, 3.0], kernel_type = "LINEAR", rho = [0.1],
    support_vectors = [1.0, 0.5, 0.1, -1.0, 0.2, 0.1], vectors_per_class = [1, 1],
    prob_a = [%s], prob_b = [%s]>(x)"""


@pytest.mark.parametrize(
    ("estimate", "told"),
    [(("-1.5", "0.0"), []), (("-1.5", "0.9"), [Severity.INFO]), (("1.5", "0.0"), [Severity.ERROR])],
)
def test_estimates_may_be_off_at_the_boundary(estimate, told, tmp_path) -> None:
    x = np.linspace(-1, 1, 40, dtype=np.float32).repeat(3).reshape(40, 3)
    np.save(tmp_path / "x.npy", x)
    text = labelled(SVM % estimate, 2)
    report = judged(label_score_mismatch, text, data=tmp_path / "x.npy", samples=40)
    assert [found.severity for found in report.findings] == told


OPEN = (
    '<ir_version: 9, opset_import: ["" : 17, "ai.onnx.ml" : 3]> n (float[N, 4] x) => (%s) <%s> {%s}'
)
ONE = "float[4, 1] w = {1, 2, -3, 4}"
LEAVES = """y = ai.onnx.ml.TreeEnsembleRegressor<n_targets = 1, nodes_falsenodeids = [2, 0, 0],
    nodes_truenodeids = [1, 0, 0], nodes_featureids = [0, 0, 0], nodes_nodeids = [0, 1, 2],
    nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"], nodes_treeids = [0, 0, 0],
    nodes_values = [%s, 0.0, 0.0], target_ids = [0, 0], target_nodeids = [1, 2],
    target_treeids = [0, 0], target_weights = [%s]>(x)"""
W, I = Severity.WARNING, Severity.INFO  # noqa: E741
COLLAPSES = {
    ("float[N, 1] y", ONE, "t = MatMul(x, w) y = Div(t, t)"): [W],
    ("float[N, 1] y", ONE, 't = MatMul(x, w) y = ai.onnx.ml.Normalizer<norm = "L2">(t)'): [W],
    ("float[N, 1] y", ONE, "t = MatMul(x, w) y = LpNormalization(t)"): [W],
    ("float[N, 1] y", ONE, "t = MatMul(x, w) m = ReduceMean<axes = [1]>(t) y = Sub(t, m)"): [W],
    ("float[N, 1] y", ONE, "t = MatMul(x, w) s = Softmax(t) y = Mul(s, s)"): [],  # ARC002's
    ("float[N, 1] y", ONE + ", float big = {99}",
     "t = MatMul(x, w) r = Relu(t) s = Add(r, big) y = Sigmoid(s)"): [W],
    ("float[N, 4] y", "float[4] z = {0, 0, 0, 0}, float[4] b = {1, 2, 3, 4.5}",
     "t = Mul(x, z) y = Add(t, b)"): [W],
    ("float[N, 4] y", "float one = {1}, float nil = {0}",
     "q = QuantizeLinear(x, one) y = DequantizeLinear(q, nil)"): [W],
    ("float[N, 1] y", "", LEAVES % ("0.0", "2.5, 2.5")): [W],
    ("float[N, 1] y", "", LEAVES % ("99.0", "2.5, 3.5")): [],  # both sides of a threshold are fed
    ("float[N, 1] y", "", LEAVES % ("0.0", "2.5, 3.5")): [],
    ("float[N, 1] y", ONE + ", float low = {-999}", "t = MatMul(x, w) s = Add(t, low) y = Relu(s)"):
        [I],
    # constant for a reason
    ("float[N, 1] y, float[N, 4] z", ONE + ", float nil = {0}", "y = MatMul(x, w) z = Mul(x, nil)"):
        [I],
    ("float[N, 1] y, float[M] z", ONE + ", float[1] c = {1}, int64[2] a = {0, 1}",
     "y = MatMul(x, w) s = Shape(x) f = Cast<to = 1>(s) z = Mul(f, c)"): [],
    ("float[N, 1] y, float[4, 1] z", ONE, "y = MatMul(x, w) z = Identity(w)"): [],
    ("float[N, 1] y, float[N, 4] flags", ONE + ", float low = {-999}",
     "y = MatMul(x, w) b = Less(x, low) flags = Cast<to = 1>(b)"): [],
    ("int64[N] y", "", "y = ArgMax<axis = 1, keepdims = 0, select_last_index = 1>(x)"): None,
}  # fmt: skip


@pytest.mark.parametrize("form", COLLAPSES, ids=lambda form: form[2][:40])
def test_outputs_that_are_always_the_same(form: tuple[str, str, str]) -> None:
    text = OPEN % form
    if COLLAPSES[form] is None:
        assert "PRD002" in judged(collapsed_prediction, text).not_applicable
    else:
        found = findings(collapsed_prediction, text)
        assert [one.severity for one in found] == COLLAPSES[form]


def test_what_the_users_data_shows_is_a_warning(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((20, 4), np.float32))
    for form, told in COLLAPSES.items():
        if told == [I] and "nil" not in form[1]:
            (found,) = judged(
                collapsed_prediction, OPEN % form, data=tmp_path / "x.npy", samples=20
            ).findings
            assert found.severity is W
            assert "20 samples" in found.message


@pytest.mark.parametrize(
    ("words", "pattern", "told"),
    [
        ('"जीवन", "गणित"', "[a-zA-Z0-9_]+", [W]),
        ('"जीवन", "गणित"', "\\\\w\\\\w+", [W]),
        ('"जीवन", "go"', "[a-zA-Z0-9_]+", []),  # texts are made of the words
        ('"जीवन", "गणित"', "[^ ]+", []),
    ],
)
def test_words_that_no_token_can_be(words: str, pattern: str, told: list[Severity]) -> None:
    text = f"""<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
    n (string[N] x) => (float[N, 2] y) <float[2, 2] w = {{1, 2, 3, 5}}>
    {{
        t = com.microsoft.Tokenizer<mark = 0, mincharnum = 1, pad_value = "#",
            tokenexp = "{pattern}">(x)
        c = TfIdfVectorizer<max_gram_length = 1, min_gram_length = 1, max_skip_count = 0,
            mode = "TF", ngram_counts = [0], ngram_indexes = [0, 1], pool_strings = [{words}]>(t)
        h = MatMul(c, w)
        y = Softmax(h)
    }}"""
    assert [found.severity for found in findings(collapsed_prediction, text)] == told


def test_one_probability_for_each_row_is_not_one_row_of_classes(graph_of) -> None:
    text = "n (float[N, 3] x, float[3] w) => (float[N] prob) { prob = MatMul(x, w) }"
    with graph_of(text) as graph, closing(Analyses(Settings(), graph.model, graph)) as analyses:
        head = recognise(graph, analyses.get(Shapes), graph.outputs[0], {})
        assert (head.kind, head.axis, head.by_name) == ("scores", None, True)
    squashed = (
        "n (float[N, 3] x, float[3] w) => (float[N] prob) { h = MatMul(x, w) prob = Sigmoid(h) }"
    )
    assert findings(not_a_distribution, text)
    assert not findings(not_a_distribution, squashed)


DETECTORS = {
    "sigmoid": """net (float[N, 2] x) => (float[N, 1] p)
    <float[2, 1] w = {WEIGHTS}, float[1] b = {7}> { z = Gemm(x, w, b) p = Sigmoid(z) }""",
    "softmax": """net (float[N, 2] x) => (float[N, 3] p)
    <float[2, 3] w = {WEIGHTS, WEIGHTS}, float[3] b = {20, 0, -2}>
    { z = Gemm(x, w, b) p = Softmax(z) }""",
}
"""Sure of "none" for all that holds no event."""


@pytest.mark.parametrize("head", DETECTORS)
@pytest.mark.parametrize(
    ("rows", "scale", "severity"),
    [
        pytest.param(8, 1, Severity.INFO, id="no event in 8 samples"),
        pytest.param(299, 1, Severity.INFO, id="just too few"),
        pytest.param(300, 1, Severity.WARNING, id="enough"),
        pytest.param(8, 0, Severity.WARNING, id="the same for every input"),
        pytest.param(8, 1e-4, Severity.WARNING, id="the bias alone decides"),
    ],
)
def test_a_detector_may_be_sure_of_few_samples(head, rows, scale, severity, tmp_path):
    x = np.random.default_rng(0).uniform(0.1, 3, (rows, 2)).astype(np.float32) * (scale or 1)
    np.savez(tmp_path / "data.npz", x=x)
    count = 2 if head == "sigmoid" else 3
    weights = ", ".join(f"{number * bool(scale)}" for number in range(1, count + 1))
    text = DETECTORS[head].replace("WEIGHTS", weights)
    settings = Settings(data=tmp_path / "data.npz", samples=rows)
    with saved(Example.parse(text)) as path:
        report = run_rule(collapsed_prediction, path, settings=settings)
    assert [found.severity for found in report.findings] == [severity]
