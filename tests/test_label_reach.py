"""Labels by other classes, and beyond what an output can give: PRD011 and PRD012."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from judged_rows import LABELLED, SOFTMAX, judged, report_on, rows, said

from onnxlint.settings import LabelSource

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
