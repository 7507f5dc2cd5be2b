"""A transformer encoder with random weights, as the benchmarks run it: pre-norm, masked, GELU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from builder import Builder
from onnx import ModelProto, TensorProto, helper, save_model

LAYERS, WIDTH, HEADS, LENGTH, VOCABULARY = 12, 512, 8, 128, 8000


class _Transformer(Builder):
    def norm(self, x: str) -> str:
        scale, bias = (self.constant(np.full(WIDTH, v, np.float32)) for v in (1, 0))
        return self.op("LayerNormalization", x, scale, bias, axis=-1)

    def heads(self, x: str, permutation: list[int]) -> str:
        split = self.op("Reshape", x, self.shape(0, LENGTH, HEADS, WIDTH // HEADS))
        return self.op("Transpose", split, perm=permutation)

    def attention(self, x: str, mask: str) -> str:
        query, key, value = (self.dense(x, WIDTH, WIDTH) for _ in range(3))
        scores = self.op("MatMul", self.heads(query, [0, 2, 1, 3]), self.heads(key, [0, 2, 3, 1]))
        scale = self.constant(np.float32((WIDTH // HEADS) ** 0.5))
        masked = self.op("Add", self.op("Div", scores, scale), mask)
        mixed = self.op("MatMul", self.op("Softmax", masked, axis=-1),
                        self.heads(value, [0, 2, 1, 3]))  # fmt: skip
        together = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        joined = self.op("Reshape", together, self.shape(0, LENGTH, WIDTH))
        return self.dense(joined, WIDTH, WIDTH)

    def feed_forward(self, x: str) -> str:
        hidden = self.op("Gelu", self.dense(x, WIDTH, 4 * WIDTH))
        return self.dense(hidden, 4 * WIDTH, WIDTH)


def write_transformer(path: Path) -> None:
    """Writes the model, 167 MB, with its weights inside."""
    save_model(_transformer(), path)


def _transformer() -> ModelProto:
    net = _Transformer()
    mask = net.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    turned = net.op("Sub", net.constant(np.float32(1)), mask)
    lowered = net.op("Mul", turned, net.constant(np.float32(-10_000)))
    wide = net.op("Unsqueeze", lowered, net.shape(1, 2))
    x = net.op("Gather", net.matrix(VOCABULARY, WIDTH), "input_ids")
    for _ in range(LAYERS):
        x = net.op("Add", x, net.attention(net.norm(x), wide))
        x = net.op("Add", x, net.feed_forward(net.norm(x)))
    first = net.op("Gather", net.norm(x), net.constant(np.int64(0)), axis=1)
    logits = net.op("Gemm", first, net.matrix(WIDTH, 10))
    dims = ["batch", LENGTH]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, dims)
              for name in ("input_ids", "attention_mask")]  # fmt: skip
    output = helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(net.nodes, "transformer", inputs, [output], net.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
