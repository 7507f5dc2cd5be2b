"""Labels: how they are read, which output they belong to, and what is said of it."""

from __future__ import annotations

import json
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import findings
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.predictions.baselines import Baselines
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.model.file.errors import DataError
from onnxlint.model.file.load import open_model
from onnxlint.pipeline import lint
from onnxlint.runtime.data import labels
from onnxlint.runtime.metrics import scoring
from onnxlint.settings import LabelSource, Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, run_rule, saved
from onnxlint_rules.cmp.baseline_not_beaten import baseline_not_beaten
from onnxlint_rules.dat.class_imbalance import class_imbalance
from onnxlint_rules.prd.miscalibrated import miscalibrated
from onnxlint_rules.prd.permuted_classes import permuted_classes

DIGITS = Path(__file__).parent.parent / "fixtures" / "digits"
HELD_OUT = DIGITS / "held_out.npz"


@contextmanager
def analysed(path: Path, **settings):
    """The analyses of a model, with a worker."""
    with (
        open_model(str(path)) as model,
        closing(Worker(60)) as worker,
        closing(Analyses(Settings(**{"samples": 1000} | settings), model, worker)) as analyses,
    ):
        yield analyses


@contextmanager
def scored(folder: Path, text: str, samples: int = 1000, **stored):
    """The scores of a model in text; its data and its labels are given by name."""
    source = {"y": stored.pop("y")} if "y" in stored else {}
    np.savez(folder / "data.npz", **stored)
    np.savez(folder / "labels.npz", **source)
    given = {"data": folder / "data.npz", "labels": LabelSource(folder / "labels.npz")}
    with (
        saved(Example.parse(text)) as path,
        analysed(path, samples=samples, **given) as analyses,
    ):
        yield analyses.get(Scores)


# The numbers


@pytest.mark.parametrize("seed", range(5))
def test_numbers_equal_those_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    k = seed + 2
    p, truths = random.dirichlet(np.ones(k), 40), random.integers(0, k, 40)
    expected = metrics.log_loss(truths, p, labels=range(k))
    assert scoring.log_loss(p, truths) == pytest.approx(expected, rel=1e-9)
    predicted = p.argmax(axis=1)
    shares = metrics.recall_score(truths, predicted, labels=np.unique(truths), average=None)
    assert list(scoring.recalls(predicted, truths).values()) == pytest.approx(shares)
    both = truths.astype(float), p[:, 0]
    assert scoring.rmse(both[1], both[0]) == pytest.approx(
        metrics.mean_squared_error(*both) ** 0.5, rel=1e-9
    )
    assert scoring.r2(both[1], both[0]) == pytest.approx(metrics.r2_score(*both), rel=1e-9)
    assert scoring.r2(p[:, 0], np.ones(40)) is None


@given(st.integers(0, 2**32), st.floats(0, 1))
def test_calibration_error_is_bounded_by_its_parts(seed, accuracy):
    random = np.random.default_rng(seed)
    confidence, right = random.uniform(0.2, 1, 60), random.random(60) < accuracy
    error = scoring.calibration_error(confidence, right)
    assert abs(right.mean() - confidence.mean()) - 1e-9 <= error
    assert error <= np.abs(right - confidence).mean() + 1e-9
    assert scoring.calibration_error(right.astype(float), right) == 0


def test_calibration_error_of_bins_by_hand():
    confidence = np.array([0.5, 0.52, 0.95, 0.96, 1.0, 1.0])
    right = np.array([True, False, True, False, True, True])
    expected = (abs(1 - 1.02) + abs(3 - (0.95 + 0.96 + 2))) / 6
    assert scoring.calibration_error(confidence, right) == pytest.approx(expected)


@pytest.mark.parametrize("count", [60, 1000])
def test_what_a_calibrated_model_stays_below(count):
    rng = np.random.default_rng(3)
    above = 0
    for _ in range(40):
        confidence = rng.uniform(0.3, 1, count)
        limit = scoring.calibration_by_chance(confidence, 0.9, draws=100)
        error = scoring.calibration_error(confidence, rng.random(count) < confidence)
        above += error > limit
    assert above <= 10  # of 40, 4 are expected


