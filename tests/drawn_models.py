"""Models of the kinds that are drawn, made on the spot: names as exporters give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

Dims = Sequence[int | str]


class Net:
    """A graph in the making; a node's output is called as the node."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def add(self, op: str, name: str, *inputs: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, *dims: int) -> str:
        size = (2 / max(1, np.prod(dims[1:]))) ** 0.5
        values = np.random.default_rng(len(self.weights)).normal(size=dims) * size
        self.weights.append(numpy_helper.from_array(values.astype("f4"), name))
        return name

    def conv(self, name: str, read: str, outputs: int, inputs: int, size: int = 3) -> str:
        weight = self.weight(f"{name}.weight", outputs, inputs, size, size)
        return self.add("Conv", f"/{name}/Conv", read, weight, pads=[size // 2] * 4)

    def graph(self, inputs: dict[str, Dims], outputs: dict[str, Dims]) -> GraphProto:
        return helper.make_graph(
            self.nodes, "net", [port(*each) for each in inputs.items()],
            [port(*each) for each in outputs.items()], self.weights,
        )  # fmt: skip

    def model(self, inputs: dict[str, Dims], outputs: dict[str, Dims]) -> ModelProto:
        return model(self.graph(inputs, outputs))


def port(name: str, dims: Dims | None = None, dtype: int = TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def model(graph: GraphProto, functions=(), **opsets: int) -> ModelProto:
    imports = [
        helper.make_opsetid("", 17),
        *(helper.make_opsetid(*each) for each in opsets.items()),
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions)


def resnet(stages: Sequence[int] = (3, 4, 6, 3)) -> ModelProto:
    """Bottleneck blocks of convolutions, as PyTorch names them."""
    net, width = Net(), 4
    at = net.add("Relu", "/relu/Relu", net.conv("conv1", "image", width, 3, 7))
    for stage, blocks in enumerate(stages, 1):
        for block in range(blocks):
            name = f"layer{stage}/layer{stage}.{block}"
            inner = at
            for number in (1, 2, 3):
                inner = net.conv(f"{name}/conv{number}", inner, width, width, 1)
                if number < 3:
                    suffix = f"_{number - 1}" * (number > 1)
                    inner = net.add("Relu", f"/{name}/relu/Relu{suffix}", inner)
            at = net.add("Add", f"/{name}/Add", inner, at)
            at = net.add("Relu", f"/{name}/relu/Relu_2", at)
    pooled = net.add("Flatten", "/Flatten", net.add("GlobalAveragePool", "/avgpool/Pool", at))
    head = net.add("Gemm", "/fc/Gemm", pooled, net.weight("fc.weight", width, 10))
    return net.model({"image": ["N", 3, 16, 16]}, {head: ["N", 10]})


def unet_with_its_mistake() -> ModelProto:
    """The second convolution of the encoder reads the image: the first one leads nowhere."""
    net = Net()
    net.conv("enc1/conv1", "image", 8, 1)
    first = net.add("Relu", "/enc1/act/Relu", net.conv("enc1/conv2", "image", 8, 1))
    low = net.add("AveragePool", "/pool/Pool", first, kernel_shape=[2, 2], strides=[2, 2])
    low = net.add("Relu", "/enc2/act/Relu", net.conv("enc2/conv", low, 16, 8))
    net.weights.append(numpy_helper.from_array(np.array([1, 1, 2, 2], "f4"), "scales"))
    up = net.add("Resize", "/dec/up/Resize", low, "", "scales", mode="nearest")
    both = net.add("Concat", "/dec/Concat", up, first, axis=1)
    out = net.add("Sigmoid", "/head/Sigmoid", net.conv("dec/conv", both, 1, 24))
    return net.model({"image": ["N", 1, 16, 16]}, {out: ["N", 1, 16, 16]})


def recurrent() -> ModelProto:
    """An LSTM, a Loop that reads its result from outside, and an If; one function is called."""
    net = Net()
    w, r = net.weight("w", 1, 16, 4), net.weight("r", 1, 16, 4)
    net.nodes.append(helper.make_node("LSTM", ["x", w, r], ["all", "last"], name="lstm",
                                      hidden_size=4))  # fmt: skip
    body = Net()
    body.nodes.append(helper.make_node("Identity", ["go"], ["go_on"], name="keep"))
    body.add("Add", "state_out", "state", "last")
    scope = helper.make_graph(
        body.nodes, "body",
        [port("i", [], TensorProto.INT64), port("go", [], TensorProto.BOOL), port("state")],
        [port("go_on", [], TensorProto.BOOL), port("state_out")],
    )  # fmt: skip
    net.add("Loop", "looped", "trips", "", "last", body=scope)
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(op, ["looped"], [f"{name}_out"], name=f"{name}_{op}")], name, [],
            [port(f"{name}_out")])
        for name, op in (("then", "Exp"), ("else", "Tanh"))
    }  # fmt: skip
    net.add("If", "chosen", "is_hot", **branches)
    net.add("Twice", "doubled", "chosen", domain="own")
    inner = [helper.make_node("Add", ["a", "a"], ["b"], name="sum")]
    twice = helper.make_function("own", "Twice", ["a"], ["b"], inner, [helper.make_opsetid("", 17)])
    graph = net.graph({"x": [5, "N", 4]}, {"doubled": [1, "N", 4]})
    graph.input.extend([port("trips", [], TensorProto.INT64), port("is_hot", [], TensorProto.BOOL)])
    return model(graph, [twice], own=1)


