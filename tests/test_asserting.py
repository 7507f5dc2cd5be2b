"""Assertions about models, and models as tests of pytest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND

from onnxlint.asserting import OnnxModel, assert_clean
from onnxlint.cli.main import cli
from onnxlint.report import ModelReport
from onnxlint.testing import model_from_text

pytest_plugins = ["pytester"]

NET = """net (float[N, 3] x) => (float[N, 2] y)
<float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2, 2] v = {1, 0, 0, 1}>
{
    h = MatMul(x, w)
    r = Relu(h)
    s = MatMul(r, v)
    y = Softmax(s)
}"""
NAN = "net (float[N, 2] x) => (float[N, 2] y) {a = Abs(x) b = Neg(a) c = Sqrt(b) y = Neg(c)}"
DEAD = """net (float[N, 3] x) => (float[N, 2] y)
<float[3, 2] w = {1, 1, 1, 1, 1, 1}, float[2] b = {-99, 9}> {h = Gemm(x, w, b) y = Relu(h)}"""
SHIFTED = """net (float[N, 2] x) => (float[N, 2] y)
<float[2, 2] w = {0.7, 0.3, -0.3, 0.7}, float[2] b = {50, 60}>
{a = Gemm(x, w, b) h = Relu(a) y = MatMul(h, w)}"""
NOISY = "net (float[N, 4] x) => (float[N, 4] y) {n = RandomNormalLike(x) y = Add(x, n)}"
COUPLED = "net (float[batch, 4] x) => (float[batch, 4] y) {y = Softmax <axis = 0> (x)}"
UNSURE = "net (float[N, 4] x) => (float[N, 4] y) <float k = {0.001}> {s = Mul(x, k) y = Softmax(s)}"
FIXED = """net (float[N, 3] x) => (float[N, 2] y)
<float[3, 2] w = {1, 2, 3, 4, 5, 6.5}, float[2, 2] v = {1, 0, 0, 1}>
{h = MatMul(x, w) r = Relu(h) s = MatMul(r, v) y = Softmax(s)}"""
RECURRENT = """net (float[T, N, 3] x) => (float[T, 1, N, 2] y)
<float[1, 8, 3] w, float[1, 8, 2] r> {y, h, c = LSTM <hidden_size = 2> (x, w, r)}"""


@pytest.fixture
def model(write_model):
    def make(text: str, **given) -> OnnxModel:
        return OnnxModel(write_model(text), **given)

    return make


HOLDS = {
    "layers": (NET, lambda m: m.assert_layers(["MatMul", "MatMul"])),
    "layers by name": (NET, lambda m: m.assert_layers({"w": "MatMul", "v": "MatMul"})),
    "operators": (NET, lambda m: m.assert_operators({"Softmax": 1, "Dropout": 0})),
    "parameters": (NET, lambda m: m.assert_parameters(10)),
    "parameters between": (NET, lambda m: m.assert_parameters((5, 10))),
    "inputs": (NET, lambda m: m.assert_inputs("x")),
    "outputs": (NET, lambda m: m.assert_outputs("y")),
    "input": (NET, lambda m: m.assert_input("x", dtype="float32", shape=("N", 3))),
    "any size": (NET, lambda m: m.assert_input("x", shape=("*", "*"))),
    "output": (NET, lambda m: m.assert_output("y", dtype="float32", range=(0, 1))),
    "entropy": (UNSURE, lambda m: m.assert_initial_entropy()),
    "finite": (NET, lambda m: m.assert_finite()),
    "normalised": (NET, lambda m: m.assert_layer_inputs_normalised()),
    "units": (NET, lambda m: m.assert_no_dead_units()),
    "deterministic": (NET, lambda m: m.assert_deterministic()),
    "batch": (NET, lambda m: m.assert_batch_independent()),
    "clean": (NET, lambda m: m.assert_clean()),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_passes(name, model):
    text, assertion = HOLDS[name]
    assertion(model(text))


BROKEN = {
    "layers": (NET, lambda m: m.assert_layers(["Conv"]),
               "layers: observed ['MatMul', 'MatMul'], expected ['Conv']"),
    "their order": (NET, lambda m: m.assert_layers({"v": "MatMul", "w": "MatMul"}),
                    "order of layers: observed ['w', 'v'], expected ['v', 'w']"),
    "operators": (NET, lambda m: m.assert_operators({"Softmax": 2}),
                  "operators: observed {'Softmax': 1}, expected {'Softmax': 2}"),
    "parameters": (NET, lambda m: m.assert_parameters(11),
                   "trainable parameters: observed 10, expected 11"),
    "inputs": (NET, lambda m: m.assert_inputs("x", "mask"),
               "inputs: observed ['x'], expected ['x', 'mask']"),
    "dtype": (NET, lambda m: m.assert_input("x", dtype="float16"),
              "dtype of input 'x': observed float32, expected float16"),
    "shape": (NET, lambda m: m.assert_output("y", shape=("N", 3)),
              "shape of output 'y': observed ['N', 2], expected ['N', 3]"),
    "no such input": (NET, lambda m: m.assert_input("image", dtype="float32"),
                      "input 'image': observed only 'x', expected 'image'"),
    "no data": (NET, lambda m: m.assert_input("x", range=(0, 1)), "cannot be judged: "),
    "range": (NET, lambda m: m.assert_output("y", range=(0, 0.5)), "range of output 'y': observed"),
    "entropy": (NET, lambda m: m.assert_initial_entropy(),
                "mean entropy of output 'y' in nats: observed"),
    "no classes": (DEAD, lambda m: m.assert_initial_entropy(), "no output is recognised"),
    "finite": (NAN, lambda m: m.assert_finite(), "NaN and 0 infinite, expected none"),
    "normalised": (SHIFTED, lambda m: m.assert_layer_inputs_normalised(),
                   "ACT010 unnormalised-layer-input: "),
    "units": (DEAD, lambda m: m.assert_no_dead_units(), "ACT003 dead-relu: "),
    "units of what": (COUPLED, lambda m: m.assert_no_dead_units(), "the model has no Relu"),
    "deterministic": (NOISY, lambda m: m.assert_deterministic(), "RUN004 nondeterministic: "),
    "batch": (COUPLED, lambda m: m.assert_batch_independent(), "RUN005 batch-coupling: "),
    "clean": (FLAWED, lambda m: m.assert_clean(), "ARC001 repeated-softmax: "),
    "broken": (SOUND, lambda m: OnnxModel(m.path / "none").assert_finite(), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_hold_says_what_was_seen(name, model):
    text, assertion, message = BROKEN[name]
    with pytest.raises(AssertionError, match=re.escape(message)):
        assertion(model(text))


def test_the_data_of_an_input_has_a_range(model, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3))
    model(NET, data=tmp_path / "x.npz").assert_input("x", range=(0, 1))
    with pytest.raises(AssertionError, match="range of input 'x': observed 0 to 1, expected 0 to"):
        model(NET, data=tmp_path / "x.npz").assert_input("x", range=(0, 0.9))


def test_a_model_is_close_to_a_reference(write_model):
    other = OnnxModel(write_model(FIXED, "other.onnx"))
    other.assert_close_to(write_model(FIXED, "same.onnx"))
    with pytest.raises(AssertionError, match="CMP002 reference-divergence"):
        other.assert_close_to(write_model(NET))


def test_recurrent_layers_are_layers(write_model, tmp_path):
    model = model_from_text(RECURRENT)
    for tensor in model.graph.initializer:
        tensor.float_data[:] = [0.1] * int(np.prod(tensor.dims))
    path = tmp_path / "rnn.onnx"
    path.write_bytes(model.SerializeToString())
    OnnxModel(path).assert_layers({"w": "LSTM"})


def test_an_assertion_that_runs_no_rule_fails(write_model):
    with pytest.raises(AssertionError, match="no rule ran"):
        assert_clean(write_model(SOUND), select=["RUN"], ignore=["RUN"])


def test_the_fixture_makes_a_model_under_test(onnx_model, write_model):
    onnx_model(write_model(SOUND)).assert_operators({"MatMul": 1})


def _models(pytester, **texts: str) -> None:
    folder = pytester.mkdir("models")
    for name, text in texts.items():
        (folder / f"{name}.onnx").write_bytes(model_from_text(text).SerializeToString())


def test_pytest_lints_models(pytester):
    _models(pytester, sound=SOUND, flawed=FLAWED)
    Path("models", "broken.onnx").write_bytes(b"\x00")
    result = pytester.runpytest_subprocess("--onnxlint", "models")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*cannot lint*", "*ARC001*softmax*", "*1 error*"])
    assert "Traceback" not in result.stdout.str()
    result = pytester.runpytest_inprocess("--onnxlint", "-k", "sound", "models")
    result.assert_outcomes(passed=1, deselected=2)


def test_pytest_keeps_reports_as_the_command_does(pytester, monkeypatch):
    _models(pytester, flawed=FLAWED)
    monkeypatch.setenv("ONNXLINT_NO_CACHE", "0")
    monkeypatch.setenv("ONNXLINT_CACHE_DIR", str(pytester.path / "kept"))
    pytester.runpytest_subprocess("--onnxlint", "models").assert_outcomes(failed=1)
    monkeypatch.setattr("onnxlint.pipeline.lint_model", _never)
    known = CliRunner().invoke(cli, ["models/flawed.onnx", "-f", "json"])
    assert json.loads(known.stdout)["models"][0]["error"] is None
    same = pytester.runpytest_inprocess("--onnxlint", "models")
    same.stdout.fnmatch_lines(["*ARC001*softmax*"])
    monkeypatch.setenv("ONNXLINT_NO_CACHE", "1")
    again = pytester.runpytest_inprocess("--onnxlint", "models")
    again.stdout.fnmatch_lines(["*was linted again*"])
    monkeypatch.setenv("ONNXLINT_NO_CACHE", "no")
    monkeypatch.setenv("ONNXLINT_CACHE_DIR", str(pytester.path / "models" / "flawed.onnx"))
    refused = pytester.runpytest_inprocess("--onnxlint", "models")
    refused.stdout.fnmatch_lines(["*flawed.onnx' is not a directory; name another, or set *=1"])


def _never(job, **_) -> ModelReport:
    return ModelReport(job.path, error="was linted again")


def test_pytest_lints_models_as_the_configuration_says(pytester):
    _models(pytester, flawed=FLAWED)
    pytester.makeini("[pytest]\nonnxlint_models = models")
    pytester.path.joinpath("onnxlint.toml").write_text('fail-on = "info"\nselect = ["INT009"]')
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INT009*"])
    pytester.path.joinpath("onnxlint.toml").write_text("selct = []")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["*onnxlint.toml: *selct*"])
    assert "Traceback" not in result.stdout.str()


def test_pytest_leaves_models_alone_unless_asked(pytester):
    _models(pytester, flawed=FLAWED)
    pytester.runpytest_inprocess("models").assert_outcomes()
