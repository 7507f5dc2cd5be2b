"""What labels alone tell: real trainings that went wrong in one way each, and sound ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from judged_rows import LABELLED, SOFTMAX, confused, judged, report_on, rows, said

from onnxlint.settings import LabelSource, OutputContract
from onnxlint.testing import Example, saved


@cache
def told(model: str, data: str, stage: str = "trained") -> list[tuple[str, str, str]]:
    """Severity, code and message of all that is said of a network on its samples."""
    source = LABELLED / f"{data}.npz"
    report = report_on(f"{model}.onnx", LabelSource(source, "y"), source, stage)
    assert report.error is None
    return [(each.severity.value, each.code, each.message) for each in report.findings]


def codes(*given: str) -> list[str]:
    """Without the imbalance of rare events, which is in the samples."""
    return [f"{severity} {code}" for severity, code, _ in told(*given) if code != "DAT008"]


# A class that is lost, and who speaks where more is


def test_a_class_that_training_called_by_another_name():
    ((severity, code, message),) = told("neglected", "clouds")
    assert (severity, code) == ("warning", "PRD013")
    assert message.startswith("recall of class 7 is 0 (limit 0.3): 33 as 2, 1 as 10 of 34 labels")


SILENT = [
    ("sound", "clouds"), ("price", "prices"), ("set_bias", "events", "init"),
]  # fmt: skip


@pytest.mark.parametrize("given", SILENT, ids=" ".join)
def test_sound_networks_are_silent(given):
    assert codes(*given) == []


SPEAKERS = {
    ("exchanged", "clouds"): ["error PRD012"],
    ("sorted_as_text", "clouds"): ["error PRD012"],
    ("shuffled", "clouds"): ["warning PRD009", "warning PRD016"],  # sure of it, and wrong
    ("always_none", "events"): ["warning PRD004"],
    ("other_labels", "events"): ["warning PRD016"],
    ("many_alarms", "events"): ["info PRD016"],
    ("price_sigmoid", "prices"): ["error PRD011"],
    ("price_scaled", "prices"): ["warning PRD016"],
    ("unset_bias", "events", "init"): ["info PRD017"],
}


@pytest.mark.parametrize("given", SPEAKERS, ids=" ".join)
def test_one_rule_speaks_for_one_fault(given):
    assert codes(*given) == SPEAKERS[given]


def test_two_classes_of_twelve_that_are_exchanged_are_named():
    (found,) = (message for _, code, message in told("exchanged", "clouds") if code == "PRD012")
    assert "2 of 12 classes are predicted one to one as other classes: 3 as 5, 5 as 3 " in found


def test_classes_in_the_order_of_folders_are_a_map():
    (found,) = (message for _, code, message in told("sorted_as_text", "clouds"))
    assert "10 of 12 classes" in found
    assert "2 as 4, 3 as 5" in found


def test_labels_from_1_on_are_told_by_their_map(tmp_path):
    given = np.load(LABELLED / "clouds.npz")
    np.save(tmp_path / "y.npy", given["y"] + 1)
    source = LABELLED / "clouds.npz"
    report = report_on("sound.onnx", LabelSource(tmp_path / "y.npy"), source)
    (found,) = report.findings
    assert found.code == "PRD012"
    assert found.evidence["map"] == {str(at + 1): str(at) for at in range(12)}
    assert found.message.endswith("; each of these labels is 1 more than the number of its class")


def test_a_scaled_regression_is_told_as_such():
    ((_, _, message),) = told("price_scaled", "prices")
    assert "although predictions correlate with labels (0.99)" in message


def test_numbers_that_a_sigmoid_cannot_give():
    ((_, _, message),) = told("price_sigmoid", "prices")
    assert message.startswith("output 'y' is from 0 to 1 for every input, but 477 labels (99%) lie")


@pytest.mark.parametrize(("model", "expected"), [("unset_mean", ["PRD017"]), ("set_mean", [])])
def test_a_far_mean_and_the_bias_of_an_untrained_network(model, expected, tmp_path):
    np.save(tmp_path / "y.npy", np.load(LABELLED / "prices.npz")["y"] + 1000)
    source = LABELLED / "prices.npz"
    report = report_on(f"{model}.onnx", LabelSource(tmp_path / "y.npy"), source, "init")
    assert [each.code for each in report.findings] == expected
    assert all("15.5 standard deviations" in each.message for each in report.findings)


# On rows of scores


@pytest.mark.parametrize(
    ("recalls", "count", "expected"),
    [
        ([1, 1, 0.25, 1], 40, 1),
        ([1, 1, 0.3, 1], 40, 0),
        ([1, 1, 0.0, 1], 19, 0),  # too few labels
        ([1, 1, 0.0, 1], 20, 1),
        ([1, 0.2, 1, 1, 0.1, 1], 40, 2),
        ([0.2, 0.2, 1, 0.25, 0.1], 40, 1),  # most of them: the model as a whole
    ],
)
def test_recall_of_a_class(recalls, count, expected, tmp_path):
    truths, predicted = confused(recalls, count)
    k = len(recalls)
    report = judged(tmp_path, SOFTMAX.format(k=k), rows(predicted, k), truths)
    assert len(said(report, "PRD013")) == expected
    found = [each for each in report.findings if each.code == "PRD013"]
    assert sorted(each.measured for each in found) == sorted(recalls)[:expected]


def test_most_classes_are_one_finding(tmp_path):
    truths, predicted = confused([0.2, 0.2, 1, 0.25, 0.1])
    report = judged(tmp_path, SOFTMAX.format(k=5), rows(predicted, 5), truths)
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.message.startswith("recall of 4 of 5 classes is below 0.3: 4 0.1 (36 as 2), 0 0.2")


def test_the_names_of_classes_are_those_of_the_configuration(tmp_path):
    truths, predicted = confused([1, 1, 0.0, 1])
    names = ("ant", "bee", "cat", "dog")
    report = judged(tmp_path, SOFTMAX.format(k=4), rows(predicted, 4), truths,
                    outputs={"y": OutputContract(classes=names)})  # fmt: skip
    (found,) = (each for each in report.findings if each.code == "PRD013")
    assert found.message == "recall of class cat is 0 (limit 0.3): 40 as ant of 40 labels"
    assert found.evidence["predicted"] == {"ant": 40}


@pytest.mark.parametrize(
    ("labels", "predicted", "speaker"),
    [
        (np.arange(200) % 4, np.zeros(200, int), "PRD004"),  # always the same
        (np.arange(200) % 4, (np.arange(200) + 1) % 4, "PRD012"),  # shifted
        (np.arange(200) % 4, np.random.default_rng(2).integers(0, 4, 200), "PRD016"),  # guesses
        (np.arange(200) % 5, np.arange(200) % 5 % 4, "PRD011"),  # a class that is not there
    ],
)
def test_who_speaks_for_a_broken_model(labels, predicted, speaker, tmp_path):
    report = judged(tmp_path, SOFTMAX.format(k=4), rows(predicted, 4), labels)
    speakers = said(report, "PRD004", "PRD011", "PRD012", "PRD013", "PRD016")
    assert speakers == [speaker]


# Classes that stand for others


@pytest.mark.parametrize(
    ("mapped", "recall", "expected"),
    [
        ([0, 1, 2, 4, 3, 5, 6, 7, 8, 9], 1.0, {"3": "4", "4": "3"}),
        ([0, 1, 2, 4, 3, 5, 6, 7, 8, 9], 0.7, {"3": "4", "4": "3"}),  # of a mediocre model
        ([1, 2, 0, 3, 4, 5, 6, 7, 8, 9], 0.9, {"0": "1", "1": "2", "2": "0"}),
        ([0, 1, 2, 4, 4, 5, 6, 7, 8, 9], 1.0, {}),  # two classes are one
        ([0, 1, 2, 4, 3, 5, 6, 7, 8, 9], 0.4, {}),
    ],
)
def test_permutations_of_some_classes(mapped, recall, expected, tmp_path):
    rng = np.random.default_rng(3)
    truths = np.repeat(np.arange(10), 30)
    guessed = rng.integers(0, 10, 300)
    predicted = np.where(rng.random(300) < recall, np.array(mapped)[truths], guessed)
    report = judged(tmp_path, SOFTMAX.format(k=10), rows(predicted, 10), truths)
    found = [each.evidence["map"] for each in report.findings if each.code == "PRD012"]
    assert found == ([expected] if expected else [])


def test_classes_that_look_like_others_without_labels_are_no_permutation(tmp_path):
    truths = np.repeat(np.arange(8), 30)
    predicted = truths.copy()
    predicted[np.flatnonzero(truths == 2)[:25]] = 8  # no labels of 8 and 9
    predicted[np.flatnonzero(truths == 5)[:25]] = 9
    report = judged(tmp_path, SOFTMAX.format(k=10), rows(predicted, 10), truths)
    assert said(report, "PRD012", "PRD013") == ["PRD013", "PRD013"]


def test_a_row_of_classes_that_are_shifted_from_one_on(tmp_path):
    truths = np.repeat(np.arange(9), 30)
    predicted = np.where(truths > 4, truths + 1, truths)
    report = judged(tmp_path, SOFTMAX.format(k=10), rows(predicted, 10), truths)
    (found,) = (each for each in report.findings if each.code == "PRD012")
    assert found.evidence["map"] == {"5": "6", "6": "7", "7": "8", "8": "9"}


SIGMOID = """n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {-1, 1}>
{ h = MatMul(x, w) y = Sigmoid(h) }"""


@pytest.mark.parametrize(
    ("values", "code", "part"),
    [
        ((1, 2), "PRD012", "1 as 0, 2 as 1"),
        ((-1, 1), "PRD011", "gives classes 0 to 1, but 40 labels (50%) lie outside: -1"),
        ((0, 5), "PRD011", "lie outside: 5"),
    ],
)
def test_two_classes_by_other_numbers(values, code, part, tmp_path):
    truths = np.arange(80) % 2
    report = judged(tmp_path, SIGMOID, rows(truths, 2), np.array(values)[truths])
    (found,) = (each for each in report.findings if each.code in ("PRD011", "PRD012"))
    assert found.code == code
    assert part in found.message


def test_padding_stays_padding(tmp_path):
    truths = np.arange(60) % 3
    given = np.where(np.arange(60) % 7 == 0, -100, truths)
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(truths, 3), given)
    assert not said(report, "PRD011", "PRD012", "PRD013", "PRD016")
    assert report.metrics.accuracy == 1


def test_pixels_of_no_class_are_padding(tmp_path):
    truths = np.arange(240).reshape(20, 3, 4) % 3
    x = rows(truths.reshape(-1), 3).reshape(20, 3, 4, 3).transpose(0, 3, 1, 2)
    text = "n (float[N, 3, 3, 4] x) => (float[N, 3, 3, 4] y) { y = Softmax<axis = 1>(x) }"
    marked = np.where(np.arange(240).reshape(truths.shape) % 11 == 0, 255, truths)
    report = judged(tmp_path, text, x, marked)
    assert not said(report, "PRD011", "PRD012", "PRD013", "PRD016")
    assert report.metrics.accuracy == 1
    assert sum(report.metrics.confusion.labels) == (marked < 255).sum()
    report = judged(tmp_path, text, x, np.where(marked == 255, 7, marked))
    (found,) = (each for each in report.findings if each.code == "PRD011")
    assert "gives classes 0 to 2, but 22 labels (9%) lie outside: 7" in found.message


def test_whole_numbers_that_are_no_classes_are_refused(tmp_path):
    ages = 18 + np.arange(60)
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(np.arange(60) % 3, 3), ages)
    assert "labels (integers of shape [60] from 18 to 77) match no output" in report.error


# What heads can give


HEADS = {
    "y = Sigmoid(h)": (-0.5, 0.5),
    "y = Tanh(h)": (1.5, -1.0),
    "y = Relu(h)": (-1.0, 0.0),
    "y = Softplus(h)": (-0.5, 3.0),
    "y = Elu(h)": (-1.5, -0.5),
    "y = Exp(h)": (-2.0, 2.0),
    "y = Clip(h, lo, hi)": (6.5, 6.0),
    "y = HardSigmoid(h)": (1.25, 1.0),
    "t = Tanh(h) y = Mul(t, hi)": (7.0, -6.0),
    "t = Sigmoid(h) y = Gemm(t, hi2, lo)": (-0.1, 5.0),
    "y = Max(h, hi)": (5.0, 600.0),
    "y = Sqrt(h)": (-1.0, 3.0),
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_heads_that_end(head, tmp_path):
    beyond, within = HEADS[head]
    text = f"""<ir_version: 8, opset_import: ["" : 17]> n (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {{1, 2}}, float lo = {{0}}, float hi = {{6}}, float[1, 1] hi2 = {{6}}>
    {{ h = MatMul(x, w) {head} }}"""
    x = np.random.default_rng(0).uniform(0.1, 1, (30, 2))
    for worst, expected in ((beyond, ["PRD011"]), (within, [])):
        y = np.append(np.linspace(within, within * 0.9 + 0.1 * max(within, 0), 29), worst)
        report = judged(tmp_path, text, x, y[:30])
        assert said(report, "PRD011") == expected, (head, worst)


FOREST = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
n (float[N, 2] x) => (float[N, 1] y) {{
    y = ai.onnx.ml.TreeEnsembleRegressor<n_targets = 1, target_ids = [0, 0],
        target_nodeids = [1, 2], target_treeids = [0, 0], target_weights = [0.25, 0.75],
        {nodes}>(x)
}}"""
CLASSIFIER = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
n (float[N, 2] x) => ({kind}[N] label) {{
    label, p = ai.onnx.ml.TreeEnsembleClassifier<{names}, class_ids = [0, 0],
        class_nodeids = [1, 2], class_treeids = [0, 0], class_weights = [0.25, 0.75], {nodes}>(x)
}}"""
NODES = """nodes_falsenodeids = [2, 0, 0], nodes_truenodeids = [1, 0, 0],
        nodes_featureids = [0, 0, 0], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_nodeids = [0, 1, 2], nodes_treeids = [0, 0, 0], nodes_values = [0.5, 0.0, 0.0]"""
BY_NUMBER = CLASSIFIER.format(kind="int64", names="classlabels_int64s = [3, 7]", nodes=NODES)
BY_NAME = CLASSIFIER.format(
    kind="string", names='classlabels_strings = ["cat", "dog"]', nodes=NODES
)
ARGMAX = "n (float[N, 2] x) => (int64[N] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }"
THRESHOLD = """n (float[N, 2] x) => (int64[N, 2] y) <float half = {0.5}>
{ b = Greater(x, half) y = Cast<to = 7>(b) }"""


@pytest.mark.parametrize(
    ("text", "known", "strange", "part"),
    [
        (FOREST.format(nodes=NODES), [0.25, 0.75], 2.5, "is from 0.25 to 0.75 for every input"),
        (BY_NUMBER, [3, 7], 5, "gives classes 3, 7, but 1 label (3%) lies outside: 5"),
        (BY_NAME, ["cat", "dog"], "cow", "gives classes cat, dog, but 1 label (3%) lies outside"),
        (ARGMAX, [0, 1], 2, "gives classes 0 to 1, but 1 label (3%) lies outside: 2"),
        (SOFTMAX.format(k=2), [0, 1], 2, "gives classes 0 to 1, but 1 label (3%) lies outside: 2"),
    ],
)
def test_classes_and_leaves_that_are_not_there(text, known, strange, part, tmp_path):
    u = np.random.default_rng(0).uniform(0, 1, 30)
    x = np.stack([1 - u, u], axis=1)
    truths = [known[int(each > 0.5)] for each in u]
    assert not said(judged(tmp_path, text, x, np.array(truths)), "PRD011")
    strangers = [strange] * (2 if strange == 2.5 else 1)  # of numbers a few may be outliers
    report = judged(tmp_path, text, x, np.array([*truths[: -len(strangers)], *strangers]))
    (found,) = (each for each in report.findings if each.code == "PRD011")
    assert part in found.message


@pytest.mark.parametrize(
    ("head", "share", "severity"),
    [("Sigmoid", 0.02, "info"), ("Sigmoid", 0.06, "error"), ("Relu", 0.04, "info")],
)
def test_some_outliers_beyond_a_head_are_an_info(head, share, severity, tmp_path):
    text = f"""n (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {{1}}>
    {{ h = MatMul(x, w) y = {head}(h) }}"""
    x = np.random.default_rng(0).uniform(0, 1, (100, 1))
    beyond = {"Sigmoid": 1.3, "Relu": -0.1}[head]
    labels = np.where(np.arange(100) < share * 100, beyond, x[:, 0])
    report = judged(tmp_path, text, x, labels)
    (found,) = (each for each in report.findings if each.code == "PRD011")
    assert found.severity.value == severity


def forest(folder: Path, depth: int) -> Path:
    """A random forest of scikit-learn on the prices, as trees of ai.onnx.ml."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    given = np.load(LABELLED / "prices.npz")
    model = ensemble.RandomForestRegressor(5, max_depth=depth, random_state=0)
    trees = [each.tree_ for each in model.fit(given["x"][:240], given["y"][:240]).estimators_]
    nodes = [
        (at, number, tree) for at, tree in enumerate(trees) for number in range(tree.node_count)
    ]
    leaves = [(at, number, tree) for at, number, tree in nodes if tree.children_left[number] < 0]
    node = onnx.helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1,
        nodes_treeids=[at for at, _, _ in nodes], nodes_nodeids=[n for _, n, _ in nodes],
        nodes_featureids=[max(0, int(tree.feature[n])) for _, n, tree in nodes],
        nodes_values=[float(tree.threshold[n]) for _, n, tree in nodes],
        nodes_modes=["LEAF" if tree.children_left[n] < 0 else "BRANCH_LEQ" for _, n, tree in nodes],
        nodes_truenodeids=[max(0, int(tree.children_left[n])) for _, n, tree in nodes],
        nodes_falsenodeids=[max(0, int(tree.children_right[n])) for _, n, tree in nodes],
        target_treeids=[at for at, _, _ in leaves], target_nodeids=[n for _, n, _ in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[float(tree.value[n][0, 0]) / len(trees) for _, n, tree in leaves],
    )  # fmt: skip
    sides = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", width])
             for name, width in (("x", 8), ("y", 1)))  # fmt: skip
    graph = onnx.helper.make_graph([node], "forest", *([side] for side in sides))
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "f.onnx")
    return folder / "f.onnx"


