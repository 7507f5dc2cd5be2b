"""`onnxlint inspect`: what each layer reads past glue, and a table that fits the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from onnxlint.cli.main import cli
from onnxlint.inspection.columns import COLUMNS, layouts
from onnxlint.inspection.fitting import TIMES, cut_apart, cut_dims, cut_lists, cut_types, width_of
from onnxlint.inspection.inspected import Inspected
from onnxlint.inspection.looking import look
from onnxlint.inspection.table import summary
from onnxlint.settings import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures"
LSTM, TRANSFORMER = FIXTURES / "gradients/lstm.onnx", FIXTURES / "gradients/transformer_pre.onnx"
CNN, QUANTISED = FIXTURES / "pytorch/cnn_torchscript.onnx", FIXTURES / "quantised/qdq_u8s8.onnx"
DIGITS, HELD_OUT = FIXTURES / "digits/mlp.onnx", FIXTURES / "digits/held_out.npz"
HEAD = '<ir_version: 9, opset_import: ["" : 17, "my" : 1]>\n'


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "-f", "json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def static(path: Path | str) -> Inspected:
    return look(str(path), Settings(), static_only=True)


def drawn(model: Inspected, width: int | None, *, unfolds: bool = False) -> list[str]:
    return [str(line) for line in summary(model, model.layers, width=width, unfolds=unfolds)]


def reads(model: Inspected, op: str) -> list[list[str]]:
    """What each layer of an operator reads, sizes in brackets."""
    return [
        [f"[{each.name}]" if each.size_only else each.name for each in layer.inputs]
        for layer in model.layers if layer.op == op
    ]  # fmt: skip


# Glue


def test_glue_of_an_lstm_is_folded_and_its_source_told():
    model = static(LSTM)
    shown = [layer for layer in model.layers if not layer.is_glue]
    assert len(model.layers) == 44
    assert {layer.op for layer in shown} == {
        "Gather", "Gemm", "LSTM", "Reshape", "Squeeze", "Transpose",
    }  # fmt: skip
    assert reads(model, "LSTM")[0] == ["/0/layer/Transpose_output_0", "[x]"]
    text = "\n".join(drawn(model, None))
    assert "31 nodes folded that only compute sizes or prepare constants (--all shows them)" in text
    assert "ConstantOfShape" not in text
    assert sum(" ConstantOfShape " in line for line in drawn(model, None, unfolds=True)) == 3


def test_unfolded_layers_show_what_they_read_themselves():
    model = static(LSTM)
    fill = next(layer for layer in model.layers if layer.op == "ConstantOfShape")
    lstm = next(layer for layer in model.layers if layer.op == "LSTM")
    assert fill.number in {each.layer for each in lstm.reads}
    assert not {each.layer for each in lstm.inputs} & {
        layer.number for layer in model.layers if layer.is_glue
    }


def test_every_input_refers_to_the_layer_that_gives_it():
    for path in (LSTM, TRANSFORMER, CNN, QUANTISED):
        model = static(path)
        for layer in model.layers:
            for each in (*layer.inputs, *layer.reads):
                if each.layer is not None:
                    assert each.name in model.layers[each.layer].outputs


def test_prepared_weights_belong_to_the_layer():
    model = static(QUANTISED)
    convolutions = [layer for layer in model.layers if layer.op == "Conv"]
    assert [layer.parameters for layer in convolutions] == [80, 584]
    assert [[each.dims for each in layer.weights] for layer in convolutions] == [
        [(8, 1, 3, 3), (8,)], [(8, 8, 3, 3), (8,)],
    ]  # fmt: skip
    assert sum(layer.parameters for layer in model.layers if layer.is_glue) == 0


MIXED = (
    HEAD
    + """net (float[N, C, H, W] x, float[N, C, P, Q] skip, int64[N, T] ids)
  => (float[A, B, D, E] y, float[N, T, 4] z, int64[4] size)
