"""Bounds of ai.onnx.ml's scalers, encoders and models hold for what onnxruntime gives."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from soundness import Box, Sounding, boxes

FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
FEATURES = 3


def model(op: str, *outputs: int, dtype: int = FLOAT, opset: int = 3, extra=(), **attributes):
    domain = "" if op == "TfIdfVectorizer" else "ai.onnx.ml"
    names = [f"y{at}" for at in range(len(outputs))]
    node = helper.make_node(op, ["x", *(name for name, _ in extra)], names, domain=domain,
                            **attributes)  # fmt: skip
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", dtype, ["N", FEATURES])],
        [helper.make_tensor_value_info(name, kind, None)
         for name, kind in zip(names, outputs, strict=True)],
        [numpy_helper.from_array(array, name) for name, array in extra],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", opset)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


def forest(trees: int, targets: int, prefix: str, seed: int = 1, *, sparse: bool = False) -> dict:
    """Trees of depth 2 with four leaves each; `sparse` ones say something of one target each."""
    rng = np.random.default_rng(seed)
    nodes: dict = {key: [] for key in ("treeids", "nodeids", "featureids", "values", "modes",
                                       "truenodeids", "falsenodeids")}  # fmt: skip
    leaves: dict = {key: [] for key in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(trees):
        for at in range(7):
            is_leaf = at > 2
            row = (tree, at, int(rng.integers(FEATURES)), float(rng.normal()),
                   "LEAF" if is_leaf else "BRANCH_LEQ", 0 if is_leaf else 2 * at + 1,
                   0 if is_leaf else 2 * at + 2)  # fmt: skip
            for key, each in zip(nodes, row, strict=True):
                nodes[key].append(each)
            for target in range(targets) if is_leaf else ():
                if sparse and target != (at + tree) % targets:
                    continue
                told = (tree, at, target, float(rng.normal() * 3))
                for key, each in zip(leaves, told, strict=True):
                    leaves[key].append(each)
    found = {f"nodes_{key}": each for key, each in nodes.items()}
    return found | {f"{prefix}_{key}": each for key, each in leaves.items()}


def newer_forest(aggregate: int, post: int) -> dict:
    """Two stumps of the newer operator."""
    return {
        "n_targets": 1, "aggregate_function": aggregate, "post_transform": post,
        "tree_roots": [0, 1], "nodes_featureids": [0, 2],
        "nodes_modes": numpy_helper.from_array(np.array([0, 0], np.uint8)),
        "nodes_splits": numpy_helper.from_array(np.array([0.5, -1], np.float32)),
        "nodes_truenodeids": [0, 2], "nodes_trueleafs": [1, 1],
        "nodes_falsenodeids": [1, 3], "nodes_falseleafs": [1, 1],
        "leaf_targetids": [0, 0, 0, 0],
        "leaf_weights": numpy_helper.from_array(np.array([1, -2, 5, 3], np.float32)),
    }  # fmt: skip


BINARY = {"classlabels_int64s": [3, 8]}
LINEAR = {"coefficients": [1.0, -2.0, 0.5, 0.0, 1.0, 3.0], "intercepts": [1.0, -1.0]}
SVM = {"coefficients": [1.0, -2.0], "support_vectors": [0.0, 1.0, 2.0, 1.0, 1.0, -1.0],
       "n_supports": 2, "rho": [0.25], "kernel_params": [0.5, 0.0, 3.0]}  # fmt: skip
NAN = float("nan")

MODELS = {
    "scaler": lambda: model("Scaler", FLOAT, offset=[1.0, -2.0, 0.0], scale=[2.0, -0.5, 0.0]),
    "scaler of all": lambda: model("Scaler", FLOAT, offset=[0.1], scale=[0.3]),
    "scaler of integers": lambda: model("Scaler", FLOAT, dtype=INT, offset=[0.1], scale=[0.3]),
    "imputer": lambda: model("Imputer", FLOAT, imputed_value_floats=[1.0, 2.0, 30.0],
                             replaced_value_float=NAN),
    "imputer of 0": lambda: model("Imputer", INT, dtype=INT, imputed_value_int64s=[9],
                                  replaced_value_int64=0),
    "encoder": lambda: model("LabelEncoder", FLOAT, dtype=INT, keys_int64s=[1, 2],
                             values_floats=[0.5, 7.0], default_float=-3.0),
    "encoder to integers": lambda: model("LabelEncoder", INT, keys_floats=[1.0, 2.0],
                                         values_int64s=[5, 7]),
    "one hot": lambda: model("OneHotEncoder", FLOAT, dtype=INT, cats_int64s=[-1, 0, 2]),
    "columns": lambda: model("ArrayFeatureExtractor", FLOAT,
                             extra=[("i", np.array([2, 0], np.int64))]),
    "vectorizer": lambda: model("FeatureVectorizer", FLOAT, inputdimensions=[3]),
    "regressor of sums": lambda: model("TreeEnsembleRegressor", FLOAT, n_targets=2,
                                       base_values=[1.0, -1.0], **forest(3, 2, "target")),
    "sparse regressor": lambda: model("TreeEnsembleRegressor", FLOAT, n_targets=3,
                                      **forest(2, 3, "target", sparse=True)),
    **{f"regressor by {name}": lambda name=name: model(
        "TreeEnsembleRegressor", FLOAT, n_targets=2, aggregate_function=name,
        **forest(3, 2, "target", sparse=True)) for name in ("AVERAGE", "MIN", "MAX")},
    "logistic regressor": lambda: model("TreeEnsembleRegressor", FLOAT, n_targets=1,
                                        post_transform="LOGISTIC", **forest(2, 1, "target")),
    "classifier": lambda: model("TreeEnsembleClassifier", INT, FLOAT, classlabels_int64s=[4, 5, 9],
                                **forest(3, 3, "class")),
    **{f"classifier {post}": lambda post=post: model(
        "TreeEnsembleClassifier", INT, FLOAT, post_transform=post, classlabels_int64s=[4, 5, 9],
        **forest(3, 3, "class")) for post in ("SOFTMAX", "SOFTMAX_ZERO", "LOGISTIC", "PROBIT")},
    **{f"binary classifier {post}": lambda post=post: model(
        "TreeEnsembleClassifier", INT, FLOAT, post_transform=post, **BINARY,
        **forest(3, 1, "class")) for post in ("NONE", "LOGISTIC", "SOFTMAX")},
    **{f"newer trees {a} {p}": lambda a=a, p=p: model("TreeEnsemble", FLOAT, opset=5,
                                                      **newer_forest(a, p))
       for a, p in ((0, 0), (1, 0), (2, 0), (3, 0), (1, 2))},
    "linear": lambda: model("LinearRegressor", FLOAT, targets=2, **LINEAR),
    "linear, logistic": lambda: model("LinearRegressor", FLOAT, targets=2,
                                      post_transform="LOGISTIC", **LINEAR),
    "linear classifier": lambda: model("LinearClassifier", INT, FLOAT, classlabels_ints=[1, 2],
                                       **LINEAR),
    "binary linear classifier": lambda: model(
        "LinearClassifier", INT, FLOAT, classlabels_ints=[1, 2], coefficients=[1.0, -2.0, 0.5],
        intercepts=[0.5]),
    "binary linear classifier, logistic": lambda: model(
        "LinearClassifier", INT, FLOAT, classlabels_ints=[1, 2], coefficients=[1.0, -2.0, 0.5],
        intercepts=[0.5], post_transform="LOGISTIC"),
    **{f"svm {kind}": lambda kind=kind: model("SVMRegressor", FLOAT, kernel_type=kind, **SVM)
       for kind in ("RBF", "SIGMOID", "LINEAR", "POLY")},
    "svm of one class": lambda: model("SVMRegressor", FLOAT, kernel_type="RBF", one_class=1, **SVM),
    **{f"words {mode}": lambda mode=mode: model(
        "TfIdfVectorizer", FLOAT, dtype=INT, mode=mode, min_gram_length=1, max_gram_length=2,
        max_skip_count=1, ngram_counts=[0, 2], ngram_indexes=[0, 1, 2], pool_int64s=[1, 2, 1, 2],
        weights=[0.5, -2.0, 3.0]) for mode in ("TF", "IDF", "TFIDF")},
}  # fmt: skip


@cache
def sounding(name: str) -> Sounding:
    return Sounding(MODELS[name]())


@pytest.mark.parametrize("name", MODELS)
@given(x=boxes(-4, 4, size=FEATURES), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_what_comes_out_lies_within(name, x, seed):
    sounding(name).check({"x": x}, 6, seed)


def bound_of(name: str, *ends: tuple[float, float], output: str = "y0"):
    made = sounding(name)
    low, high = np.array(ends, np.float64).T
    ranges = made.check({"x": Box(low, high)})
    assert not ranges.unknown
    return ranges.of(made.graph.main.values[output])


ALL = ((-4.0, 4.0),) * 3


def test_a_scaler_is_exact_by_column():
    found = bound_of("scaler", (0, 2), (-2, 2), (-4, 4))
    assert found.low.reshape(-1) == pytest.approx([-2, -2, 0], abs=1e-5)
    assert found.high.reshape(-1) == pytest.approx([2, 0, 0], abs=1e-5)


def test_targets_of_trees_are_told_apart():
    found = bound_of("regressor of sums", *ALL)
    weights = np.array(forest(3, 2, "target")["target_weights"]).reshape(3, 4, 2)
    base = np.array([1, -1])
    ends = weights.min(axis=1).sum(axis=0) + base, weights.max(axis=1).sum(axis=0) + base
    assert found.low.reshape(-1) == pytest.approx(ends[0], abs=1e-4)
    assert found.high.reshape(-1) == pytest.approx(ends[1], abs=1e-4)


@pytest.mark.parametrize(
    ("name", "ends"),
    [("newer trees 1 0", (1, 6)), ("newer trees 0 0", (0.5, 3)), ("newer trees 2 0", (-2, 1)),
     ("newer trees 3 0", (3, 5)), ("encoder", (-3, 7)),
     ("encoder to integers", (-1, 7)), ("one hot", (0, 1)), ("svm RBF", (-1.75, 1.25)),
     ("classifier SOFTMAX", (4, 9)), ("imputer", (-4, 30)), ("svm of one class", (-1, 1))],
)  # fmt: skip
def test_bounds_are_narrow(name, ends):
    found = bound_of(name, *ALL)
    assert (found.least, found.most) == pytest.approx(ends, abs=1e-4)
    assert not found.nan


def test_probabilities_and_linear_scores():
    assert bound_of("classifier SOFTMAX", *ALL, output="y1").most == pytest.approx(1)
    found = bound_of("linear", (0, 1), (0, 1), (0, 1))
    assert found.low.reshape(-1) == pytest.approx([-1, -1], abs=1e-4)
    assert found.high.reshape(-1) == pytest.approx([2.5, 3], abs=1e-4)
    assert bound_of("columns", (0, 1), (2, 3), (4, 5)).high.reshape(-1).tolist() == [5, 1]


def test_categories_add_up_to_1():
    found = bound_of("one hot", *ALL)
    assert found.total is not None
    assert (found.total.low, found.total.high) == (0, 1)