@pytest.mark.parametrize(
    ("depth", "unit", "expected"), [(8, 1, []), (2, 1, []), (8, 1.2, []), (8, 100, ["PRD011"])]
)
def test_labels_exceed_the_means_in_leaves(depth, unit, expected, tmp_path):
    given = np.load(LABELLED / "prices.npz")
    np.savez(tmp_path / "d.npz", x=given["x"][240:], y=given["y"][240:] * unit)
    source = tmp_path / "d.npz"
    report = report_on(forest(tmp_path, depth), LabelSource(source, "y"), source)
    assert said(report, "PRD011", "PRD016") == expected


# Always the same answer


def of_shares(share: float, count: int):
    return (np.arange(count) >= share * count).astype(int)


@pytest.mark.parametrize(
    ("share", "flipped", "count", "expected"),
    [
        (0.5, 0.5, 200, ["PRD016"]),  # guesses
        (0.5, 0.48, 49, []),  # too few
        (0.5, 0.1, 60, []),
        (0.9, 0.02, 200, []),
        (0.98, 0.0, 60, []),  # all right, which is hardly more than always 0
        (0.9, 0.3, 200, ["PRD016"]),  # worse than always 0, but it knows something
        (0.95, 0.06, 60, ["PRD016"]),  # three labels of the other class
    ],
)
def test_the_majority_class_is_judged(share, flipped, count, expected, tmp_path):
    truths = of_shares(share, count)
    wrong = np.random.default_rng(1).permuted(np.arange(count) < flipped * count)
    predicted = np.where(wrong, 1 - truths, truths)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths)
    assert said(report, "PRD016") == expected
    severities = {each.severity.value for each in report.findings if each.code == "PRD016"}
    assert severities <= {"info" if share > 0.5 else "warning"}
    if count >= 50:
        assert report.metrics.constant == pytest.approx(max(share, 1 - share), abs=0.01)


