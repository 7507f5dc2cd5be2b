"""Bounds of attention, packed weights and layers on codes hold for what onnxruntime computes."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from soundness import Box, Sounding, boxes

EXAMPLES = int(os.environ.get("ONNXLINT_EXAMPLES", "6"))
RNG = np.random.default_rng(0)
TWO = (1, 3, 16)
FEW = RNG.integers(-2, 3, (16, 48)).astype(np.float32)
KERNEL = RNG.integers(-128, 127, (2, 16, 1)).astype(np.int8)
STEP = np.float32(0.05)
CODES: dict[str, Any] = {"s": STEP, "u": np.uint8(120), "i": np.int8(-4)}

MODELS: dict[str, tuple[str, list[str], dict[str, Any], dict[str, Any]]] = {
    "of heads": ("com.microsoft::MultiHeadAttention", ["x", "x", "y"], {"num_heads": 2}, {}),
    "of heads, with a bias": (
        "com.microsoft::MultiHeadAttention", ["x", "y", "y", "b"],
        {"num_heads": 2, "unidirectional": 1}, {"b": FEW[0]},
    ),
    "with projections": (
        "com.microsoft::Attention", ["x", "w", "b"], {"num_heads": 2}, {"w": FEW, "b": FEW[0]},
    ),
    "of groups": (
        "com.microsoft::GroupQueryAttention", ["x", "y", "y", "", "", "l", "t"],
        {"num_heads": 2, "kv_num_heads": 2},
        {"l": np.array([2], np.int32), "t": np.array(3, np.int32)},
    ),
    "of onnx": ("Attention", ["x", "x", "y"],
                {"q_num_heads": 2, "kv_num_heads": 2, "is_causal": 1}, {}),
    "rotary": (
        "com.microsoft::RotaryEmbedding", ["x", "p", "c", "s"], {"num_heads": 2},
        {"p": np.array([[0, 1, 2]], np.int64), "c": np.cos(FEW[:5, :4]), "s": np.sin(FEW[:5, :4])},
    ),
    "packed": (
        "com.microsoft::MatMulNBits", ["x", "B", "s", "o"],
        {"K": 16, "N": 3, "bits": 4, "block_size": 16},
        {"B": RNG.integers(0, 256, (3, 1, 8)).astype(np.uint8),
         "s": np.array([0.5, -1, 2], np.float32), "o": np.array([7, 3, 15], np.uint8)},
    ),
    "packed, of eight bits": (
        "com.microsoft::MatMulNBits", ["x", "B", "s"],
        {"K": 16, "N": 3, "bits": 4, "block_size": 16, "accuracy_level": 4},
        {"B": RNG.integers(0, 256, (3, 1, 8)).astype(np.uint8),
         "s": np.array([0.5, -1, 2], np.float32)},
    ),
    "fused": (
        "com.microsoft::FusedConv", ["x", "w"],
        {"activation": "LeakyRelu", "activation_params": [0.1], "kernel_shape": [2],
         "pads": [1, 0]},
        {"w": FEW[:2, :6].reshape(2, 3, 2)},
    ),
}  # fmt: skip


@cache
def sounding(name: str) -> Sounding:
    op, inputs, attributes, constants = MODELS[name]
    domain, _, kind = op.rpartition("::")
    node = helper.make_node(kind, inputs, ["z"], domain=domain, **attributes)
    return built([node], constants)


def built(nodes: list[Any], constants: dict[str, Any]) -> Sounding:
    given_ = [helper.make_tensor_value_info(each, TensorProto.FLOAT, TWO) for each in "xy"]
    graph = helper.make_graph(
        nodes, "m", given_, [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(array), each) for each, array in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("com.microsoft", 1)]
    return Sounding(helper.make_model(graph, opset_imports=opsets, ir_version=10))


@pytest.mark.parametrize("name", MODELS)
@given(x=boxes(size=16), y=boxes(size=16), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_floats(name, x, y, seed):
    sounding(name).check({"x": x, "y": y}, seed=seed, points=4)


LAYERS: dict[str, tuple[str, list[str], dict[str, Any], dict[str, Any]]] = {
    "convolution": (
        "QLinearConv", ["q", "s", "u", "w", "v", "j", "t", "u", "b"], {"pads": [1, 0]},
        {"w": np.tile(KERNEL, (1, 1, 2))[:, :3], "v": np.array([0.01, 0.5], np.float32),
         "j": np.zeros(2, np.int8), "b": np.array([100, -3000], np.int32)},
    ),
    "integers": ("ConvInteger", ["q", "w", "u"], {}, {"w": np.tile(KERNEL, (1, 1, 2))[:, :3]}),
    "gemm": (
        "com.microsoft::QGemm", ["f", "s", "u", "w", "v", "i", "b", "t", "u"], {"transB": 1},
        {"w": KERNEL[..., 0], "v": STEP, "b": np.array([100, -3000], np.int32)},
    ),
    "to floats": (
        "com.microsoft::MatMulIntegerToFloat", ["q", "w", "s", "v", "u", "i", "b"], {},
        {"w": KERNEL[..., 0].T.copy(), "v": STEP, "b": np.array([1, -3], np.float32)},
    ),
    "pool": ("com.microsoft::QLinearGlobalAveragePool", ["q", "s", "u", "t", "u"], {}, {}),
    "softmax": (
        "com.microsoft::QLinearSoftmax", ["q", "s", "u", "t", "u"], {"opset": 13, "axis": -1}, {},
    ),
    "concat": ("com.microsoft::QLinearConcat", ["t", "u", "q", "s", "u", "q", "s", "u"],
               {"axis": 1}, {}),
}  # fmt: skip


@cache
def on_codes(name: str) -> Sounding:
    op, inputs, attributes, constants = LAYERS[name]
    domain, _, kind = op.rpartition("::")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "u"], ["q"]),
        helper.make_node("Reshape", ["q", "r"], ["f"]),
        helper.make_node(kind, inputs, ["c"], domain=domain, **attributes),
    ]
    if kind in ("MatMulIntegerToFloat", "ConvInteger"):
        nodes.append(helper.make_node("Cast", ["c"], ["z"], to=1))
    else:
        nodes.append(helper.make_node("DequantizeLinear", ["c", "t", "u"], ["z"]))
    extra = {"t": np.float32(0.2), "r": np.array([3, 16], np.int64)}
    return built(nodes, {**CODES, **extra, **constants})


@pytest.mark.parametrize("name", LAYERS)
@given(x=boxes(size=16), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_codes(name, x, seed):
    unit = Box(np.float64(0), np.float64(1))
    on_codes(name).check({"x": x, "y": unit}, seed=seed, points=4)


def test_attention_stays_among_the_rows_of_its_values():
    y = Box(np.arange(16.0), np.arange(16.0) + 1)
    model = sounding("of heads")
    found = model.ranges({"x": Box(np.float64(-1), np.float64(1)), "y": y})
    bound = found.of(model.graph.main.values["z"])
    assert not bound.nan
    assert bound.high.reshape(-1) == pytest.approx(np.arange(16.0) + 1, rel=1e-3)
