"""Bounds of normalisations and of softmax hold for what onnxruntime computes."""

from __future__ import annotations

import os
from functools import cache

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from soundness import Box, Sounding, boxes

from onnxlint.testing import model_from_text

EXAMPLES = int(os.environ.get("RANGES_EXAMPLES", "8"))
ROW = "1.0, -2.0, 0.0, 0.5"


def constants(**numbers: str) -> str:
    return " ".join(
        f"{name} = Constant<value = float[{each.count(',') + 1}] {{{each}}}>()"
        for name, each in numbers.items()
    )


PARAMETERS = constants(s=ROW, b="3.0, 0.0, -1.0, 9.0")
CHANNELS = constants(s="1.0, -2.0, 0.5", b="3.0, 0.0, -1.0", m="0.0, 5.0, -1.0", v="1.0, 0.01, 4.0")
BODIES = {
    "softmax": (20, "z = Softmax(x)"),
    "softmax over channels": (20, "z = Softmax<axis = 1>(x)"),
    "softmax, flattening": (11, "z = Softmax(x)"),
    "softmax, flattening the last": (11, "z = Softmax<axis = -1>(x)"),
    "log-softmax": (20, "z = LogSoftmax(x)"),
    "log-softmax, flattening": (11, "z = LogSoftmax<axis = 1>(x)"),
    "layer": (20, PARAMETERS + " z, q, r = LayerNormalization(x, s, b)"),
    "layer without bias": (20, PARAMETERS + " z = LayerNormalization<epsilon = 0.1>(x, s)"),
    "layer without epsilon": (20, PARAMETERS + " z = LayerNormalization<epsilon = 0.0>(x, s)"),
    "rms": (23, PARAMETERS + " z = RMSNormalization(x, s)"),
    "rms, tiny epsilon": (23, PARAMETERS + " z = RMSNormalization<epsilon = 1e-30>(x, s)"),
    "skip": (20, PARAMETERS + " z, q, r, t = com.microsoft.SkipLayerNormalization(x, x, s, b)"),
    "skip rms": (
        20,
        PARAMETERS + " z, q, r, t = com.microsoft.SkipSimplifiedLayerNormalization(x, x, s, b)",
    ),
    "instance": (20, CHANNELS + " z = InstanceNormalization(x, s, b)"),
    "group": (21, CHANNELS + " z = GroupNormalization<num_groups = 3>(x, s, b)"),
    "one group": (21, CHANNELS + " z = GroupNormalization<num_groups = 1>(x, s, b)"),
    "group, old": (18, CHANNELS + " z = GroupNormalization<num_groups = 3>(x, s, b)"),
    "batch": (20, CHANNELS + " z = BatchNormalization(x, s, b, m, v)"),
    "batch, training": (
        20,
        CHANNELS + " z, q, r = BatchNormalization<training_mode = 1>(x, s, b, m, v)",
    ),
    "moments": (13, "z = MeanVarianceNormalization<axes = [2]>(x)"),
    "unit": (20, "z = LpNormalization(x)"),
    "unit, by sums": (20, "z = LpNormalization<axis = 1, p = 1>(x)"),
    "local": (20, "y = Unsqueeze(x, a) z = LRN<size = 3, alpha = 0.5>(y)"),
    "local, none": (20, "y = Unsqueeze(x, a) z = LRN<size = 3, alpha = 9.0, bias = 0.001>(y)"),
}
HALF_OR = {"float": np.float32, "float16": np.float16, "double": np.float64}
NO_HALVES = {"unit", "unit, by sums", "moments", "local", "local, none", "batch, training"}
NO_DOUBLES = {
    "skip",
    "instance",
    "local",
    "local, none",
    "moments",
    "rms, tiny epsilon",
    "skip rms",
}


@cache
def sounding(name: str, dtype: str) -> Sounding:
    opset, body = BODIES[name]
    head = f'<ir_version: 10, opset_import: ["" : {opset}, "com.microsoft" : 1]>'
    axis = "a = Constant<value = int64[1] {3}>() " if "Unsqueeze" in body else ""
    model = model_from_text(f"{head} m ({dtype}[2, 3, 4] x) => ({dtype} z) {{ {axis}{body} }}")
    for node in model.graph.node:  # the text has no halves
        for tensor in (a.t for a in node.attribute if a.HasField("t") and a.t.data_type == 1):
            numbers = onnx.numpy_helper.to_array(tensor).astype(HALF_OR[dtype])
            tensor.CopyFrom(onnx.numpy_helper.from_array(numbers))
    return Sounding(model)