ALWAYS = {
    "scores that vary": (SOFTMAX.format(k=2), 200, "warning PRD004"),
    "few samples": (SOFTMAX.format(k=2), 60, "warning PRD016"),
    "few labels": (SOFTMAX.format(k=2), 30, "info PRD004"),
    "scores behind a dense layer": (
        """n (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
        { y = MatMul(x, w) }""", 200, "warning PRD016",
    ),
    "the class itself": (
        "n (float[N, 2] x) => (int64[N] y) { y = ArgMax<axis = 1, keepdims = 0>(x) }", 200,
        "warning PRD016",
    ),
    "a number": (
        """n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {0, 0}, float[1] b = {0.4}>
        { y = Gemm(x, w, b) }""", 200, "warning PRD002",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALWAYS)
def test_one_rule_tells_that_the_answer_is_always_the_same(kind, tmp_path):
    text, count, expected = ALWAYS[kind]
    truths = np.arange(count) % 2 + (0.5 if kind == "a number" else 0)
    report = judged(tmp_path, text, rows(np.zeros(count, int), 2), truths)
    speakers = ("PRD002", "PRD004", "PRD005", "PRD013", "PRD016")
    assert [f"{each.severity.value} {each.code}" for each in report.findings
            if each.code in speakers] == [expected]  # fmt: skip


def test_the_majority_class_without_scikit_learn(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn", None)
    truths = of_shares(0.5, 200)
    predicted = np.random.default_rng(1).permuted(truths)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths)
    assert said(report, "PRD016", "CMP001") == ["PRD016"]


def test_the_fitted_baselines_speak_where_they_were_asked_for(tmp_path):
    pytest.importorskip("sklearn")
    truths = of_shares(0.5, 200)
    predicted = (np.arange(200) % 2 + (np.arange(200) < 6)).clip(0, 1)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(predicted, 2), truths, compare_simple=True)
    assert said(report, "PRD016", "CMP001") == ["CMP001"]


