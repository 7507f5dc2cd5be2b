"""`onnxlint inspect MODEL NAME`: one node or value, its statistics and its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.cli.main import cli
from onnxlint.inspection.slices import SliceError, parse

FIXTURES = Path(__file__).parents[1] / "fixtures"
CNN = FIXTURES / "pytorch/cnn_dynamo.onnx"
DIGITS, HELD_OUT = FIXTURES / "digits/mlp.onnx", FIXTURES / "digits/held_out.npz"
HEAD = '<ir_version: 9, opset_import: ["" : 17, "my" : 1]>\n'


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# One node


def test_a_node_with_its_neighbours_and_source():
    shown = run(CNN, "#1", "--static-only").stdout.splitlines()
    assert shown[0] == "#1  Relu  node_relu"
    assert shown[1].endswith("conv2d  float[batch, 8, 12, 12]  from #0 Conv node_conv2d")
    assert shown[2] == "Output 0  relu  float[batch, 8, 12, 12]  from #1 Relu node_relu"
    assert shown[3] == "  read by #2 MaxPool node_max_pool2d"
    assert "Source nets.py:34" in shown
    assert shown[-1] == '  File "nets.py", line 34, in forward'


def test_names_and_numbers_name_the_same_node():
    by_number = document(CNN, "#1", "--static-only")
    assert document(CNN, "node_relu", "--static-only") == by_number
    assert by_number["layer"]["number"] == 1
    assert document(CNN, "relu", "--static-only")["layer"] is None


def test_attributes_and_constants():
    found = document(CNN, "#0", "--static-only")
    assert found["attributes"]["pads"] == "[1, 1, 1, 1]"
    weight = found["inputs"][1]
    (stored,) = (each for each in onnx.load(CNN).graph.initializer if each.name == weight["name"])
    array = onnx.numpy_helper.to_array(stored)
    assert weight["origin"] == "initializer"
    assert weight["observed"]["maximum"] == array.max()
    assert weight["observed"]["rms"] == pytest.approx(np.sqrt(np.square(array).mean()))
    assert sum(each["negative"] for each in weight["powers"]) == (array < 0).sum()


INSIDE = (
    HEAD
    + """net (float[N, 4] x, bool c) => (float[N, 4] y) <float[4] w = {1, 2, 3, 4}> {
    h = If(c) <
        then_branch = t () => (float[N, 4] p) { r = Relu(x) p = Mul(r, w) },
        else_branch = e () => (float[N, 4] q) { q = Identity(x) }
    >
    s = Shape(x)
    u = Abs(h)
    v = Clip(u, , )
    y = Reshape(v, s)
}"""
)


def test_values_inside_and_integers_have_statistics(write_model):
    path = write_model(INSIDE)
    inner = document(path, "r", "--samples", 8)
    assert inner["outputs"][0]["scope"]
    assert inner["outputs"][0]["origin"] == "node"
    sizes = document(path, "s")["outputs"][0]["observed"]
    assert sizes["maximum"] >= 4
    assert sizes["elements"] == 2


def test_omitted_inputs_and_subgraphs_are_told(write_model):
    path = write_model(INSIDE)
    assert "Input 1   omitted" in run(path, "#6", "--static-only").stdout
    assert document(path, "h", "--static-only")["outputs"][0]["producer"]["op"] == "If"
    number = document(path, "h", "--static-only")["outputs"][0]["producer"]["layer"]
    told = document(path, f"#{number}", "--static-only")["attributes"]["then_branch"]
    assert told == "graph of 2 nodes"


def test_not_finite_elements_are_counted(write_model):
    text = "net (float[N, 3] x) => (float[N, 3] y) <float z = {0}> { h = Mul(x, z) y = Div(x, h) }"
    shown = run(write_model(HEAD + text), "y").stdout
    assert " Inf " in shown
    assert "read by the outputs of the graph" in shown


def test_bounds_are_shown_where_asked_for():
    assert "  bound 0 … " in run(CNN, "#1", "--bounds", "--static-only").stdout


# Numbers


def test_numbers_are_those_of_the_data():
    found = document(DIGITS, "pixels", "--data", HELD_OUT, "--slice", "0,:5", "--samples", 4)
    with np.load(HELD_OUT) as data:
        first = data["pixels"][0, :5]
    assert np.fromstring(found["numbers"].strip("[]"), sep=",") == pytest.approx(first)


def test_dumped_numbers_are_those_of_onnxruntime(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    names = [each.name for each in onnx.load(DIGITS).graph.output]
    target = tmp_path / "out.npy"
    done = run(DIGITS, names[0], "--data", HELD_OUT, "--samples", 4, "--dump", target)
    assert done.exit_code == 0, done.stderr
    dumped = np.load(target)
    with np.load(HELD_OUT) as data:
        pixels = data["pixels"][: len(dumped)].astype(np.float32)
    (expected,) = runtime.InferenceSession(DIGITS).run(names[:1], {"pixels": pixels})
    np.testing.assert_allclose(dumped, expected, rtol=1e-5)


def test_a_node_of_several_outputs_is_dumped_whole(tmp_path, write_model):
    text = "net (float[2, 4] x) => (float[2, 2] a, float[2, 2] b) { a, b = Split <axis = 1> (x) }"
    path = write_model('<ir_version: 9, opset_import: ["" : 13]>\n' + text)
    done = run(path, "#0", "--dump", tmp_path / "both.npz")
    assert done.exit_code == 0, done.stderr
    with np.load(tmp_path / "both.npz") as both:
        assert {name: array.shape for name, array in both.items()} == {
            "output0": (2, 2), "output1": (2, 2),
        }  # fmt: skip
    refused = run(path, "#0", "--dump", tmp_path / "both.npy")
    assert (refused.exit_code, (tmp_path / "both.npy").exists()) == (2, False)
    assert "the node has 2 outputs; use .npz" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["node_rel"], "no node or value is called 'node_rel'; did you mean 'node_relu'?"),
        (["#99"], "no node is #99; the last one is #"),
        (["relu", "--slice", "0,0,0,0,0"], "--slice does not fit a value of"),
        (["relu", "--slice", "a"], "--slice: 'a' is no whole number"),
        (["conv1.weight", "--slice", "9", "--static-only"], "--slice does not fit a value of 8"),
        (["relu", "--slice", "0", "--static-only"], "'relu' is computed; leave out --static-only"),
        (["relu", "--dump", "a.csv"], "the suffix must be .npy or .npz"),
        (["relu", "--dump", "nowhere/a.npy"], "the folder does not exist"),
        (["--slice", "0"], "--slice shows one node or value; name it after the model"),
        (["relu", "--find", "dead"], "--find chooses among layers; leave it out, or 'relu'"),
    ],
)  # fmt: skip
def test_mistakes_are_told(arguments, told):
    done = run(CNN, *arguments)
    assert done.exit_code != 0
    assert told in done.stderr
    assert done.stdout == ""


def test_several_nodes_of_a_name_are_told_by_number(write_model):
    named = INSIDE.replace("u = ", '["twice"] u = ').replace("v = ", '["twice"] v = ')
    done = run(write_model(named), "twice", "--static-only")
    assert "2 nodes are called 'twice'; give a number: #" in done.stderr


def test_too_many_numbers_are_refused(write_model):
    text = "net (float[200, 100] x) => (float[200, 100] y) { y = Abs(x) }"
    done = run(write_model(HEAD + text), "y", "--slice", "...")
    assert "--slice chooses 20,000 elements (limit 10,000); choose fewer, or" in done.stderr


# Slices


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,:,3", (0, slice(None, None), 3)),
        ("-1", (-1,)),
        ("..., 1:5:2", (..., slice(1, 5, 2))),
        ("::-1", (slice(None, None, -1),)),
    ],
)
def test_slices(text, expected):
    assert parse(text) == expected


@given(st.text(alphabet="0123456789:,.-+ a", max_size=12))
def test_any_slice_works_or_is_refused(text):
    try:
        index = parse(text)
    except SliceError as error:
        assert str(error)
        return
    if len(index) <= 2 and all(not isinstance(each, int) for each in index):
        assert np.zeros((2, 3))[index].ndim == 2


def test_hostile_names_reach_no_terminal(tmp_path):
    model = onnx.load(CNN)
    node = model.graph.node[1]
    node.name = "\x1b[31m::error::\u202e\n##[error]"
    node.metadata_props.add(key="\x1b[2J", value="a\n::error::b")
    onnx.save(model, tmp_path / "evil.onnx")
    for name in ("#1", "\x1b[31m", node.name):
        done = run(tmp_path / "evil.onnx", name, "--static-only")
        lines = (done.stdout + done.stderr).splitlines()
        assert all(line.isprintable() and not line.startswith("::") for line in lines)


def test_numbers_of_a_model_that_cannot_be_run(tmp_path):
    model = onnx.load(CNN)
    (first, *_) = model.graph.initializer
    first.ClearField("raw_data")
    first.data_location = onnx.TensorProto.EXTERNAL
    first.external_data.add(key="location", value="missing.bin")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    told = run(path, "relu", "--slice", "0")
    assert told.exit_code != 0
    assert told.stderr.startswith("Error: the model was not run: external data 'missing.bin'")