CASES = [
    (name, dtype)
    for name in BODIES
    for dtype in ("float", "float16", "double")
    if not (dtype == "float16" and name in NO_HALVES)
    and not (dtype == "double" and name in NO_DOUBLES)
]


UNDER_ONE_PEAK = {peak: Box(np.zeros(4), np.array([0.0, 0.0, 0.0, peak])) for peak in (8, 36, 1000)}
"""What the powers of the others add to that of the peak is rounded, or lost."""
FAR_APART = Box(*[np.array([-10.42439, 1.65034, -1.4345376, -81.22454])] * 2)
"""Distances of which float32 rounds 4e-6 off, and so of each power."""


@pytest.mark.parametrize(("name", "dtype"), CASES)
@given(
    x=st.one_of(
        boxes(size=4), boxes(), boxes(-1e4, 1e4), boxes(-(2.0**100), 2.0**100),
        boxes(0, 2.0**-100), boxes(4096, 4097, size=4),
    ),
    seed=st.integers(0, 99),
)  # fmt: skip
@example(x=UNDER_ONE_PEAK[8], seed=0)
@example(x=UNDER_ONE_PEAK[36], seed=0)
@example(x=UNDER_ONE_PEAK[1000], seed=0)
@example(x=FAR_APART, seed=0)
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_boxes(name, dtype, x, seed):
    most = 65504 if dtype == "float16" else np.inf
    x = Box(np.clip(x.low, -most, most), np.clip(x.high, -most, most))
    sounding(name, dtype).check({"x": x}, seed=seed, points=5)


@pytest.mark.parametrize("norm", ["L1", "L2", "MAX"])
@given(x=st.one_of(boxes(size=4), boxes(-1e4, 1e4), boxes(0, 2.0**-100)), seed=st.integers(0, 99))
@settings(max_examples=EXAMPLES, deadline=None)
def test_of_rows(norm, x, seed):
    head = '<ir_version: 8, opset_import: ["" : 15, "ai.onnx.ml" : 3]>'
    body = f'z = ai.onnx.ml.Normalizer<norm = "{norm}">(x)'
    model = Sounding(f"{head} m (float[B, 4] x) => (float[B, 4] z) {{ {body} }}")
    model.check({"x": x}, seed=seed, points=5)


@pytest.mark.parametrize("name", ["layer", "rms", "skip", "softmax", "log-softmax", "group"])
def test_of_rows_with_one_element_that_differs(name):
    model = sounding(name, "float")
    ranges = model.ranges({"x": Box(np.float64(0), np.float64(1000))})
    feed = np.zeros((2, 3, 4), np.float32)
    feed[..., 1] = 1000
    model.check_run(ranges, {"x": feed})


def bound(name: str, low, high):
    model = sounding(name, "float")
    ranges = model.check({"x": Box(np.array(low, float), np.array(high, float))})
    return ranges.of(model.graph.main.values["z"])


def test_softmax_knows_gaps():
    found = bound("softmax", [0, 0, 0, 5], [0, 0, 0, 6])
    assert found.low.shape[-1] == 4
    assert 0.97 < found.low.ravel()[-1] < 0.981 and 0.9926 < found.most < 0.9928


def test_softmax_adds_up():
    model = Sounding(
        '<ir_version: 8, opset_import: ["" : 11]> m (float[B, 4] x) => (float z)'
        "{ p = Softmax(x) z = ReduceSum<axes = [1]>(p) y = ReduceMax<axes = [1]>(p) }"
    )
    ranges = model.check({"x": Box(np.float64(-50), np.float64(50))})
    values = model.graph.main.values
    assert 0.9999 < ranges.of(values["z"]).least <= 1 <= ranges.of(values["z"]).most < 1.0001
    assert 0.2499 < ranges.of(values["y"]).least <= 0.25


def test_layer_normalisation_is_bounded_by_the_number_of_elements():
    found = bound("layer without bias", -1e3, 1e3)
    assert 3.46 < found.most < 3.48 and found.is_finite
    assert bound("layer without epsilon", -1e3, 1e3).nan


def test_batch_normalisation_is_exact_for_each_channel():
    found = bound("batch", -1, 1)
    assert np.allclose(found.high.ravel(), [4, 119.94, -0.5], rtol=1e-2)
    assert np.allclose(found.low.ravel(), [2, 79.96, -1], rtol=1e-2)
