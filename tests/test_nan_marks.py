"""NaN that a model holds is told where it is held; NaN that it gives out on purpose is not told."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from conftest import findings
from onnx import TensorProto, helper

from onnxlint.testing import run_rule
from onnxlint_rules.act.inf_origin import inf_origin
from onnxlint_rules.act.nan_origin import nan_origin
from onnxlint_rules.wgt.nonfinite_weight import nonfinite_weight

NAN_FIRST = '\n>>> model.graph.initializer[0].float_data[0] = float("nan")'
HEAD = "net (float[N, 2] x, bool[N, 2] c) => (float y) <float none = {0}, int64[1] at = {1}, "
HEAD += "float[2, 2] w = {1, 2, 3, 4}>"

MARKS = [
    "y = Where(c, x, none)",
    "y = Where(c, none, x)",
    "h = MatMul(x, w) y = Where(c, h, none)",
    "n = Unsqueeze(none, at0) h = Where(c, x, n) t = Transpose(h) y = Gather <axis = 0> (t, at)",
    "s = Shape(x) n = Expand(none, s) h = Where(c, x, n) y = Concat <axis = 1> (h, x)",
    "p = Constant <value = int64[4] {0, 0, 0, 1}> () y = Pad(x, p, none)",
    "a, y = Split <axis = 1, num_outputs = 2> (h) h = Where(c, x, none)",
]
FAULTS = [
    "y = Add(x, none)",
    "h = Where(c, x, none) y = Softmax(h)",
    "h = Where(c, x, none) y = MatMul(h, w)",
    "h = Where(c, x, none) s = Neg(h) y = Where(c, x, h)",
    "y = Identity(none)",
]


def text(body: str) -> str:
    body = body.replace("at0", "zero")
    head = HEAD.replace("int64[1] at = {1}", "int64[1] at = {1}, int64[1] zero = {0}")
    return f"{head} {{ {body} }}{NAN_FIRST}".replace("float y", "y", 1)


@pytest.mark.parametrize("body", MARKS)
def test_a_mark_that_reaches_an_output_is_wanted(body):
    for rule in (nonfinite_weight, nan_origin):
        assert not findings(rule, text(body))


@pytest.mark.parametrize("body", FAULTS)
def test_nan_that_is_computed_with_is_told_at_the_constant_alone(body):
    assert len(findings(nonfinite_weight, text(body))) == 1
    assert not findings(nan_origin, text(body))


@pytest.mark.parametrize("dtype", [TensorProto.BFLOAT16, TensorProto.FLOAT16])
def test_narrow_constants_hold_nan_and_infinities_already(dtype, tmp_path):
    bits = {
        TensorProto.BFLOAT16: [0x3F80, 0x7FC0, 0x7F80],
        TensorProto.FLOAT16: [1, 0x7E00, 0x7C00],
    }
    raw = np.array(bits[dtype], np.uint16).tobytes()
    held = TensorProto(name="w", data_type=dtype, dims=[3], raw_data=raw)
    nodes = [helper.make_node("Cast", ["w"], ["c"], to=1), helper.make_node("Add", "xc", ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], initializer=[held])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    (found,) = run_rule(nonfinite_weight, tmp_path / "m.onnx").findings
    assert (found.measured, found.place.value) == (2, "w")
    for rule in (nan_origin, inf_origin):
        assert not run_rule(rule, tmp_path / "m.onnx").findings


def test_a_weight_of_many_bytes_holds_it_too(tmp_path):
    weight = np.zeros((2048, 2049), np.float32)
    weight[5, 7] = np.nan
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2048]),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2049])]  # fmt: skip
    held = onnx.numpy_helper.from_array(weight, "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], initializer=[held])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    assert not run_rule(nan_origin, tmp_path / "m.onnx").findings


def test_an_infinite_weight_behind_a_cast_is_a_layers():
    body = "net (float[N, 2] x) => (y) <float16[2, 2] w = {1, 2, 3, 31744}> { %s }"
    used = body % "c = Cast <to = 1> (w) y = MatMul(x, c)"
    masked = body % "c = Cast <to = 1> (w) y = Add(x, c)"
    infinite = "\n>>> model.graph.initializer[0].int32_data[3] = 31744"
    assert len(findings(nonfinite_weight, used + infinite)) == 1
    assert not findings(nonfinite_weight, masked + infinite)


@pytest.mark.parametrize(
    ("steps", "is_weight"),
    [
        ("y = MatMul(x, w)", True),
        ("v = Squeeze(w) y = MatMul(x, v)", True),
        ("v = Dropout(w) y = MatMul(x, v)", True),
        ("v = Exp(w) y = MatMul(x, v)", False),
        ("y = Add(x, w)", False),
    ],
)
def test_infinities_are_a_fault_in_weights_however_they_are_moved(steps, is_weight):
    model = f"""net (float[N, 2] x) => (y) <float[2, 2] w = {{1, 2, 3, 4}}> {{ {steps} }}
    >>> model.graph.initializer[0].float_data[3] = float("inf")"""
    told = [found.message for found in findings(nonfinite_weight, model)]
    assert told == ["1 of 4 elements NaN or infinite"] * is_weight