LINE = "n (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }"


@pytest.mark.parametrize(
    ("noise", "offset", "expected"),
    [(0.3, 0, []), (2.0, 0, []), (0.3, 40, ["PRD016"]), (None, 0, ["PRD016"])],
)
def test_the_mean_is_judged(noise, offset, expected, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (400, 1))
    y = rng.normal(0, 1, 400) if noise is None else x[:, 0] + noise * rng.normal(0, 1, 400)
    report = judged(tmp_path, LINE, x, y + offset)
    assert said(report, "PRD016") == expected
    assert report.metrics.constant == pytest.approx(y.std(), rel=1e-6)


# Labels that say nothing


@pytest.mark.parametrize(
    ("text", "labels", "part"),
    [
        (SOFTMAX.format(k=3), np.full(60, 2), "all 60 labels are of class 2"),
        (LINE, np.full(60, 2.5), "all 60 labels are 2.5: no input explains a constant"),
        (LINE, np.full(60, 1e6) + np.arange(60) * 1e-3, "all 60 labels are 1e+06"),
        (LINE, np.full(19, 2.5), None),
        (LINE, np.linspace(0, 1, 60), None),
    ],
)
def test_constant_labels(text, labels, part, tmp_path):
    x = rows(np.arange(len(labels)) % 3, 3)[:, : 3 if "Softmax" in text else 1]
    report = judged(tmp_path, text, x, labels)
    found = [each.message for each in report.findings if each.code == "DAT011"]
    assert len(found) == (part is not None)
    assert all(part in message for message in found)
    assert part is None or not said(report, "PRD016", "DAT008")


