"""Bounds of recurrent layers hold, and their states stay where their activations do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from soundness import Box, Sounding, boxes

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STEPS, BATCH, FEATURES, UNITS = 4, 2, 3, 2

VARIANTS: dict[str, tuple[str, dict]] = {
    "rnn": ("RNN", {}),
    "rnn of relu": ("RNN", {"activations": ["Relu"]}),
    "rnn of two": ("RNN", {"activations": ["Tanh", "Sigmoid"], "direction": "bidirectional"}),
    "rnn clipped": ("RNN", {"activations": ["Relu"], "clip": 2.0}),
    "rnn affine": ("RNN", {"activations": ["Affine"], "activation_alpha": [2.0],
                           "activation_beta": [1.0]}),
    "rnn softsign": ("RNN", {"activations": ["Softsign"], "direction": "reverse"}),
    "gru": ("GRU", {}),
    "gru both ways": ("GRU", {"direction": "bidirectional", "linear_before_reset": 1}),
    "gru of relu": ("GRU", {"activations": ["HardSigmoid", "Relu"]}),
    "lstm": ("LSTM", {}),
    "lstm both ways": ("LSTM", {"direction": "bidirectional"}),
    "lstm clipped": ("LSTM", {"clip": 1.0}),
    "lstm coupled": ("LSTM", {"input_forget": 1}),
    "lstm of relu": ("LSTM", {"activations": ["HardSigmoid", "Relu", "Tanh"]}),
    "lstm of softplus": ("LSTM", {"activations": ["Sigmoid", "Tanh", "Softplus"]}),
}  # fmt: skip


def layer(op: str, attributes: dict, *, starts: bool = True, scale: float = 2.0):
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    rng, gates = np.random.default_rng(3), GATES[op]
    weights = {
        "w": rng.normal(size=(directions, gates * UNITS, FEATURES)) * scale,
        "r": rng.normal(size=(directions, gates * UNITS, UNITS)) * scale,
        "b": rng.normal(size=(directions, 2 * gates * UNITS)),
    }
    state = [directions, BATCH, UNITS]
    inputs = {"x": [STEPS, BATCH, FEATURES]} | ({"h": state} if starts else {})
    if op == "LSTM" and starts:
        inputs["c"] = state
    outputs = ["y", "yh", "yc"][: 2 + (op == "LSTM")]
    node = helper.make_node(op, ["x", "w", "r", "b", "l", *list(inputs)[1:]],
                            outputs, hidden_size=UNITS, **attributes)  # fmt: skip
    tensors = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([STEPS, STEPS - 1], np.int32), "l"))
    graph = helper.make_graph(
        [node], "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs], tensors,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 14)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


@cache
def sounding(name: str) -> Sounding:
    return Sounding(layer(*VARIANTS[name]))


@pytest.mark.parametrize("name", VARIANTS)
@given(x=boxes(-50, 50), h=boxes(-3, 3), c=boxes(-90, 90), seed=st.integers(0, 99))
@settings(max_examples=5, deadline=None)
def test_states_lie_within_their_bounds(name, x, h, c, seed):
    made = sounding(name)
    known = {"x": x, "h": h, "c": c}
    made.check({each.name: known[each.name] for each in made.graph.inputs}, 5, seed)


def bound_of(name: str, output: str, **given_boxes) -> tuple[float, float]:
    op, attributes = VARIANTS[name]
    made = Sounding(layer(op, attributes, starts=bool(given_boxes)))
    ends = {"x": (-50, 50)} | given_boxes
    ranges = made.ranges({n: Box(*map(np.float64, pair)) for n, pair in ends.items()})
    found = ranges.of(made.graph.main.values[output])
    assert not found.nan
    return found.least, found.most


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "lstm both ways", "gru both ways"])
def test_states_stay_within_1(name):
    for output in ("y", "yh"):
        low, high = bound_of(name, output)
        assert (low, high) == pytest.approx((-1, 1), abs=1e-3)


def test_a_cell_grows_by_1_a_step():
    assert bound_of("lstm", "yc") == pytest.approx((-STEPS, STEPS), abs=1e-3)
    low, high = bound_of("lstm", "yc", h=(0, 0), c=(-3, 5))
    assert (low, high) == pytest.approx((-3 - STEPS, 5 + STEPS), abs=1e-3)


def test_what_only_grows_is_not_bounded():
    made = Sounding(layer(*VARIANTS["rnn of relu"], starts=False))
    ranges = made.ranges({"x": Box(np.float64(-1), np.float64(1))})
    assert ranges.of(made.graph.main.values["y"]).infinite


def test_states_of_a_free_input_are_not_free():
    from msgspec.structs import replace

    made = Sounding(layer(*VARIANTS["lstm"], starts=False))
    ranges = made.ranges({"x": Box(np.float64(-3e38), np.float64(3e38))})
    leaves = ranges.main.world.leaves
    leaves["x"] = replace(leaves["x"], free=True)
    found = ranges.of(made.graph.main.values["y"])
    assert found.nan
    assert not found.free
