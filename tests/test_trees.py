"""Tree ensembles: how they are read, and what is said of real exports and of broken files."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from onnxlint.analyses.static.tree_rows import MalformedTreesError
from onnxlint.analyses.static.trees import Ensemble
from onnxlint.cli.main import cli
from onnxlint.model.graph.nodes import Node

FIXTURES = Path(__file__).parent.parent / "fixtures"
SPLIT = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [1.0, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "target_treeids": [0, 0],
    "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0],
}  # fmt: skip


def ensemble(op: str = "TreeEnsembleRegressor", **attributes: object) -> Ensemble:
    from onnx import helper

    proto = helper.make_node(op, ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    shared = SimpleNamespace(functions={}, model=SimpleNamespace(files=None))
    opsets = {"ai.onnx.ml": 5 if op == "TreeEnsemble" else 3}
    scope = SimpleNamespace(path="", shared=shared, opsets=opsets)
    return Ensemble(Node(proto, 0, scope))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nodes_truenodeids": [7, 0, 0]}, "node 0 of tree 0 leads to node 7"),
        ({"nodes_nodeids": [0, 1, 1]}, "node 1 of tree 0 is defined more than once"),
        ({"nodes_modes": ["BRANCH_LEQ", "LEAF", "x"]}, "element 2 of nodes_modes is not a mode"),
        ({"nodes_values": [1.0]}, "nodes_values has 1 elements, nodes_treeids has 3"),
        ({"target_nodeids": [1, 9]}, "a weight is of node 9 of tree 0, which does not exist"),
        ({"nodes_truenodeids": [0, 0, 0]}, "nodes lead in a circle"),
        ({"nodes_treeids": [2**62, 0, 0]}, "leads to node 1, which does not exist"),
    ],
)
def test_what_does_not_make_trees_is_told(change: dict, says: str) -> None:
    with pytest.raises(MalformedTreesError, match=says):
        ensemble(**SPLIT | change)


def test_a_chain_of_many_levels_is_refused_at_once() -> None:
    size = 20_001
    ids = np.arange(size)
    inner = np.arange(size) < size // 2
    with pytest.raises(MalformedTreesError, match=r"more than 4,096 levels"):
        ensemble(
            nodes_treeids=[0] * size, nodes_nodeids=ids, nodes_featureids=[0] * size,
            nodes_modes=["BRANCH_LEQ" if each else "LEAF" for each in inner],
            nodes_values=[1.0] * size, nodes_truenodeids=np.where(inner, ids + 1, 0),
            nodes_falsenodeids=np.where(inner, ids + size // 2 + 1, 0), target_treeids=[0],
            target_nodeids=[size - 1], target_ids=[0], target_weights=[1.0],
        )  # fmt: skip


def test_trees_of_the_newer_operator_test_for_members() -> None:
    from onnx import numpy_helper

    def tensor(values: list, dtype: type = np.float32) -> object:
        return numpy_helper.from_array(np.array(values, dtype))

    found = ensemble(
        "TreeEnsemble", tree_roots=[0], nodes_featureids=[0, 1], nodes_falseleafs=[0, 1],
        nodes_modes=tensor([6, 0], np.uint8), nodes_splits=tensor([0, 2.5]),
        nodes_truenodeids=[0, 1], nodes_trueleafs=[1, 1], nodes_falsenodeids=[1, 2],
        leaf_targetids=[0, 0, 0], leaf_weights=tensor([1, 2, 3]),
        membership_values=tensor([1, 3, 5, np.nan]), n_targets=1,
    )  # fmt: skip
    assert (found.trees, found.nodes, found.leaves, found.depth) == (1, 5, 3, 2)
    assert found.splits == {0: 1, 1: 1}


def test_inspect_shows_trees() -> None:
    path = str(FIXTURES / "lightgbm/classifier.onnx")
    shown = CliRunner().invoke(cli, ["inspect", path, "--static-only", "--format", "json"])
    forest = json.loads(shown.output)["layers"][0]["forest"]
    assert forest == {"trees": 24, "nodes": 300, "leaves": 162, "depth": 3, "mean_depth": 3.0,
                      "features": {"0": 64, "2": 43, "1": 26, "3": 5}, "outputs": 3,
                      "tracked": 79}  # fmt: skip
    table = CliRunner().invoke(cli, ["inspect", path, "--static-only"])
    assert "24 trees" in table.output