def decoder(layers: int = 12) -> ModelProto:
    """A decoder whose layers read and write keys and values of a cache."""
    net, at = Net(), "tokens"
    inputs: dict[str, Dims] = {"tokens": ["N", "T", 8]}
    outputs: dict[str, Dims] = {}
    for layer in range(layers):
        name, read = f"/model/layers.{layer}", {}
        for kind in ("key", "value"):
            held, new = f"past_key_values.{layer}.{kind}", f"present.{layer}.{kind}"
            own = net.add(
                "MatMul", f"{name}/attn/{kind}/MatMul", at, net.weight(f"{layer}{kind}", 8, 8)
            )
            net.nodes.append(helper.make_node("Concat", [held, own], [new], axis=1,
                                              name=f"{name}/attn/{kind}/Concat"))  # fmt: skip
            inputs[held], outputs[new] = ["N", "P", 8], ["N", "Q", 8]
            read[kind] = new
        turned = net.add("Transpose", f"{name}/attn/Transpose", read["key"], perm=[0, 2, 1])
        scores = net.add("Softmax", f"{name}/attn/Softmax",
                         net.add("MatMul", f"{name}/attn/MatMul", at, turned))  # fmt: skip
        mixed = net.add("MatMul", f"{name}/attn/MatMul_1", scores, read["value"])
        at = net.add("Add", f"{name}/Add", at, mixed)
    return net.model(inputs, {at: ["N", "T", 8], **outputs})


def long(count: int = 10_000) -> ModelProto:
    """A graph without modules: blocks that repeat, and a long part of no order."""
    net, made = Net(), ["x"]
    turns = np.random.default_rng(0).integers(0, 5, count)
    ops = ("Relu", "Sigmoid", "Tanh", "Abs", "Neg")
    for at in range(count):
        if at % 9 == 8:
            made.append(net.add("Add", f"n{at}", made[-1], made[-6]))
        else:
            op = ops[turns[at] if at > count // 2 else at % 9 % 5]
            made.append(net.add(op, f"n{at}", made[-1]))
    return net.model({"x": ["N", 8]}, {made[-1]: ["N", 8]})


def named(names: Sequence[str]) -> ModelProto:
    """A chain of nodes with these names, which are those of their modules too."""
    net, at = Net(), "x"
    for number, name in enumerate(names):
        net.nodes.append(helper.make_node("Relu", [at], [f"v{number}"], name=f"/{name}/{name}/Relu",
                                          domain=""))  # fmt: skip
        net.nodes.append(helper.make_node(name[:50] or "Op", [f"v{number}"], [f"w{number}{name}"],
                                          name=f"/{name}/Odd", domain="odd"))  # fmt: skip
        at = f"w{number}{name}"
    return model(net.graph({"x": ["N", 8]}, {at: ["N", 8]}), odd=1)