def test_one_constant_target_of_three(tmp_path):
    text = "n (float[N, 3] x) => (float[N, 3] y) { y = Exp(x) }"
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (60, 3))
    y = np.exp(x)
    y[:, 1] = 0
    report = judged(tmp_path, text, x, y)
    (found,) = (each.message for each in report.findings if each.code == "DAT011")
    assert found == "1 of 3 targets are constant in all 60 samples: 1 (values 0)"


def test_rows_of_0_and_1_are_counted_as_classes(tmp_path):
    truths = (np.arange(200) % 20 == 0).astype(int)
    report = judged(tmp_path, SOFTMAX.format(k=2), rows(truths, 2), np.eye(2, dtype=int)[truths])
    (found,) = (each for each in report.findings if each.code == "DAT008")
    assert found.measured == 19


# The last bias of an untrained model


@pytest.mark.parametrize(
    ("bias", "shares", "expected"),
    [
        ("0, 0, 0", (0.9, 0.05, 0.05), ["PRD017"]),
        ("0.01, -0.02, 0.01", (0.9, 0.05, 0.05), ["PRD017"]),  # PyTorch's own, which is random
        ("2.9, 0, 0", (0.9, 0.05, 0.05), []),
        ("0, 2.9, 0", (0.9, 0.05, 0.05), ["PRD017"]),  # of another class
        ("0, 0, 0", (0.4, 0.3, 0.3), []),
    ],
)
def test_bias_before_unbalanced_classes(bias, shares, expected, tmp_path):
    text = f"""n (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {{0.02, 0.01, -0.02, 0.01, -0.02, 0.01}}, float[3] b = {{{bias}}}>
    {{ h = Gemm(x, w, b) y = Softmax(h) }}"""
    truths = np.repeat(np.arange(3), [round(share * 200) for share in shares])
    x = np.random.default_rng(0).normal(0, 1, (200, 2))
    report = judged(tmp_path, text, x, truths, stage="init")
    assert said(report, "PRD017") == expected
    assert not said(judged(tmp_path, text, x, truths), "PRD017")  # trained


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("h = MatMul(x, w) y = Sigmoid(h)", ["PRD017"]),
        ("h = Gemm(x, w, far) y = Sigmoid(h)", []),
        ("m = MatMul(x, w) h = Add(m, far) y = Sigmoid(h)", []),
        ("h = MatMul(x, w) r = Relu(h) y = Sigmoid(r)", []),  # no last layer that is known
    ],
)
def test_bias_before_rare_events(end, expected, tmp_path):
    text = f"""n (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {{0.02, 0.01}},
    float[1] far = {{-2.94}}> {{ {end} }}"""
    truths = (np.arange(200) % 20 == 0).astype(int)
    x = np.random.default_rng(0).normal(0, 1, (200, 2))
    report = judged(tmp_path, text, x, truths, stage="init")
    assert said(report, "PRD017") == expected


