"""Columns of tables followed back to inputs, and what the rules of trees say of the data there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper, parser

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.hints.thresholds import thresholds
from onnxlint.analyses.static.feature_columns import FeatureColumns
from onnxlint.analyses.static.trees import Trees
from onnxlint.cli.main import cli
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import lint
from onnxlint.settings import Settings

FIXTURES = Path(__file__).parent.parent / "fixtures"
HEAD = '<ir_version: 9, opset_import: ["" : 18, "ai.onnx.ml" : 3]>\n'


def followed(tmp_path: Path, text: str) -> list[str]:
    """Where each column of `y` comes from: input, column, and whether it is filled or scaled."""
    path = tmp_path / "model.onnx"
    onnx.save(parser.parse_model(HEAD + text), path)
    with open_model(str(path)) as opened:
        analyses = Analyses(Settings())
        analyses.give(opened)
        graph, columns = analyses.get(Graph), analyses.get(FeatureColumns)
        value = graph.outputs[0]
        found = [columns.of(value, at) for at in range(columns.width(value) or 3)]
        return ["" if each is None else f"{each.value.name}{each.at}"
                + "f" * each.is_filled + "s" * each.is_scaled for each in found]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n (float[N, 2] a, float[N, 1] b) => (float[N, 3] y) { y = Concat <axis = 1> (a, b) }",
         ["a0", "a1", "b0"]),
        ("n (float[N, 2] a, int64[N, 1] b) => (float[N, 3] y) { c = Cast <to = 1> (b)\n"
         "y = Concat <axis = -1> (c, a) }", ["b0", "a0", "a1"]),
        ("n (float[N, 3] a) => (float[N, 2] y) <int64[2] i = {2, 0}> "
         "{ y = Gather <axis = 1> (a, i) }", ["a2", "a0"]),
        ("n (float[N, 3] a) => (float[N, 2] y) <int64[2] i = {-1, 1}> "
         "{ y = Gather <axis = 1> (a, i) }", ["a2", "a1"]),
        ("n (float[N, 3] a) => (float[N, 2] y) <int64[2] i = {1, 2}> "
         "{ y = ai.onnx.ml.ArrayFeatureExtractor (a, i) }", ["a1", "a2"]),
        ("n (float[N, 3] a) => (float[N, 2] y, float[N, 1] z) <int64[2] s = {1, 2}> "
         "{ z, y = Split <axis = 1> (a, s) }", ["a1", "a2"]),
        ("n (float[N] a, float[N] b) => (float[N, 2] y) <int64[2] s = {-1, 1}> "
         "{ c = Reshape (a, s)\nd = Reshape (b, s)\ny = Concat <axis = 1> (c, d) }", ["a0", "b0"]),
        ("n (float[N, 2] a, float[N, 1] b) => (float[N, 3] y) "
         "{ c = ai.onnx.ml.Imputer <imputed_value_floats = [1.0, 1.0], replaced_value_float = nan>"
         " (a)\nd = ai.onnx.ml.Scaler <scale = [2.0, 2.0], offset = [0.0, 0.0]> (c)\n"
         "y = Concat <axis = 1> (d, b) }", ["a0fs", "a1fs", "b0"]),
        ("n (float[N, 2] a) => (float[N, 2] y) { y = ai.onnx.ml.Imputer <imputed_value_floats = "
         "[1.0, 1.0], replaced_value_float = -1.0> (a) }", ["a0", "a1"]),
        ("n (float[N, 2] a, float[N, 1] b) => (float[N, 3] y) { y = ai.onnx.ml.FeatureVectorizer "
         "<inputdimensions = [2, 1]> (a, b) }", ["a0", "a1", "b0"]),
        ("n (float[N, 2] a) => (float[N, 2] y) <float[2] m = {1, 2}> { c = Sub (a, m)\n"
         "y = Log (c) }", ["a0s", "a1s"]),
        ("n (float[N, 2] a) => (float[N, 2] y) <float z = {0}> { c = IsNaN (a)\n"
         "y = Where (c, z, a) }", ["", ""]),
        ("n (float[N, 2] a) => (float[N, 2] y) { y = Mul (a, a) }", ["", ""]),
        ("n (float[N, 1] a) => (float[N, 3] y) { y = ai.onnx.ml.OneHotEncoder <cats_int64s = "
         "[1, 2, 3]> (a) }", ["", "", ""]),
    ],
)  # fmt: skip
def test_columns_are_followed_back(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert followed(tmp_path, text) == expected


def judged(model: str, data: Path, code: str) -> list[tuple[str, str]]:
    report = lint(FIXTURES / "trees" / model, select=[code], settings=Settings(data=data))
    assert report.error is None
    return [(each.severity.value, each.message) for each in report.findings]


def test_rounded_rows_are_counted_from_a_table_as_well(tmp_path: Path) -> None:
    x = np.load(FIXTURES / "trees/seconds.npy")[:40]
    path = tmp_path / "rows.csv"
    lines = [",".join(map(repr, map(float, row))) for row in x]
    path.write_text("\n".join(["a,b,c,d", *lines]) + "\n")
    ((severity, message),) = judged("lightgbm_seconds.onnx", path, "TRE004")
    assert severity == "warning"
    assert message.startswith("40 of 40 values of feature 0 within half a float32 step")


def test_rows_on_the_grid_of_float32_are_not_blamed(tmp_path: Path) -> None:
    x = np.load(FIXTURES / "trees/seconds.npy")[:40]
    x[:, 0] = np.float32(x[:, 0])
    np.save(tmp_path / "grid.npy", x)
    ((severity, message),) = judged("lightgbm_seconds.onnx", tmp_path / "grid.npy", "TRE004")
    assert (severity, "at a threshold that a split above has" in message) == ("warning", True)


# The newer operator


def tensor(values: list, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype))


def newer(targets: int = 2, dtype: type = np.float64) -> onnx.ModelProto:
    """Two trees: one tests for members, one compares; their leaves say something of two targets."""
    node = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=targets, tree_roots=[0, 2],
        nodes_featureids=[0, 1, 1], nodes_modes=tensor([6, 0, 3], np.uint8),
        nodes_splits=tensor([0, 2.5, 1.5], dtype), nodes_truenodeids=[0, 1, 3],
        nodes_trueleafs=[1, 1, 1], nodes_falsenodeids=[1, 2, 4], nodes_falseleafs=[0, 1, 1],
        leaf_targetids=[0, 1, 0, 1, 0], leaf_weights=tensor([1, 2, 3, 4, 5], dtype),
        membership_values=tensor([1, 3, 5, np.nan], dtype),
    )  # fmt: skip
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", kind, ["rows", 2])],
        [helper.make_tensor_value_info("y", kind, ["rows", targets])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_newer_operator_is_read_from_another_file(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(newer(dtype=dtype), path, save_as_external_data=True, location="trees.bin",
              size_threshold=0, convert_attribute=True)  # fmt: skip
    assert (tmp_path / "trees.bin").exists()
    shown = CliRunner().invoke(cli, ["inspect", str(path), "--static-only", "--format", "json"])
    forest = json.loads(shown.output)["layers"][0]["forest"]
    assert (forest["trees"], forest["leaves"], forest["outputs"]) == (2, 5, 2)
    assert not lint(path, select=["TRE005", "TRE006", "TRE009"]).findings
    (tmp_path / "trees.bin").unlink()
    assert not lint(path, select=["TRE005"]).findings


def test_members_of_sets_are_what_synthetic_samples_are_made_of(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(newer(), path)
    with open_model(str(path)) as opened:
        analyses = Analyses(Settings())
        analyses.give(opened)
        graph = analyses.get(Graph)
        first, second = thresholds(graph, graph.main.nodes[0], 0, 2, None)
        (found,) = analyses.get(Trees)
    assert {1.0, 3.0, 5.0} <= set(first.options)
    assert min(second.options) < 1.5 < max(second.options) > 2.5
    assert found.splits == {1: 2, 0: 1}


def test_thresholds_in_float64_lose_nothing(tmp_path: Path) -> None:
    model = onnx.load(FIXTURES / "trees/lightgbm_seconds.onnx")
    node = model.graph.node[0]
    for name in ("nodes_values", "target_weights"):
        old = next(each for each in node.attribute if each.name == name)
        values = np.array(old.floats, np.float64)
        if name == "nodes_values":
            values[np.abs(values) > 1e9] += np.arange(np.sum(np.abs(values) > 1e9)) / 3
        node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(f"{name}_as_tensor",
                                                    numpy_helper.from_array(values)))  # fmt: skip
    model.graph.input[0].type.tensor_type.elem_type = 11
    for each in model.opset_import:
        each.version = 3 if each.domain else 17
    onnx.save(model, tmp_path / "model.onnx")
    data = FIXTURES / "trees/seconds.npy"
    report = lint(tmp_path / "model.onnx", select=["TRE004"], settings=Settings(data=data))
    assert not report.findings


# What is shown of classical models


def test_texts_of_a_list_are_shown_as_texts() -> None:
    path = str(FIXTURES / "trees/forest_columns.onnx")
    shown = CliRunner().invoke(cli, ["inspect", path, "#3", "--static-only"])
    assert "cats_strings = [Bern, Oslo, Rome]" in shown.output
    assert "3 categories" in shown.output


def test_layers_of_classical_models_have_facts() -> None:
    path = str(FIXTURES / "sklearn/logistic.onnx")
    shown = CliRunner().invoke(cli, ["inspect", path, "--static-only", "--format", "json"])
    classic = [each["classic"] for each in json.loads(shown.output)["layers"]]
    assert classic[3]["coefficients"] == 9
    assert (classic[3]["features"], classic[3]["outputs"]) == (3, 3)
    assert classic[0]["features"] == 4
    assert classic[1] is None


@pytest.mark.parametrize(
    ("where", "count"),
    [("trees == 8 and tree_depth == 4", 1), ("categories == 3", 1), ("top_share > 0.9", 0),
     ("classes == 3", 1), ("support_vectors > 0 or coefficients > 0", 0)],
)  # fmt: skip
def test_layers_are_chosen_by_these_facts(where: str, count: int) -> None:
    path = str(FIXTURES / "trees/forest_columns.onnx")
    done = CliRunner().invoke(
        cli, ["inspect", path, "--static-only", "--where", where, "-f", "json"]
    )
    assert len(json.loads(done.output)["layers"]) == count
