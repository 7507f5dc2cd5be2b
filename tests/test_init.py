"""`onnxlint init`: the contract that it writes is kept by the model that it was written from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.cli.contract_text import size_text, widened
from onnxlint.cli.main import cli
from onnxlint.cli.toml_text import dotted, rounded_down, rounded_up, string, value
from onnxlint.config import load
from onnxlint.testing import Example
from onnxlint.toml_tables import parse_bytes

FIXTURES = Path(__file__).parents[1] / "fixtures"
NET = """<ir_version: 9, opset_import: ["" : 17], producer_name: "torch(1)",
 metadata_props: ["commit": "abc", "license": "MIT"]>
net (float[batch, 4] x) => (float[batch, 3] y)
<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, float[3] b = {1, 2, 3}> {
    ["/fc/Gemm"] s = Gemm(x, w, b)
    ["/relu/Relu"] h = Relu(s)
    y = Softmax(h)
}"""
PROMISED = ("CTR", "DAT002", "PRD008")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def broken(model: Path, *more: object) -> list[tuple[str, str]]:
    """What the contract in the working directory finds."""
    done = run(
        "check", model, "--config", "onnxlint.toml", "--select", ",".join(PROMISED),
        "--format", "json", *more,
    )  # fmt: skip
    (report,) = json.loads(done.stdout)["models"]
    assert report["error"] is None
    return [(found["code"], found["message"]) for found in report["findings"]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here: Path) -> Path:
    path = here / "model.onnx"
    path.write_bytes(Example.parse(NET).model(here).SerializeToString())
    return path


def contract() -> dict[str, Any]:
    return tomllib.loads(Path("onnxlint.toml").read_text())


def test_what_is_seen_without_a_run(model: Path) -> None:
    done = run("init", "model.onnx", "--static-only")
    assert (done.exit_code, done.output) == (0, "wrote onnxlint.toml\n")
    assert contract() == {
        "inputs": {"x": {"dtype": "float32", "shape": ["batch", 4]}},
        "outputs": {"y": {"dtype": "float32", "shape": ["batch", 3]}},
        "architecture": {
            "opset": 17,
            "ir-version": 9,
            "parameters": 15,
            "operators": {"Gemm": 1, "Relu": 1, "Softmax": 1},
            "other-operators": False,
            "other-layers": False,
            "layers": {"fc": {"kind": "Gemm", "shape": [4, 3]}},
        },
        "budgets": {
            "file-size": size_text(model.stat().st_size * 1.1),
            "nodes": 4,
            "flops": 27,
            "peak-memory": "97B",
            "sizes": {"batch": 1},
        },
        "provenance": {
            "required": ["commit", "license"],
            "licences": ["MIT"],
            "producer": r"torch\(1\)",
        },
    }
    assert broken(model, "--static-only") == []


def test_what_is_seen_on_synthetic_samples_is_a_comment(model: Path) -> None:
    assert run("init", "model.onnx").exit_code == 0
    text = Path("onnxlint.toml").read_text()
    assert "\n# range = [0, 1]" in text
    assert "\n# [values.relu]\n# range = [" in text
    assert contract()["outputs"]["y"] == {
        "dtype": "float32", "shape": ["batch", 3], "sums-to-one": True,
    }  # fmt: skip
    assert "values" not in contract()
    assert broken(model) == []


def test_what_is_seen_on_data_is_promised(model: Path, here: Path) -> None:
    samples = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.savez(here / "data.npz", x=samples)
    assert run("init", "model.onnx", "--data", "data.npz").exit_code == 0
    written = contract()
    assert written["data"] == "data.npz"
    assert written["inputs"]["x"]["normalised"] is True
    assert len(written["inputs"]["x"]["features"]) == 4
    assert written["outputs"]["y"]["range"] == [0, 1]
    assert set(written["values"]) == {"relu"}
    low, high = written["outputs"]["y"]["entropy"]
    assert 0 <= low < high <= 1.1
    assert broken(model) == []
    np.savez(here / "data.npz", x=samples * 9)
    found = dict(broken(model))
    assert {"CTR006", "CTR010", "DAT002"} <= found.keys()


def test_an_untrained_model_promises_the_entropy_of_knowing_nothing(here: Path) -> None:
    path = FIXTURES / "jax" / "init_uniform.onnx"
    assert run("init", path, "--stage", "init").exit_code == 0
    written = contract()
    assert written["stage"] == "init"
    (output,) = written["outputs"].values()
    assert output["entropy"][1] == pytest.approx(np.log(10), abs=0.01)
    assert broken(path) == []


@pytest.mark.parametrize(
    "name",
    ["keras/cnn.onnx", "sklearn/logistic.onnx", "gradients/lstm.onnx", "lightgbm/zipmap.onnx",
     "pytorch/batchnorm_torchscript.onnx", "pytorch/branches_dynamo.onnx"],
)  # fmt: skip
def test_the_written_contract_is_kept(name: str, here: Path) -> None:
    path = FIXTURES / name
    assert run("init", path, "--static-only").exit_code == 0
    load(here / "onnxlint.toml")
    assert broken(path, "--static-only") == []


def test_a_changed_release_breaks_it(model: Path, here: Path) -> None:
    assert run("init", "model.onnx", "--static-only").exit_code == 0
    proto = onnx.load(model)
    proto.graph.node[-1].output[0] = "p"
    proto.graph.node.add(op_type="Softmax", input=["p"], output=["y"])
    proto.graph.node[0].name = "/head/Gemm"
    del proto.metadata_props[0]
    model.write_bytes(proto.SerializeToString())
    assert broken(model, "--static-only") == [
        ("CTR003", "2 Softmax nodes (promised 1)"),
        ("CTR004", "layer 'fc' is missing (promised Gemm [4, 3])"),
        ("CTR004", "layer 'head' (Gemm [4, 3]) is new (promised only 1 layer)"),
        ("CTR014", "metadata key 'commit' is missing (required)"),
    ]


def test_several_models_have_a_table_each(model: Path, here: Path) -> None:
    (here / "b [1]").mkdir()
    other = here / "b [1]" / "small*.onnx"
    other.write_bytes(
        Example.parse("a (float[2] x) => (float[2] z) { z = Tanh(x) }")
        .model(here)
        .SerializeToString()
    )
    assert run("init", model, other, "--static-only").exit_code == 0
    tables = contract()["per-model"]
    assert [table["path"] for table in tables] == ["model.onnx", "b [[]1]/small[*].onnx"]
    assert tables[1]["architecture"]["operators"] == {"Tanh": 1}
    for path in (model, other):
        assert broken(path, "--static-only") == []


def test_no_file_is_replaced_without_being_told_so(model: Path, here: Path) -> None:
    (here / "onnxlint.toml").write_text("# mine")
    done = run("init", "model.onnx", "--static-only")
    assert done.exit_code == 2
    assert "exists; --force replaces it" in done.output
    assert (here / "onnxlint.toml").read_text() == "# mine"
    assert run("init", "model.onnx", "--static-only", "--force").exit_code == 0
    assert "architecture" in contract()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gone.onnx"], "no model matches 'gone.onnx'"),
        (["model.onnx", "-o", "model.onnx"], "is not a configuration"),
        (["model.onnx", "-o", "no/such.toml"], "folder 'no' does not exist"),
        (["model.onnx", "-o", "pyproject.toml"], "holds more than a contract"),
        (["model.onnx", "--data", "gone.npz"], "gone.npz"),
        (["text.onnx"], "is not an ONNX model"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    arguments: list[str], told: str, model: Path, here: Path
) -> None:
    (here / "text.onnx").write_text("no model at all")
    before = sorted(here.iterdir())
    done = run("init", *arguments)
    assert done.exit_code != 0
    said = done.output or str(done.exception)
    assert told in said
    assert "Traceback" not in said
    assert sorted(here.iterdir()) == before


def test_it_can_be_printed(model: Path, here: Path) -> None:
    done = run("init", "model.onnx", "--static-only", "-o", "-")
    assert tomllib.loads(done.output)["architecture"]["opset"] == 17
    assert not (here / "onnxlint.toml").exists()


NAMES = [
    'quote"d', "back\\slash", "new\nline", "\x1b[31m", "\u202eltr", "a.b", "[x]", "#", "'''", "é𝕏",
    "x" * 3000, "=", "\x7f",
]  # fmt: skip


def test_hostile_names_are_written_and_found_again(here: Path) -> None:
    proto = Example.parse("a (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }").model(here)
    del proto.graph.input[:], proto.graph.output[:], proto.graph.node[:]
    for name in NAMES:
        proto.graph.input.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [f"{name}s", 2])
        )
        weight = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), f"{name} weight")
        proto.graph.initializer.append(weight)
        proto.graph.node.add(op_type="MatMul", input=[name, weight.name], output=[f"{name} out"])
        proto.graph.output.append(
            onnx.helper.make_tensor_value_info(f"{name} out", onnx.TensorProto.FLOAT, None)
        )
        proto.metadata_props.add(key=name, value=name)
    path = here / "hostile.onnx"
    path.write_bytes(proto.SerializeToString())
    assert run("init", path, "--static-only").exit_code == 0
    text = Path("onnxlint.toml").read_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert [*contract()["inputs"]] == NAMES
    assert broken(path, "--static-only") == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_is_a_key_and_a_string(text: str) -> None:
    written = f"{dotted(text)} = {string(text)}"
    assert tomllib.loads(written) == {text: text}
    assert len(written.splitlines()) == 1


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 9))
def test_rounding_goes_outwards(number: float, digits: int) -> None:
    below, above = rounded_down(number, digits), rounded_up(number, digits)
    assert below <= number <= above
    assert tomllib.loads(f"a = {value([below, above])}")["a"] == [below, above]


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))
def test_widened_bounds_hold_what_was_seen(one: float, other: float) -> None:
    low, high = sorted((one, other))
    lowest, highest = widened((low, high))
    assert lowest <= low <= high <= highest
    assert (lowest >= 0) or low < 0


@given(st.integers(1, 2**45))
def test_a_written_size_is_no_smaller(nbytes: int) -> None:
    assert nbytes <= parse_bytes(size_text(nbytes)) <= nbytes * 1.11 + 1


def test_labels_beside_the_features_are_no_input(model: Path, here: Path) -> None:
    rows = [",".join([*(f"{i + j}.5" for j in range(4)), str(i % 3)]) for i in range(12)]
    (here / "d.csv").write_text("\n".join(["a,b,c,d,label", *rows]))
    done = run("init", "model.onnx", "--data", "d.csv", "--labels", "d.csv:label")
    assert done.exit_code == 0, done.output
    assert contract()["labels"] == "d.csv:label"
    assert [*contract()["inputs"]["x"]["features"]] == ["a", "b", "c", "d"]
    assert broken(model) == []


def test_how_images_are_prepared_is_kept(here: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 255, (6, 5, 5, 3), np.uint8)
    (here / "images").mkdir()
    for number, each in enumerate(pixels):
        image.fromarray(each).save(here / "images" / f"{number}.png")
    text = "a (float[N, 3, 5, 5] x) => (float[N, 3, 5, 5] y) { y = Relu(x) }"
    path = here / "model.onnx"
    path.write_bytes(Example.parse(text).model(here).SerializeToString())
    (here / "onnxlint.toml").write_text("[inputs.x]\nscale = 0.00392\nrange = [5, 6]\n")
    assert run("init", path, "--data", "images", "--force").exit_code == 0
    written = contract()["inputs"]["x"]
    assert written["scale"] == 0.00392
    assert written["range"][0] == 0
    assert written["range"][1] < 1.2
    assert broken(path) == []