# Bad input


BAD = {
    "other length": (np.zeros(59, int), "59 labels for 60 samples"),
    "other kind": (np.array(["a", "b"] * 30), "names of shape [60]"),
    "floats": (np.linspace(0, 1, 60), "labels (floats of shape [60]) match no output"),
    "empty": (np.zeros(0, int), "labels are int64[0], not one per sample"),
    "rows": (np.zeros((60, 5), int), "labels (integers of shape [60, 5]"),
}


@pytest.mark.parametrize("kind", BAD)
def test_labels_that_cannot_be_used_end_in_one_sentence(kind, tmp_path):
    labels, part = BAD[kind]
    report = judged(tmp_path, SOFTMAX.format(k=3), rows(np.arange(60) % 3, 3), labels)
    assert report.error is not None
    assert part in report.error
    assert "\n" not in report.error


@pytest.mark.parametrize(("name", "content"), [("y.csv", ""), ("y.npy", ""), ("y.csv", "label\n")])
def test_an_empty_file_of_labels_ends_in_one_sentence(name, content, tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    (tmp_path / name).write_text(content)
    with saved(Example.parse(SOFTMAX.format(k=3))) as path:
        report = report_on(path, LabelSource(tmp_path / name), tmp_path / "x.npy")
    assert report.error is not None
    assert str(tmp_path / name) in report.error
    assert "\n" not in report.error