<float[9, 4] table = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8,
  9, 1, 2, 3, 4, 5, 6, 7, 8, 9}, float[1] half = {0.5}, int64 one = {1}, int64 zero = {0},
  float[4, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7}> {
    size = Shape(skip)
    of_skip = Shape(skip)
    y = Resize(x, , , of_skip)
    of_ids = Shape(ids)
    length = Gather(of_ids, one)
    steps = Range(zero, length, one)
    positions = Gather(table, steps)
    words = Gather(table, ids)
    summed = Add(words, positions)
    turned = Transpose(w)
    z = MatMul(summed, turned)
}"""
)


def test_sizes_of_another_value_are_told(write_model):
    model = static(write_model(MIXED))
    assert reads(model, "Resize") == [["x", "[skip]"]]
    assert reads(model, "MatMul") == [["summed"]]
    assert [layer.output for layer in model.layers if layer.is_glue] == [
        "of_skip", "of_ids", "length", "steps", "turned",
    ]  # fmt: skip


def test_embedding_of_positions_and_outputs_of_the_model_are_no_glue(write_model):
    model = static(write_model(MIXED))
    by_output = {layer.output: layer for layer in model.layers}
    assert not by_output["positions"].is_glue
    assert reads(model, "Gather")[1:] == [["[ids]"], ["ids"]]
    assert reads(model, "Add") == [["words", "positions"]]
    assert not by_output["size"].is_glue
    assert [each.dims for each in by_output["z"].weights] == [(4, 4)]


def test_nothing_is_glue_in_a_model_without_inputs(write_model):
    model = static(
        write_model(HEAD + "net () => (float[2] y) <float[2] w = {1, 2}> { h = Neg(w) y = Abs(h) }")
    )
    assert [layer.is_glue for layer in model.layers] == [False, False]


INSIDE = (
    HEAD
    + """net (float[N, 4] x, bool[1] c) => (float[N, 4] y) <float[4] w = {1, 2, 3, 4}> {
    ["/a/b/Split"] one, two = my.halves(x)
    h = If(c) <
        then_branch = t () => (float[N, 4] p) { s = Shape(x) r = Reshape(one, s) p = Mul(r, w) },
        else_branch = e () => (float[N, 4] q) { q = Identity(two) }
    >
    y = Add(h, two)
}
<domain: "my", opset_import: ["": 17]> halves (a) => (m, n) { m = Relu(a) n = Neg(a) }"""
)


def test_subgraphs_and_functions(write_model):
    model = static(write_model(INSIDE))
    by_op = {layer.op: layer for layer in model.layers}
    assert by_op["Relu"].scope == "function:my::halves"
    assert [(each.name, each.layer) for each in by_op["Relu"].inputs] == [("a", None)]
    assert by_op["Shape"].is_glue
    assert [each.name for each in by_op["Reshape"].inputs] == ["one", "x"]
    number = by_op["my::halves"].number
    assert [each.layer for each in by_op["Add"].inputs] == [by_op["If"].number, number]
    narrow = "\n".join(drawn(model, 60))
    assert f"#{by_op['If'].number}, #{number}:1" in narrow
    assert "not shown in 60 columns" in narrow


# Inputs and outputs


def test_inputs_and_outputs_of_the_model(write_model):
    seen = document(write_model(MIXED), "--static-only")
    assert seen["inputs"][0] == {
        "name": "x", "type": "float[N, C, H, W]", "dtype": "float", "dims": ["N", "C", "H", "W"],
        "layer": None,
    }  # fmt: skip
    assert seen["inputs"][2]["dtype"] == "int64"
    assert [each["name"] for each in seen["outputs"]] == ["y", "z", "size"]
    assert seen["layers"][seen["outputs"][1]["layer"]]["op"] == "MatMul"
    lines = drawn(static(write_model(MIXED)), None)
    assert lines[1].split() == ["Input", "x", "float[N,", "C,", "H,", "W]"]
    assert lines[5].startswith("Output  z     float[N, T, 4]")


# The command


def test_data_is_that_of_check():
    seen = document(DIGITS, "--data", HELD_OUT, "--labels", f"{HELD_OUT}:labels", "--samples", 20)
    assert seen["samples"] == 20
    assert seen["data"] == f"data {HELD_OUT}"
    with np.load(HELD_OUT) as held_out:
        pixels = held_out["pixels"][:20]
    centred = next(layer for layer in seen["layers"] if layer["op"] == "Sub")
    assert centred["maximum"] == pytest.approx(pixels.max() / 8 - 1)
    assert "Observed on 20 samples: data" in run(DIGITS, "--data", HELD_OUT, "--samples", 20).stdout


def test_data_and_inputs_of_the_configuration_hold(tmp_path, monkeypatch, write_model):
    monkeypatch.chdir(tmp_path)
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "images").mkdir()
    image.new("RGB", (6, 4), (255, 0, 0)).save(tmp_path / "images/a.png")
    (tmp_path / "onnxlint.toml").write_text(
        'data = "images"\n[inputs.x]\nsize = [4, 4]\nscale = 0.1\nlayout = "NCHW"\n'
    )
    text = "net (float[1, 3, 4, 4] x) => (float[1, 3, 4, 4] y) { y = Abs(x) }"
    seen = document(write_model(HEAD + text))
    assert seen["layers"][0]["maximum"] == pytest.approx(25.5)


def test_a_configuration_beside_the_model_names_no_code(tmp_path, monkeypatch, write_model):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    model = Path(write_model(HEAD + "net (float[2] x) => (float[2] y) { y = Abs(x) }"))
    model.rename(theirs / "model.onnx")
    (theirs / "onnxlint.toml").write_text('data = "os:getcwd"\nseed = 3\n')
    monkeypatch.chdir(ours)
    assert document(theirs / "model.onnx")["data"] == "synthetic inputs (seed 0)"
    told = "lies with the model and is not trusted; ignored: data, seed (--trust-config"
    assert told in run(theirs / "model.onnx").stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "nowhere.npz"], "--data 'nowhere.npz' does not exist; check the path"),
        (["--data", str(HELD_OUT.parent / "few.onnx")], "unsupported data format"),
        (["--labels", str(HELD_OUT)], "--labels requires --data"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--module", "hiden"], "no layer matches --module 'hiden'; did you mean 'hidden'?"),
        (["--node", "/Rel"], "no layer matches --node '/Rel'; did you mean '/Relu'?"),
        (["--memory-limit", "much"], "much"),
    ],
)
def test_mistakes_are_told(arguments, told):
    done = CliRunner().invoke(cli, ["inspect", str(DIGITS), *arguments])
    assert done.exit_code != 0
    assert told in done.stderr + str(done.exception)
    assert done.stdout == ""


def test_globs_choose_layers():
    seen = document(DIGITS, "--static-only", "--module", "h*", "--module", "scores")
    assert [layer["module"] for layer in seen["layers"]] == ["hidden", "scores"]
    assert [layer["number"] for layer in seen["layers"]] == [4, 6]
    shown = run(DIGITS, "--static-only", "--node", "/hidden/*").stdout
    assert shown.endswith("\n2,080 parameters in the layers shown\n")
    assert "Softmax" not in shown


def test_the_command_prints_the_whole_table_where_there_is_no_terminal():
    shown = run(TRANSFORMER, "--static-only").stdout.splitlines()
    assert shown[5].split() == [
        "#", "Module", "Operator", "Inputs", "Output", "Shape", "Weights", "Parameters", "MACs",
        "Memory",
    ]  # fmt: skip
    assert "…" not in "".join(shown)
    assert any(re.search(r"1\.branch\.joint +MatMul +layer_norm +val_6 ", line) for line in shown)


# Widths


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("path", [LSTM, TRANSFORMER, CNN, QUANTISED], ids=lambda path: path.stem)
def test_table_fits_and_tells_modules_apart(path, width):
    model = static(path)
    lines = drawn(model, width)
    assert max(map(width_of, lines)) <= width
    shown = [layer for layer in model.layers if not layer.is_glue]
    start = next(place for place, line in enumerate(lines) if " Module " in line)
    begin, end = lines[start].index("Module"), lines[start].index("Operator")
    rows = [line[begin:end].rstrip() for line in lines[start + 1 : start + 1 + len(shown)]]
    meant: dict[str, str] = {}
    for layer, cell in zip(shown, rows, strict=True):
        assert meant.setdefault(cell, layer.title) == layer.title
    for heading in ("Operator", "Inputs", "Shape"):
        assert f" {heading}" in lines[start]


def test_columns_give_way_one_after_the_other():
    widest, *_, narrowest = layouts()
    assert widest == (COLUMNS, ())
    assert [column.heading for column in narrowest[0]] == ["#", "Module", "Operator", "Inputs"]
    model = static(TRANSFORMER)
    headings = [next(line for line in drawn(model, width) if "Module" in line).split()
                for width in range(200, 40, -10)]  # fmt: skip
    assert [len(each) for each in headings] == sorted(map(len, headings), reverse=True)


MODULES = [
    f"encoder.layers.{layer}.{part}.{name}"
    for layer in range(12) for part in ("self_attn", "cross_attn", "mlp.inner")
    for name in ("q_proj", "k_proj", "v_proj", "out_proj", "dropout")
]  # fmt: skip


@pytest.mark.parametrize("width", [12, 16, 20, 28])
def test_modules_stay_different(width):
    cuts = cut_apart(MODULES, width)
    assert len(set(cuts.values())) == len(MODULES)
    assert max(map(len, cuts.values())) <= width


def test_names_in_the_middle_go_first():
    cuts = cut_apart([*MODULES, "head"], 22)
    assert cuts["encoder.layers.7.mlp.inner.q_proj"].endswith("q_proj")
    assert "7" in cuts["encoder.layers.7.mlp.inner.q_proj"]
    assert cuts["head"] == "head"
    (only,) = cut_apart(["encoder.layers.0.self_attn.q_proj"], 24).values()
    assert only == "encoder…0…q_proj" or only.startswith("encoder…0.self")


@pytest.mark.parametrize(
    ("cutter", "text", "width", "expected"),
    [
        (cut_types, "float[batch_size, 3]", 20, "float[batch_size, 3]"),
        (cut_types, "float[batch_size, 3]", 18, "float[batch_s…, 3]"),
        (cut_types, "float[batch_size, 3]", 15, "float[batc…, 3]"),
        (cut_dims, "batch*floor(height/2 + 1)*768", 20, "batch*floor(h…*768"),
        (cut_dims, "1*224*224*3", 7, "1*…24*3"),
        (cut_lists, "#1, #2, #3, #14", 12, "#1, #2, +2"),
        (cut_lists, "size of attention_mask", 9, "si…n_mask"),
        (cut_lists, "attention_mask, #4", 12, "at…_mask, +1"),
    ],
)
def test_cuts(cutter, text, width, expected):
    text, expected = text.replace("*", TIMES), expected.replace("*", TIMES)
    assert cutter([text], width)[text] == expected


@given(st.lists(st.text(max_size=40), unique=True, max_size=8), st.integers(4, 30))
def test_cuts_fit(texts, width):
    for cutter in (cut_apart, cut_types, cut_dims):
        for text, short in cutter(texts, width).items():
            assert width_of(short) <= width, (text, cutter)


def test_hostile_names_reach_no_terminal(tmp_path, write_model):
    path = write_model(
        HEAD + "net (float[N, 4] x) => (float[N, 4] y) { h = Relu(x) y = Add(h, x) }"
    )
    model = onnx.load(path)
    evil = "\x1b[31m::error::\u202e[red]" + "/" * 300 + "層" * 50 + "\n##[error]\r" + "z" * 10_000
    model.graph.node[0].name = evil
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = evil
    model.graph.input[0].name = evil + "."
    model.graph.node[0].input[0] = model.graph.node[1].input[1] = evil + "."
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = evil
    onnx.save(model, path)
    seen = static(path)
    for width in (60, 80, 120, None):
        lines = drawn(seen, width)
        assert all(line.isprintable() for line in lines)
        assert not any(line.startswith("::") or "##[" in line for line in lines)
        if width is not None:  # but for the path of the model, which is one word
            assert max(map(width_of, lines[1:])) <= width
