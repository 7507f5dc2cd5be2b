"""What the fuzzer damages: fixtures, examples of the rules, and a model for each operator."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, defs, helper, numpy_helper

from onnxlint.rules.packs import discover
from onnxlint.testing import Example

ROOT = Path(__file__).parents[2]

NESTED = """<ir_version: 10, opset_import: ["" : 21, "local" : 1]>
net (float[N, 3] x, bool c) => (float[N, 3] y)
<float[3] w = {1, 2, 3}, int64[1] k = {2}, float16[2] h = {1, 2}> {
    t = If(c) <then_branch = yes () => (float[N, 3] a) { a = local.Scaled <alpha = 2.0> (x) },
               else_branch = no () => (float[N, 3] b) { b = Mul(x, w) }>
    y = local.Scaled(t)
}
<domain: "local", opset_import: ["" : 21]>
Scaled <alpha: float = 0.5> (x) => (y) {
    s = Constant <value_float: float = @alpha> ()
    y = Mul(x, s)
}"""
"""Subgraphs, a local function and its attribute."""

LOOPED = """net (float[N, 3] x, int64 count) => (float[N, 3] y, float[M, N, 3] all, int64[K] n) {
    yes = Constant <value = bool {1}> ()
    y, all = Loop(count, yes, x) <body = step (int64 i, bool go, float[N, 3] s)
        => (bool again, float[N, 3] grown, float[N, 3] seen) {
        again = Identity(go)
        grown = Add(s, s)
        seen = Identity(grown)
    }>
    zeros = ConstantOfShape <value = int64[1] {0}> (n0)
    n0 = Shape(x)
    n = Concat <axis = 0> (zeros, n0)
}"""
"""A loop, a shape that is computed, and nodes that are not sorted."""

HEAVY = """net (float[N, 128] x, bool c) => (float[N, 160] y, float[N, 160] z) {
    m = MatMul(x, w)
    y = Relu(m)
    z = If(c) <then_branch = yes () => (float[N, 160] a) { a = MatMul(x, w) },
               else_branch = no () => (float[N, 160] b) { b = Identity(m) }>
}"""
"""Two layers that want a weight."""

_VALUES: dict[Any, Any] = {
    defs.OpSchema.AttrType.INT: 1,
    defs.OpSchema.AttrType.INTS: [1, 1],
    defs.OpSchema.AttrType.FLOAT: 0.5,
    defs.OpSchema.AttrType.FLOATS: [0.5, 2.0],
    defs.OpSchema.AttrType.STRING: "linear",
    defs.OpSchema.AttrType.STRINGS: ["a", "b"],
    defs.OpSchema.AttrType.TENSOR: helper.make_tensor("t", TensorProto.FLOAT, [1], [2.0]),
}


def seeds() -> list[tuple[str, ModelProto]]:
    """Every seed with its name, in an order that does not change."""
    return [*_fixtures(), *_examples(), *_written(), *_operators()]


def _fixtures() -> Iterator[tuple[str, ModelProto]]:
    for path in sorted((ROOT / "fixtures").rglob("*.onnx")):
        yield str(path.relative_to(ROOT)), ModelProto.FromString(path.read_bytes())


def _examples() -> Iterator[tuple[str, ModelProto]]:
    """The examples of our rules; what they write beside the model is not needed here."""
    for rule in sorted(discover().rules, key=lambda rule: rule.code):
        documentation = rule.documentation
        for number, text in enumerate([*documentation.bad, *documentation.good]):
            with tempfile.TemporaryDirectory(prefix="onnxlint-fuzz-") as folder:
                model = Example.parse(text).model(Path(folder))
            if model.ByteSize() <= LARGEST_BYTES:
                yield f"{rule.code}[{number}]", model


LARGEST_BYTES = 200_000
"""Larger examples cost more time than they have ways to break."""


def _written() -> Iterator[tuple[str, ModelProto]]:
    """Ours; each stands several times, for they are few among many."""
    for _ in range(10):
        yield "nested", Example.parse(NESTED).model(ROOT)
        yield "looped", Example.parse(LOOPED).model(ROOT)
        yield "heavy", _heavy()
        yield "outside", _outside()


def _heavy() -> ModelProto:
    """Weights that stay in the file, being large: of a layer, of a branch, and a table's."""
    model = Example.parse(HEAVY).model(ROOT)
    weight = numpy_helper.from_array(np.linspace(-1, 1, 128 * 160, dtype=np.float32), "w")
    weight.dims[:] = [128, 160]
    model.graph.initializer.append(weight)
    for attribute in model.graph.node[-1].attribute:
        attribute.g.initializer.append(weight)
    return model


def _outside() -> ModelProto:
    """Weights in the file that lies beside each mutant."""
    model = _heavy()
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.dims[:] = [16, 64]
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in (("location", "weights.bin"), ("offset", "0"), ("length", "4096")):
            tensor.external_data.add(key=key, value=text)
    return model


def _operators() -> Iterator[tuple[str, ModelProto]]:
    """A node of each operator that onnx knows, with every attribute that it may have."""
    for schema in sorted(defs.get_all_schemas(), key=lambda schema: (schema.domain, schema.name)):
        inputs = [f"x{slot}" for slot in range(min(len(schema.inputs), 6))]
        outputs = [f"y{slot}" for slot in range(max(1, len(schema.outputs)))]
        known = {a.name: _VALUES[a.type] for a in schema.attributes.values() if a.type in _VALUES}
        node = helper.make_node(schema.name, inputs, outputs, "n", domain=schema.domain, **known)
        graph = helper.make_graph(
            [node, helper.make_node("Relu", outputs[:1], ["z"])],
            "net",
            [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["N", 3, 4]) for x in inputs[::2]],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, None) for y in ["z", *outputs]],
            [helper.make_tensor(x, TensorProto.INT64, [2], [1, 2]) for x in inputs[1::2]],
        )
        opsets = {schema.domain: schema.since_version} | {"": defs.onnx_opset_version()}
        imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        yield f"{schema.domain}::{schema.name}", helper.make_model(graph, opset_imports=imports)
