"""What weights prove of a value holds for every input, and is as narrow as it can be told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from onnxlint.analyses import Analyses
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators import OUTPUT_RANGES
from onnxlint.safety.limits import Budget
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity
from onnxlint.testing import Example, model_from_text, run_rule, saved
from onnxlint_rules.act.dead_relu import dead_relu

CONSTANTS = """
    float[4, 3] w = {1, -2, 0, 3, 1, 0, -1, -1, 0, 0.5, 2, 0}, float[3] b = {1, -9, -1},
    float[3, 2, 3, 3] k = {1, 0, -1, 2, 0, -2, 1, 0, -1, 0, 1, 0, 1, 1, 1, 0, 1, 0,
                           1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1,
                           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    float[3] gain = {2, -1, 0.5}, float[3] mean = {0.5, -1, 0}, float[3] var = {1, 4, 0.25},
    float two = {2}, float low = {-0.5}, float[3] three = {1, 2, -4}, int64[1] last = {-1}
"""

DENSE = [
    "s = Sigmoid(x) y = MatMul(s, w)",
    "s = Tanh(x) y = Gemm<alpha = 0.5, beta = 2.0>(s, w, b)",
    "s = Softmax(x) m = MatMul(s, w) a = Add(m, b) y = Sub(three, a)",
    "s = Relu(x) m = Gemm(s, w, b) n = Neg(m) y = Mul(n, three)",
    "s = Sin(x) p = Pow(s, two) m = MatMul(p, w) y = Div(m, three)",
    "s = Clip(x, low, two) m = MatMul(s, w) c = Concat<axis = 1>(m, m) y = Abs(c)",
    "s = Mul(x, x) n = Neg(s) e = Exp(n) t = Tanh(e) y = Gemm(t, w, b)",
    "s = Sigmoid(x) r = ReduceMax<keepdims = 1>(s, last) q = Mul(r, x) y = Relu(q)",
    "s = Sign(x) m = MatMul(s, w) y = Mul(m, three)",
    "h = Hardmax(x) m = Gemm(h, w, b) y = Sub(three, m)",
    "r = ReduceL1<keepdims = 1>(x, last) n = Neg(r) y = Add(n, three)",
]
IMAGES = [
    "s = Sigmoid(x) c = Conv<pads = [1, 1, 1, 1]>(s, k, b) y = Identity(c)",
    "s = Tanh(x) c = Conv(s, k) n = BatchNormalization(c, gain, b, mean, var) y = Relu(n)",
    "s = Clip(x, low, two) c = Conv<strides = [2, 2]>(s, k, b)"
    " y = AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1]>(c)",
    "s = Sigmoid(x) c = Conv(s, k, b) t = Transpose<perm = [0, 2, 3, 1]>(c) y = Mul(t, three)",
]


@contextmanager
def bounds_in(text: str, folder: Path, **settings: object) -> Iterator[tuple[Graph, Ranges]]:
    """The model's graph, and what is proven in it."""
    path = folder / "model.onnx"
    path.write_bytes(model_from_text(text).SerializeToString())
    with open_model(str(path)) as model:
        analyses = Analyses(model, Settings(**settings), Budget(60, None))
        yield analyses.get(Graph), analyses.get(Ranges)
        analyses.close()


@pytest.mark.parametrize(
    ("body", "dims"), [*((b, (4,)) for b in DENSE), *((b, (2, 6, 6)) for b in IMAGES)]
)
def test_no_input_gives_what_lies_outside(body, dims, tmp_path):
    axes = ", ".join(map(str, dims))
    outputs = ", ".join("ABCD"[: len(dims)])
    text = f"net (float[N, {axes}] x) => (float[N, {outputs}] y) <{CONSTANTS}> {{ {body} }}"
    with bounds_in(text, tmp_path) as (graph, bounds):
        found = bounds.of(graph.outputs[0])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    for scale in (0.01, 1, 100):
        (y,) = session.run(None, {"x": rng.normal(0, scale, (64, *dims)).astype(np.float32)})
        assert (y >= found.low - 1e-5).all()
        assert (y <= found.high + 1e-5).all()


@pytest.mark.parametrize("op", sorted(OUTPUT_RANGES))
def test_a_range_that_is_known_of_an_operator_holds(op):
    model = model_from_text(f"m (float[N, 16] x) => (float[N, K] y) {{ y = {op}(x) }}")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    fed = np.random.default_rng(0).normal(scale=30, size=(50, 16)).astype(np.float32)
    (given,) = session.run(None, {"x": np.abs(fed) if op == "Sqrt" else fed})
    low, high = OUTPUT_RANGES[op]
    assert low - 1e-6 <= given.min() and given.max() <= high + 1e-6  # a Tanh rounds past its end


def test_channels_are_told_apart(tmp_path):
    text = f"net (float[N, 4] x) => (float[N, 3] y) <{CONSTANTS}>"
    with bounds_in(text + "{ s = Sigmoid(x) y = Gemm(s, w, b) }", tmp_path) as (graph, bounds):
        found = bounds.of(graph.outputs[0])
    assert found.low.reshape(-1) == pytest.approx([0, -12, -1], abs=1e-4)
    assert found.high.reshape(-1) == pytest.approx([5.5, -6, -1], abs=1e-4)


@pytest.mark.parametrize(
    ("source", "contract", "high"),
    [
        ("uint8", None, 255), ("bool", None, 1), ("float", None, np.finfo(np.float32).max),
        ("float", InputContract(range=(0, 2)), 2),
    ],
)  # fmt: skip
def test_what_the_input_is_declared_to_be_bounds_it(source, contract, high, tmp_path):
    text = f"net ({source}[N] x) => (float[N] y) {{ y = Cast<to = 1>(x) }}"
    inputs = {"x": contract} if contract else {}
    with bounds_in(text, tmp_path, inputs=inputs) as (graph, bounds):
        assert bounds.of(graph.outputs[0]).most == pytest.approx(high)


SINKING = "float[3, 2] w = {1, 1, 1, 1, 1, 1}, float[2] b = {-99, -99}"


@pytest.mark.parametrize(
    ("inputs", "constants", "body", "severity"),
    [
        ("float[N, 3] x", SINKING, "s = Softmax(x) h = Gemm(s, w, b)", Severity.WARNING),
        ("uint8[N, 3] x", SINKING.replace("-99", "-999"),
         "f = Cast<to = 1>(x) h = Gemm(f, w, b)", Severity.WARNING),
        ("float[N, 3] x", SINKING.replace("{1, 1, 1, 1, 1, 1}", "{0, 0, 0, 0, 0, 0}"),
         "h = Gemm(x, w, b)", Severity.WARNING),
        ("float[N, 3] x", SINKING, "s = Mul(x, x) h = Neg(s)", Severity.WARNING),
        ("float[N, 3] x", SINKING, "h = Gemm(x, w, b)", Severity.INFO),
        ("float[N, 3] x", SINKING, "s = Relu(x) h = Gemm(s, w, b)", Severity.INFO),
        ("float[N, 3] x", SINKING.replace("-99", "-0.5"), "s = Sigmoid(x) h = Gemm(s, w, b)", None),
    ],
)  # fmt: skip
def test_only_what_holds_for_every_input_is_a_warning_on_noise(inputs, constants, body, severity):
    text = f"net ({inputs}) => (float[N, M] y) <{constants}> {{ {body} y = Relu(h) }}"
    with saved(Example.parse(text)) as path:
        found = run_rule(dead_relu, path).findings
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_on_the_users_data_a_dead_layer_is_a_warning(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.ones((5, 3), np.float32))
    text = f"net (float[N, 3] x) => (float[N, 2] y) <{SINKING}> {{ h = Gemm(x, w, b) y = Relu(h) }}"
    with saved(Example.parse(text)) as path:
        (found,) = run_rule(dead_relu, path, settings=Settings(data=tmp_path / "data.npz")).findings
    assert found.severity is Severity.WARNING
    assert "all 5 samples" in found.message


@pytest.mark.parametrize(
    ("body", "least"),
    [
        ("s = Sigmoid(x) y = Sub(s, two)", 1.0),
        ("s = Sigmoid(x) y = Add(s, two)", 2.0),
        ("s = Tanh(x) y = Mul(s, three)", 0.0),
        ("y = Relu(x)", 0.0),
    ],
)
def test_the_least_rms_is_what_no_input_undercuts(body, least, tmp_path):
    constants = "float[2] three = {1, -3}, float two = {2}"
    text = f"net (float[N, 2] x) => (float[N, 2] y) <{constants}> {{ {body} }}"
    with bounds_in(text, tmp_path) as (graph, bounds):
        assert bounds.of(graph.outputs[0]).least_rms == pytest.approx(least, abs=1e-5)
