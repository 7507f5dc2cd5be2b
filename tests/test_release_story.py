"""A team takes the linter up and ships releases with it: the whole way, by the command itself."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 5
TODAY = datetime.date.today()
ONE_DAY = datetime.timedelta(days=1)


def export(*, layers: int = 3, gain: float = 1.0, softmaxes: int = 1) -> onnx.ModelProto:
    """A classifier of images of 8 x 8 pixels, as an exporter names it.

    `gain` scales the first convolution; of `softmaxes` all but the first are too many.
    """
    rng = np.random.default_rng(7)
    nodes, weights, value, channels = [], [], "image", 1
    for at in range(layers):
        weight = rng.normal(0, (2 / (9 * channels)) ** 0.5, (4, channels, 3, 3))
        weights += [
            tensor(f"features.{at}.weight", weight * (gain if at == 0 else 1)),
            tensor(f"features.{at}.bias", rng.normal(0, 0.1, 4)),
        ]
        nodes += [
            node("Conv", [value, *(tensor.name for tensor in weights[-2:])], f"features/{at}",
                 pads=[1, 1, 1, 1]),
            node("Relu", [f"/features/{at}/Conv_output"], f"features/{at}"),
        ]  # fmt: skip
        value, channels = f"/features/{at}/Relu_output", 4
    weights += [tensor("head.weight", rng.normal(0, 0.5, (4, CLASSES))),
                tensor("head.bias", np.zeros(CLASSES))]  # fmt: skip
    nodes += [
        node("GlobalAveragePool", [value], "pool"),
        node("Flatten", ["/pool/GlobalAveragePool_output"], "pool"),
        node("Gemm", ["/pool/Flatten_output", "head.weight", "head.bias"], "head"),
    ]
    value = "/head/Gemm_output"
    for at in range(softmaxes):
        nodes.append(node("Softmax", [value], f"softmax{at or ''}", axis=-1))
        value = nodes[-1].output[0]
    nodes.append(node("Identity", [value], "out"))
    nodes[-1].output[0] = "scores"
    graph = helper.make_graph(
        nodes, "classifier",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", CLASSES])],
        weights,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                             producer_name="trainer", producer_version="1.0")  # fmt: skip


def tensor(name: str, values: np.ndarray) -> TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def node(op: str, inputs: list[str], module: str, **attributes: Any) -> onnx.NodeProto:
    name = f"/{module}/{op}"
    return helper.make_node(op, inputs, [f"{name}_output"], name=name, **attributes)


def renamed(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model as another exporter names it."""
    outer = {value.name for value in (*model.graph.input, *model.graph.output)}

    def other(name: str) -> str:
        return name if name in outer or not name else "v" + re.sub(r"\W", "_", name)

    for at, each in enumerate(model.graph.node):
        each.name = f"n{at}"
        each.input[:] = map(other, each.input)
        each.output[:] = map(other, each.output)
    for weight in model.graph.initializer:
        weight.name = other(weight.name)
    return model