# Which output the labels belong to


FOREST = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
n (float[N, 2] x) => (int64[N] label, %s y) {
    label, %s = ai.onnx.ml.TreeEnsembleClassifier<classlabels_int64s = [3, 7],
        class_ids = [0, 0], class_nodeids = [1, 2], class_treeids = [0, 0],
        class_weights = [%s], nodes_falsenodeids = [2, 0, 0], nodes_truenodeids = [1, 0, 0],
        nodes_featureids = [0, 0, 0], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_nodeids = [0, 1, 2], nodes_treeids = [0, 0, 0], nodes_values = [0.0, 0.0, 0.0]>(x)
    %s
}"""
ZIPPED = "y = ai.onnx.ml.ZipMap<classlabels_int64s = [3, 7]>(p)"


@pytest.mark.parametrize(
    "form", [("float[N, 2]", "y", ""), ("seq(map(int64, float))", "p", ZIPPED)], ids=["rows", "map"]
)
def test_votes_of_trees_are_probabilities_as_they_are(form, tmp_path):
    kind, name, end = form
    x = np.float32([[-1, 0], [1, 0], [1, 0], [-1, 0]])
    text = FOREST % (kind, name, "0.25, 0.75", end)
    with scored(tmp_path, text, x=x, y=[3, 7, 7, 7]) as scores:
        assert (scores.output.value.name, scores.accuracy) == ("y", 0.75)
        assert scores.log_loss == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4, rel=1e-5)
        assert scores.calibration_error == pytest.approx(0, abs=1e-6)


def test_margins_have_no_log_loss(tmp_path):
    text = FOREST % ("float[N, 2]", "y", "-1.25, 0.75", "")
    x = np.float32([[-1, 0], [1, 0], [1, 0], [-1, 0]])
    with scored(tmp_path, text, x=x, y=[3, 7, 7, 7]) as scores:
        assert (scores.output.value.name, scores.accuracy) == ("label", 0.75)
        assert (scores.log_loss, scores.calibration_error) == (None, None)


SOFTMAX = "n (float[N, 3] x) => (float[N, 3] y) { y = Softmax(x) }"
ROWS = np.float32([[2, 0, 0], [0, 1, 0], [0, 0, 3], [1, 0, 0]])


def test_a_softmax_and_class_numbers(tmp_path):
    for truths in ([0, 1, 1, 0], [[0], [1], [1], [0]], [0.0, 1.0, 1.0, 0.0]):
        with scored(tmp_path, SOFTMAX, x=ROWS, y=truths) as scores:
            assert (scores.task, scores.accuracy) == ("classification", 0.75)
            assert scores.recall == {"0": 1, "1": 0.5}
            assert scores.confusion.matrix.tolist() == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_rows_of_0_and_1_are_classes_or_labels(tmp_path):
    truths = np.eye(3, dtype=int)[[0, 1, 1, 0]]
    with scored(tmp_path, SOFTMAX, x=ROWS, y=truths) as scores:
        assert (scores.task, scores.accuracy) == ("classification", 0.75)
    several = """n (float[N, 3] x) => (float[N, 3] y)
    <float[3, 3] w = {1, 0, 0, 0, 1, 0, 0, 0, 1}> { h = MatMul(x, w) y = Sigmoid(h) }"""
    truths = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    with scored(tmp_path, several, x=ROWS, y=truths) as scores:
        assert (scores.task, scores.accuracy) == ("multi-label", 11 / 12)
        assert scores.confusion is None
        assert scores.recall == {"0": 1, "1": 0.5, "2": 1}
        p = 1 / (1 + np.exp(-ROWS.astype(float)))
        expected = -np.where(truths, np.log(p), np.log(1 - p)).mean()
        assert scores.log_loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("squeezed", [False, True])
def test_one_sigmoid(squeezed, tmp_path):
    end = "s = Sigmoid(h) y = Squeeze(s, last)" if squeezed else "y = Sigmoid(h)"
    text = f"""n (float[N, 3] x) => (float[{"N" if squeezed else "N, 1"}] y)
    <float[3, 1] w = {{1, -1, -1}}, int64[1] last = {{1}}> {{ h = MatMul(x, w) {end} }}"""
    with scored(tmp_path, text, x=ROWS, y=[1, 0, 1, 1]) as scores:
        assert (scores.task, scores.accuracy) == ("classification", 0.75)
        p = 1 / (1 + np.exp(-np.array([2, 1, -3, 1.0])))
        assert scores.log_loss == pytest.approx(-np.log(p).mean(), rel=1e-5)
        assert scores.confidence == pytest.approx(np.maximum(p, 1 - p), rel=1e-5)


def test_tokens_with_padding(tmp_path):
    text = "n (float[N, 2, 3] x) => (float[N, 2, 3] y) { y = Softmax(x) }"
    with scored(tmp_path, text, x=np.stack([ROWS[:2], ROWS[2:]]), y=[[0, 1], [2, -100]]) as scores:
        assert (scores.accuracy, len(scores.truths), scores.samples) == (1.0, 3, 2)


def test_classes_along_another_axis(tmp_path):
    text = "n (float[N, 3, 2] x) => (float[N, 3, 2] y) { y = Softmax<axis = 1>(x) }"
    x = np.stack([ROWS[:2].T, ROWS[2:].T])
    with scored(tmp_path, text, x=x, y=[[0, 1], [2, 0]]) as scores:
        assert scores.accuracy == 1.0


def test_an_output_that_gives_the_class(tmp_path):
    text = "n (float[N, 3] x) => (int64[N] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }"
    with scored(tmp_path, text, x=ROWS, y=[0, 1, 1, 0]) as scores:
        assert (scores.accuracy, scores.log_loss) == (0.75, None)


def test_regression(tmp_path):
    text = "n (float[N, 3] x) => (float[N, 1] y) <float[3, 1] w = {1, 1, 1}> { y = MatMul(x, w) }"
    with scored(tmp_path, text, x=ROWS, y=[2, 1, 3, 2]) as scores:
        assert (scores.task, scores.rmse, scores.accuracy) == ("regression", 0.5, None)
        assert scores.metrics().r2 == pytest.approx(0.5)
    with scored(tmp_path, SOFTMAX, x=ROWS, y=np.full((4, 3), 0.5)) as scores:
        assert scores.task == "regression"


def test_a_prediction_of_nan_is_wrong(tmp_path):
    rows = ROWS.copy()
    rows[0] = np.nan
    with scored(tmp_path, SOFTMAX, x=rows, y=[1, 1, 2, 0]) as scores:
        assert scores.accuracy == 0.75
        assert scores.log_loss > 3


def test_a_fixed_batch_is_scored_without_its_filling(tmp_path):
    text = "n (float[8, 3] x) => (float[8, 3] y) { y = Softmax(x) }"
    with scored(tmp_path, text, x=np.tile(ROWS, (3, 1))[:11], y=[0, 1, 1, 0] * 2 + [0] * 3) as s:
        assert (s.samples, len(s.truths)) == (11, 11)


@pytest.mark.parametrize(
    ("truths", "sentence"),
    [
        ([0, 1, 1], "3 labels for 4 samples"),
        ([0, 1, 1, 0, 2], "5 labels for 4 samples"),
        (
            [[1, 5], [2, 6], [3, 7], [4, 8]],
            "labels (integers of shape [4, 2] from 1 to 8) match no output of the model: 'y'",
        ),
        (["a", "b", "c", "a"], "names of shape [4]"),
        ([[0, 1], [1, 0], [1, 0], [1, 0]], "match no output of the model"),
    ],
)
def test_labels_that_do_not_fit(truths, sentence, tmp_path):
    with pytest.raises(DataError, match=r"labels\.npz") as caught, scored(
        tmp_path, SOFTMAX, x=ROWS, y=truths
    ):  # fmt: skip
        pass
    assert sentence in str(caught.value)


def test_more_labels_than_samples_that_are_run(tmp_path):
    with scored(tmp_path, SOFTMAX, samples=2, x=ROWS, y=[0, 1, 2, 0]) as scores:
        assert scores.samples == 2


def test_names_of_classes():
    source = LabelSource(HELD_OUT, "names")
    with analysed(DIGITS / "named.onnx", data=HELD_OUT, labels=source) as analyses:
        scores = analyses.get(Scores)
        assert scores.recall["three"] > 0.9
        assert scores.log_loss < 0.2
    numbers = LabelSource(HELD_OUT, "classes")  # of which the model names none
    with (
        analysed(DIGITS / "named.onnx", data=HELD_OUT, labels=numbers) as analyses,
        pytest.raises(DataError, match="class names: 'eight', 'five'"),
    ):
        analyses.get(Scores)


def test_numbers_that_the_model_gives_to_its_classes(tmp_path):
    text = """<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
    n (float[N, 3] x) => (int64[N] label, float[N, 3] p) { label, p = ai.onnx.ml.LinearClassifier
    <classlabels_ints = [7, 8, 9], coefficients = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
     intercepts = [0.0, 0.0, 0.0], post_transform = "SOFTMAX">(x) }"""
    with scored(tmp_path, text, x=ROWS, y=[7, 8, 8, 7]) as scores:
        assert (scores.accuracy, scores.recall) == (0.75, {"7": 1, "8": 0.5})
        assert scores.log_loss is not None


# How they are read


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("l.csv", "y\n1\n2\n", [1, 2]),
        ("l.csv", "1\n0\n", [1, 0]),
        ("l.csv", "label\ncat\ndog\n", ["cat", "dog"]),
        ("l.csv:b", "a,b\n3,1.5\n4,2\n", [1.5, 2]),
        ("l.tsv:b", "a\tb\nx\tcat\ny\tdog\n", ["cat", "dog"]),
    ],
)
def test_labels_of_a_table(name, text, expected, tmp_path):
    source = LabelSource.of(tmp_path / name)
    source.file.write_text(text)
    read = labels.read(source.file, source.key)
    assert read.tolist() == expected
    assert read.dtype.kind == {int: "i", float: "f", str: "O"}[type(expected[0])]


def test_labels_of_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "l.parquet"
    parquet.write_table(pyarrow.table({"n": [1, 2], "y": ["cat", "dog"]}), file)
    assert labels.read(file, None).tolist() == ["cat", "dog"]
    assert labels.read(file, "n").tolist() == [1, 2]


MISTAKES = {
    "a.npz": "which of 'p', 'q' are the labels? write a.npz:NAME",
    "a.npz:r": "has no labels called 'r'; the file has 'p', 'q'",
    "a.npz:q": "some labels are missing",
    "b.npz:p": "cannot be read as numpy arrays",
    "c.csv:y": "some labels are missing",
    "d.txt": "labels are read from",
    "e.npy": "does not exist",
    "f.npy": "not one per sample",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_labels_that_cannot_be_read(name, tmp_path):
    np.savez(tmp_path / "a.npz", p=[1], q=[np.nan])
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes().replace(b"NUMPY", b"NUMPI"))
    (tmp_path / "c.csv").write_text("x,y\n1,\n2,3\n")
    (tmp_path / "d.txt").write_text("1\n")
    np.save(tmp_path / "f.npy", 3)
    source = LabelSource.of(tmp_path / name)
    with pytest.raises(DataError, match=str(source.file)) as caught:
        labels.read(source.file, source.key)
    assert MISTAKES[name] in str(caught.value)


# What is said


def test_miscalibration_must_exceed_chance(tmp_path):
    def error(name: str, samples: int) -> list[float]:
        given = {"data": HELD_OUT, "labels": LabelSource(HELD_OUT, "classes"), "samples": samples}
        report = run_rule(miscalibrated, DIGITS / f"{name}.onnx", settings=Settings(**given))
        assert report.complete
        return [finding.measured for finding in report.findings]

    assert error("hurried", 400) == [pytest.approx(0.503, abs=0.02)]
    assert not error("mlp", 400)
    assert not error("mlp", 60)
    assert not error("hurried", 49)


IMBALANCE = """
# data: x = [[1.5, 0], [0, 1]]
# config: samples = 2
n (float[N, 2] x) => (float[N, 2] y) { y = Softmax(x) }
"""


@pytest.mark.parametrize(
    ("truths", "ratio"),
    [
        ([0] * 100 + [1] * 10, []),
        ([0] * 101 + [1] * 10, [10.1]),
        ([0] * 90 + [1] * 9, []),  # too few
        ([0] * 110, []),
    ],
)
def test_imbalance_of_all_labels(truths, ratio, tmp_path):
    np.save(tmp_path / "l.npy", truths)
    np.save(tmp_path / "x.npy", np.eye(2, dtype=np.float32)[truths])
    given = {"data": tmp_path / "x.npy", "labels": LabelSource(tmp_path / "l.npy")}
    with saved(Example.parse("n (float[N, 2] x) => (float[N, 2] y) { y = Softmax(x) }")) as path:
        report = run_rule(class_imbalance, path, settings=Settings(samples=20, **given))
    assert report.complete
    assert [finding.measured for finding in report.findings] == pytest.approx(ratio)


@pytest.mark.parametrize(("sevens", "ratios"), [(45, []), (4, [47 / 4])])
def test_imbalance_of_held_out_digits(sevens, ratios, tmp_path):
    given = np.load(HELD_OUT)
    dropped = np.flatnonzero(given["classes"] == 7)[sevens:]
    kept = {name: np.delete(given[name], dropped, axis=0) for name in ("pixels", "classes")}
    np.savez(tmp_path / "kept.npz", **kept)
    settings = Settings(
        data=tmp_path / "kept.npz", labels=LabelSource(tmp_path / "kept.npz", "classes")
    )
    report = run_rule(class_imbalance, DIGITS / "mlp.onnx", settings=settings)
    assert [finding.measured for finding in report.findings] == pytest.approx(ratios)


@pytest.mark.parametrize(
    ("counts", "severities"),
    [
        ([100, 8], [Severity.WARNING]),
        ([110, *[100] * 19, 9], [Severity.INFO]),  # one rare class among many
        ([900, *[10] * 9], [Severity.WARNING]),
        ([100] * 5, []),
        ([180, 20], []),  # by perplexity alone
    ],
)
def test_one_rare_class_among_balanced_ones_is_an_info(counts, severities, tmp_path):
    truths = np.repeat(np.arange(len(counts)), counts)
    np.save(tmp_path / "l.npy", truths)
    np.save(tmp_path / "x.npy", np.eye(len(counts), dtype=np.float32)[truths])
    given = {"data": tmp_path / "x.npy", "labels": LabelSource(tmp_path / "l.npy")}
    text = f"n (float[N, {len(counts)}] x) => (float[N, {len(counts)}] y) {{ y = Softmax(x) }}"
    with saved(Example.parse(text)) as path:
        report = run_rule(class_imbalance, path, settings=Settings(samples=20, **given))
    assert [finding.severity for finding in report.findings] == severities


def test_counts_of_a_regression_are_no_classes(tmp_path):
    text = "n (float[N, 1] x) => (float[N, 1] y) { y = Exp(x) }"
    np.save(tmp_path / "l.npy", [1] * 200 + [2])
    np.save(tmp_path / "x.npy", np.ones((201, 1), np.float32))
    given = {"data": tmp_path / "x.npy", "labels": LabelSource(tmp_path / "l.npy")}
    with saved(Example.parse(text)) as path:
        report = run_rule(class_imbalance, path, settings=Settings(samples=20, **given))
    assert "DAT008" in report.not_applicable


def test_without_labels_nothing_is_scored():
    for rule in (miscalibrated, class_imbalance, baseline_not_beaten):
        assert not findings(rule, SOFTMAX)


@pytest.mark.parametrize(
    ("name", "unbeaten"),
    [("mlp", []), ("named", []), ("few", ["logistic regression"]),
     ("hurried", ["logistic regression"])],
)  # fmt: skip
def test_baselines_on_digits(name, unbeaten):
    pytest.importorskip("sklearn")
    key = "names" if name == "named" else "classes"
    given = {"data": HELD_OUT, "labels": LabelSource(HELD_OUT, key), "compare_simple": True}
    with analysed(DIGITS / f"{name}.onnx", **given) as analyses:
        baselines = analyses.get(Baselines)
    assert baselines.unbeaten == unbeaten
    assert baselines.figures["logistic regression"] == pytest.approx(0.94, abs=0.02)


LINE = """n (float[N, 2] x) => (float[N, 1] y) <float[2, 2] v = {%s}, float[2, 1] w = {1, 1}>
{ h = MatMul(x, v) r = Relu(h) y = MatMul(r, w) }"""


@pytest.mark.parametrize(
    ("weights", "unbeaten"),
    [("1, -1, 0, 0", []), ("0, 0, 0, 0", ["mean", "linear regression"]),
     ("0.9, 0, 0, 0", ["linear regression"])],
)  # fmt: skip
def test_baselines_of_a_regression(weights, unbeaten, tmp_path):
    """The truth is |x|, which a line cannot follow on both sides of 0, and nearly can on one."""
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    x = random.standard_normal((80, 2), np.float32) + (0 if not unbeaten else 3)
    y = np.abs(x[:, 0]) + 0.1 * random.standard_normal(80)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    given = {"data": tmp_path / "d.npz", "labels": LabelSource(tmp_path / "d.npz", "y")}
    with saved(Example.parse(LINE % weights)) as path:
        with analysed(path, compare_simple=True, **given) as analyses:
            assert analyses.get(Baselines).unbeaten == unbeaten
        report = run_rule(
            baseline_not_beaten, path, settings=Settings(samples=80, compare_simple=True, **given)
        )
    assert {finding.severity for finding in report.findings} <= {Severity.WARNING}
    assert len(report.findings) == bool(unbeaten)
    assert all(name in found.message for found in report.findings for name in unbeaten)


PLANE = """n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {%s}>
{ y = MatMul(x, w) }"""


@pytest.mark.parametrize(
    ("weights", "unbeaten"),
    [
        ("1, 2", []),
        ("1.01, 2", []),  # no worse than chance explains
        ("0.5, 2", ["linear regression"]),
        ("-1, -2", ["mean", "linear regression"]),
    ],
)
def test_a_model_of_one_layer_is_compared_with_linear_baselines(weights, unbeaten, tmp_path):
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    x = random.standard_normal((200, 2)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=x @ [1, 2] + 0.1 * random.standard_normal(200))
    given = {"data": tmp_path / "d.npz", "labels": LabelSource(tmp_path / "d.npz", "y")}
    with (
        saved(Example.parse(PLANE % weights)) as path,
        analysed(path, compare_simple=True, **given) as analyses,
    ):
        assert analyses.get(Baselines).unbeaten == unbeaten


@pytest.mark.parametrize(
    ("slope", "unbeaten"), [("5, -5, 5, -5", []), ("-5, 5, 5, -5", ["logistic regression"])]
)
def test_a_classifier_of_one_layer_is_compared_with_linear_baselines(slope, unbeaten, tmp_path):
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    x = random.standard_normal((200, 2)).astype(np.float32)
    truths = (x.sum(axis=1) + 0.3 * random.standard_normal(200) < 0).astype(int)
    np.savez(tmp_path / "d.npz", x=x, y=truths)
    text = "n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {%s}>"
    text += " { h = MatMul(x, w) y = Softmax(h) }"
    given = {"data": tmp_path / "d.npz", "labels": LabelSource(tmp_path / "d.npz", "y")}
    with (
        saved(Example.parse(text % slope)) as path,
        analysed(path, compare_simple=True, **given) as analyses,
    ):
        assert [n for n in analyses.get(Baselines).unbeaten if "log" in n] == unbeaten


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"samples": 49}, r"too few samples: 49 \(at least 50\)"),
        ({"compare_simple": False}, "--compare-simple"),
    ],
)
def test_when_no_baseline_is_fitted(given, reason):
    settings = {
        "data": HELD_OUT,
        "labels": LabelSource(HELD_OUT, "classes"),
        "compare_simple": True,
    }
    with (
        analysed(DIGITS / "mlp.onnx", **settings | given) as analyses,
        pytest.raises(Unavailable, match=reason),
    ):
        analyses.get(Baselines)


def test_ids_are_no_features(tmp_path):
    text = """n (int64[N, 4] ids) => (float[N, 4, 2] y) <float[2, 2] table = {1, 2, 3, 4}>
    { e = Gather(table, ids) y = Softmax(e) }"""
    np.savez(tmp_path / "d.npz", ids=np.zeros((60, 4), np.int64))
    np.save(tmp_path / "l.npy", np.zeros((60, 4), np.int64))
    given = {"data": tmp_path / "d.npz", "labels": LabelSource(tmp_path / "l.npy")}
    with (
        saved(Example.parse(text)) as path,
        analysed(path, compare_simple=True, **given) as analyses,
        pytest.raises(Unavailable, match="one label per sample"),
    ):
        analyses.get(Baselines)


# The command


@pytest.mark.fresh
def test_metrics_in_both_formats(onnxlint):
    pytest.importorskip("sklearn")
    given = [DIGITS / "mlp.onnx", "--data", HELD_OUT, "--labels", f"{HELD_OUT}:classes"]
    done = onnxlint(*given, "--compare-simple", "--select", "RUN")
    assert done.returncode == 0, done.stderr
    (line,) = (each for each in done.stdout.splitlines() if each.startswith("accuracy 0.97"))
    assert "logistic regression 0.94" in line
    assert "400 labels" in line
    done = onnxlint(*given, "--select", "PRD009", "--samples", "100", "--format", "json")
    (model,) = json.loads(done.stdout)["models"]
    assert model["metrics"]["samples"] == 100
    assert set(model["metrics"]["recall"]) == set("0123456789")
    assert model["metrics"]["baselines"] is None
    done = onnxlint(*given, "--static-only", "--format", "json")
    assert json.loads(done.stdout)["models"][0]["metrics"] is None


def test_labels_of_the_configuration(onnxlint, tmp_path):
    (tmp_path / "model.onnx").write_bytes((DIGITS / "mlp.onnx").read_bytes())
    (tmp_path / "held_out.npz").write_bytes(HELD_OUT.read_bytes())
    (tmp_path / "onnxlint.toml").write_text(
        "data = 'held_out.npz'\nlabels = 'held_out.npz:classes'"
    )
    assert "accuracy 0.97" in onnxlint("model.onnx", "--select", "PRD009").stdout


def test_labels_that_are_too_few_end_in_one_sentence(onnxlint, tmp_path):
    np.save(tmp_path / "l.npy", [1, 2, 3])
    given = [DIGITS / "mlp.onnx", "--data", HELD_OUT, "--labels", "l.npy", "--select", "PRD"]
    done = onnxlint(*given)
    assert done.returncode == 2
    assert "3 labels for 400 samples" in done.stdout
    assert "Traceback" not in done.stderr


USAGE = {
    "--labels l.npy": "--labels requires --data",
    "--compare-simple": "--compare-simple requires --labels",
    "--data d.npz --compare-simple": "--compare-simple requires --labels",
    "--data d.npz --labels nowhere.npy": "is not a file",
    "--data d.npz --labels d.npz": "select a column: d.npz:COLUMN",
}


@pytest.mark.parametrize("arguments", USAGE)
def test_what_labels_need(arguments, onnxlint, write_model, tmp_path):
    np.save(tmp_path / "l.npy", [1])
    np.savez(tmp_path / "d.npz", x=[1])
    done = onnxlint(write_model(), *arguments.split())
    assert done.returncode == 2
    assert USAGE[arguments] in done.stderr


def test_a_missing_scikit_learn_is_told(monkeypatch):
    from onnxlint.runtime.metrics.fits import Samples
    from onnxlint.runtime.metrics.simple_models import logistic_regression

    monkeypatch.setitem(sys.modules, "sklearn", None)
    samples = Samples({"x": np.ones((60, 2))}, ("x",), np.ones(60, np.int64))
    with pytest.raises(DataError, match=r"pip install 'onnxlint\[baseline\]'"):
        logistic_regression(samples, samples)


# Classes that stand for others


ANY_HEAD = "net (float[N, 6] x) => (float[N, 6] y) { y = Softmax(x) }"


def permuted(folder, scores, classes):
    """What PRD012 says of rows of scores beside their classes."""
    np.savez(folder / "data.npz", x=np.float32(scores))
    np.save(folder / "labels.npy", np.int64(classes))
    given = {"data": folder / "data.npz", "labels": LabelSource(folder / "labels.npy")}
    with saved(Example.parse(ANY_HEAD)) as path:
        report = run_rule(permuted_classes, path, settings=Settings(**given, samples=1000))
    assert report.error is None, report
    return report.findings


def test_classes_that_are_shifted_or_exchanged_are_named(tmp_path):
    classes = np.repeat(np.arange(6), 20)
    noise = np.random.default_rng(0).normal(0, 0.5, (120, 6))
    assert permuted(tmp_path, np.eye(6)[classes] * 5 + noise, classes) == ()

    shifted = classes[classes < 5]  # a background class in front
    (found,) = permuted(tmp_path, np.eye(6)[shifted + 1] * 5 + noise[:100], shifted)
    assert found.evidence["map"] == {str(at): str(at + 1) for at in range(5)}

    exchanged = np.array([0, 1, 3, 2, 4, 5])[classes]
    (found,) = permuted(tmp_path, np.eye(6)[exchanged] * 5 + noise, classes)
    assert found.evidence["map"] == {"2": "3", "3": "2"}
    assert found.message.endswith("as other classes: 2 as 3, 3 as 2 (accuracy 66.7%)")


def test_a_bad_model_is_not_a_permuted_one(tmp_path):
    random = np.random.default_rng(1)
    classes = np.repeat(np.arange(6), 20)
    assert permuted(tmp_path, random.normal(size=(120, 6)), classes) == ()  # learned nothing
    always = np.eye(6)[np.zeros(120, int)] + random.normal(0, 0.1, (120, 6))
    assert permuted(tmp_path, always, classes) == ()
    merged = np.array([0, 1, 1, 3, 4, 5])[classes]  # two classes are one
    assert permuted(tmp_path, np.eye(6)[merged] * 5, classes) == ()
    few = np.arange(6)
    assert permuted(tmp_path, np.eye(6)[few[::-1]], few) == ()  # one sample of each


def test_scores_whose_head_is_not_recognised_are_ranked_and_that_is_told(tmp_path, write_model):
    weights = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    numbers = ", ".join(map(str, weights.reshape(-1)))
    path = write_model(f"""<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 4] x) => (float[N, 3] y) <float[4, 3] w = {{{numbers}}}>
        {{ g = MatMul(x, w) y = Relu(g) }}""")
    x = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, t=np.maximum(x @ weights, 0).argmax(axis=1))
    settings = Settings(data=tmp_path / "d.npz", labels=LabelSource(tmp_path / "d.npz", "t"),
                        samples=50)  # fmt: skip
    report = lint(path, select="PRD", settings=settings)
    assert report.metrics is not None
    assert (report.metrics.accuracy, report.metrics.log_loss) == (1.0, None)
    (told,) = [finding for finding in report.findings if finding.code == "LNT002"]
    assert told.severity is Severity.INFO
    assert told.message.startswith("the head of output 'y' is not recognised; the highest score")
