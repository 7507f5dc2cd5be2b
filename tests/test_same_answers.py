"""Reports are the same on one core, and without the compiled passes; same_answers.py tries more."""

from __future__ import annotations

import os

import numpy as np
import pytest
from onnx import numpy_helper
from same_answers import FIXTURES, differences, on_one_core, reports, without_passes

from onnxlint.testing import model_from_text

CHOSEN = (
    "gradients/residual.onnx", "pytorch/inverted_residuals_dynamo.onnx",
    "quantised/dynamic_transformer.onnx", "tensorflow/nan_division.onnx",
)  # fmt: skip

ARGUMENTS = ["--trace", "full"]
"""With the statistics of every value."""

WIDE = f"""wide (float[N, 3, 96, 96] x) => (float[N, 24, 96, 96] y)
<float[24, 3, 3, 3] w = {{{", ".join(["0"] * 648)}}},
 float16[24, 1, 1] steep = {{{", ".join(["300"] * 24)}}}> {{
    c = Conv<pads = [1, 1, 1, 1]>(x, w)
    r = Relu(c)
    half = Cast<to = 10>(r)
    more = Mul(half, steep)
    s = Sigmoid(more)
    y = Cast<to = 1>(s)
}}"""
"""Tensors large enough for several threads, in float32 and float16."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    wide = model_from_text(WIDE)
    weights = np.random.default_rng(0).standard_normal((24, 3, 3, 3), np.float32)
    wide.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
    path = tmp_path_factory.mktemp("wide") / "wide.onnx"
    path.write_bytes(wide.SerializeToString())
    return [*(FIXTURES / name for name in CHOSEN), path]


@pytest.fixture(scope="module")
def usual(models):
    found = reports(models, ARGUMENTS)
    assert all(each["error"] is None for each in found)
    assert sum(bool(each["findings"]) for each in found) > 3
    return found


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(
            on_one_core,
            marks=pytest.mark.skipif(
                not hasattr(os, "sched_setaffinity"), reason="processes cannot be kept to a core"
            ),
        ),
        without_passes,
    ],
)
def test_reports_are_the_same(condition, models, usual):
    with condition() as changed:
        now = reports(models, ARGUMENTS, **changed)
    assert list(differences(usual, now)) == []
