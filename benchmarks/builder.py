"""Nodes and random weights of the models that the benchmarks make."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper


class Builder:
    """Nodes and weights in their order."""

    def __init__(self) -> None:
        self.nodes: list[object] = []
        self.weights: list[TensorProto] = []
        self._random = np.random.default_rng(0)

    def op(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, *dims: int, summed: int, gain: float = 1.0) -> str:
        """Random weights of a layer that adds up so many products."""
        scale = np.float32((gain / summed) ** 0.5)
        return self.constant(self._random.standard_normal(dims, np.float32) * scale)

    def matrix(self, rows: int, columns: int, gain: float = 1.0) -> str:
        return self.weight(rows, columns, summed=rows, gain=gain)

    def shape(self, *dims: int) -> str:
        return self.constant(np.array(dims, np.int64))

    def zeros(self, *dims: int) -> str:
        return self.constant(np.zeros(dims, np.float32))

    def dense(self, x: str, rows: int, columns: int, gain: float = 1.0) -> str:
        product = self.op("MatMul", x, self.matrix(rows, columns, gain))
        return self.op("Add", product, self.zeros(columns))

    def conv(self, x: str, channels: int, filters: int, kernel: int = 3, stride: int = 1) -> str:
        """A convolution whose output is as large as its input, or a stride-th part."""
        weight = self.weight(filters, channels, kernel, kernel, summed=channels * kernel**2,
                             gain=2.0)  # fmt: skip
        return self.op("Conv", x, weight, self.zeros(filters), kernel_shape=[kernel] * 2,
                       strides=[stride] * 2, pads=[kernel // 2] * 4)  # fmt: skip

    def model(self, name: str, dims: list[int | str], outputs: dict[str, list[int | str]],
              ) -> ModelProto:  # fmt: skip
        """The model of one input `x` and these outputs, of floats."""
        read, *made = (
            helper.make_tensor_value_info(value, TensorProto.FLOAT, sizes)
            for value, sizes in {"x": dims, **outputs}.items()
        )
        graph = helper.make_graph(self.nodes, name, [read], made, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
