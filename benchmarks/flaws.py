"""Flaws to put into sound models: where each can be, and which rules should see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
CHANNELS_SECOND = ("Conv", "ConvTranspose", "BatchNormalization")
LARGE = 1e4

Change = Callable[["Specimen", str], object]


class Specimen:
    """A model that gets one flaw: its values, and the means to change it."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self.weights = {weight.name: weight for weight in self.graph.initializer}
        self.inputs = [i.name for i in self.graph.input if i.name not in self.weights]
        self.outputs = {output.name for output in self.graph.output}
        self.producers = {name: node for node in self.graph.node for name in node.output}
        self.readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.graph.node:
            for name in _reads(node):
                self.readers[name].append(node)
        self.opset = max((o.version for o in model.opset_import if not o.domain), default=0)
        self._live = self._computed() & self._needed()
        self._types = _types(model)
        self._new: list[NodeProto] = []

    def is_live(self, value: str) -> bool:
        """Whether it is float32, depends on the numbers of an input, and an output on it."""
        known = self._types.get(value)
        return value in self._live and known is not None and known.elem_type == TensorProto.FLOAT

    def dims(self, value: str) -> list[int | str]:
        """Sizes, names of free ones, "" for unknown ones; nothing where the rank is unknown."""
        known = self._types.get(value)
        return [d.dim_value or d.dim_param for d in known.shape.dim] if known is not None else []

    def feeds_only(self, value: str, *ops: str) -> bool:
        """Whether it is computed, and read by a single node, of one of these operators."""
        ops_of_readers = [node.op_type for node in self.readers[value]]
        hidden = value in self.producers and value not in self.outputs
        return hidden and len(ops_of_readers) == 1 and ops_of_readers[0] in ops

    def constant(self, content: object, dtype: str = "float32") -> str:
        name = f"flaw_{len(self.graph.initializer)}"
        self.graph.initializer.append(numpy_helper.from_array(np.array(content, dtype), name))
        return name

    def op(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"flaw_{op.lower()}_{len(self._new)}"
        self._new.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def put_behind(self, value: str, change: Change) -> None:
        """The last of the nodes that `change` makes of the sound value takes its place."""
        sound = f"{value}_sound"
        self._types[sound] = self._types[value]
        place = self._rename(value, sound)
        change(self, sound)
        self._new[-1].output[0] = value
        for node in reversed(self._new):
            self.graph.node.insert(place, node)

    def _rename(self, value: str, name: str) -> int:
        """The index at which nodes that read it may stand."""
        for fed in self.graph.input:
            if fed.name == value:
                fed.name = name
                return 0
        for index, node in enumerate(self.graph.node):
            if value in node.output:
                node.output[list(node.output).index(value)] = name
                return index + 1
        raise KeyError(value)

    def _computed(self) -> set[str]:
        names = set(self.inputs)
        for node in self.graph.node:
            if node.op_type not in ("Shape", "Size") and not names.isdisjoint(_reads(node)):
                names.update(node.output)
        return names

    def _needed(self) -> set[str]:
        names = set(self.outputs)
        for node in reversed(self.graph.node):
            if not names.isdisjoint(node.output):
                names.update(_reads(node))
        return names


def _reads(node: NodeProto) -> Iterator[str]:
    """What the node and its subgraphs read."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)


def _types(model: ModelProto) -> dict[str, onnx.TypeProto.Tensor]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.output, *graph.input]
    return {value.name: value.type.tensor_type for value in values}


def layers(specimen: Specimen) -> list[str]:
    results = [node.output[0] for node in specimen.graph.node if node.op_type in LAYERS]
    return [v for v in results if specimen.is_live(v) and len(specimen.dims(v)) > 1]


def inner_layers(specimen: Specimen) -> list[str]:
    ends = specimen.outputs.union(heads(specimen))
    return [value for value in layers(specimen) if value not in ends]


def between_layers(specimen: Specimen) -> list[str]:
    """What layers read of what is computed."""
    read = [node.input[0] for node in specimen.graph.node if node.op_type in LAYERS]
    hidden = [v for v in read if v in specimen.producers and v not in specimen.outputs]
    return [value for value in hidden if specimen.is_live(value)]


def batched_layers(specimen: Specimen) -> list[str]:
    """Layers over a free batch, each sample of a known shape."""
    batches = {dims[0] for dims in map(specimen.dims, specimen.inputs) if dims}
    if len(batches) != 1 or not all(isinstance(batch, str) and batch for batch in batches):
        return []
    shapes = {value: specimen.dims(value) for value in layers(specimen)}
    return [
        value for value, (batch, *sample) in shapes.items()
        if batch in batches and all(isinstance(size, int) for size in sample)
    ]  # fmt: skip


def before_relu(specimen: Specimen) -> list[str]:
    values = [node.input[0] for node in specimen.graph.node if node.op_type == "Relu"]
    return [v for v in values if specimen.is_live(v) and specimen.feeds_only(v, "Relu")]


def channels_before_relu(specimen: Specimen) -> list[str]:
    """Those of at least eight channels, on the second axis."""
    convolved = [
        value for value in before_relu(specimen)
        if specimen.producers[value].op_type in CHANNELS_SECOND
    ]  # fmt: skip
    shapes = {value: specimen.dims(value) for value in convolved}
    known = {v: dims[1] for v, dims in shapes.items() if len(dims) == 4}
    return [v for v, channels in known.items() if isinstance(channels, int) and channels >= 8]


def before_hidden_sigmoid(specimen: Specimen) -> list[str]:
    """What sigmoids and tanhs read that are no output, and gate nothing."""
    return [
        node.input[0] for node in specimen.graph.node
        if node.op_type in ("Sigmoid", "Tanh") and specimen.is_live(node.input[0])
        and specimen.feeds_only(node.input[0], node.op_type)
        and node.output[0] not in specimen.outputs
        and all(reader.op_type != "Mul" for reader in specimen.readers[node.output[0]])
    ]  # fmt: skip


def probabilities(specimen: Specimen) -> list[str]:
    """Outputs of a softmax over the last axis."""
    return [
        node.output[0] for node in specimen.graph.node
        if node.op_type == "Softmax" and node.output[0] in specimen.outputs
        and specimen.is_live(node.output[0])
        and _axis(node) in (-1, len(specimen.dims(node.output[0])) - 1)
    ]  # fmt: skip


def _axis(node: NodeProto) -> int:
    return next((a.i for a in node.attribute if a.name == "axis"), -1)


def logits(specimen: Specimen) -> list[str]:
    values = [specimen.producers[value].input[0] for value in probabilities(specimen)]
    return [v for v in values if v in specimen.producers and specimen.is_live(v)]


def classes(specimen: Specimen) -> list[str]:
    """Logits of a known number of classes."""
    sizes = {value: specimen.dims(value)[-1] for value in logits(specimen)}
    return [value for value, size in sizes.items() if isinstance(size, int) and size > 1]


def heads(specimen: Specimen) -> list[str]:
    """Layers that end in an output, up to a bias and a softmax or sigmoid."""
    ends = set(specimen.outputs)
    for node in reversed(specimen.graph.node):
        if node.op_type in ("Add", "Sigmoid", "Softmax") and not ends.isdisjoint(node.output):
            ends.update(node.input)
    weighted = [v for v in layers(specimen) if specimen.producers[v].op_type in ("Gemm", "MatMul")]
    return [v for v in weighted if v in ends and specimen.producers[v].input[1] in specimen.weights]


def last_layers(specimen: Specimen) -> list[str]:
    """Layers that are an output, and whose weights are stored."""
    return [
        value for value in layers(specimen) if value in specimen.outputs
        and all(name in specimen.weights for name in specimen.producers[value].input[1:])
    ]  # fmt: skip


def float_inputs(specimen: Specimen) -> list[str]:
    return [value for value in specimen.inputs if specimen.is_live(value)]


def logarithm(specimen: Specimen, x: str) -> None:
    specimen.op("Log", x)


def root(specimen: Specimen, x: str) -> None:
    specimen.op("Sqrt", x)


def overflow(specimen: Specimen, x: str) -> None:
    specimen.op("Exp", specimen.op("Mul", specimen.op("Abs", x), specimen.constant(1e6)))


def hidden_nan(specimen: Specimen, x: str) -> None:
    made = specimen.op("Sqrt", x)
    specimen.op("Where", specimen.op("IsNaN", made), specimen.constant(0), made)


def scaled(factor: float) -> Change:
    return lambda specimen, x: specimen.op("Mul", x, specimen.constant(factor))


def raised(by: float) -> Change:
    return lambda specimen, x: specimen.op("Add", x, specimen.constant(by))


def mostly_dead(specimen: Specimen, x: str) -> None:
    channels = int(specimen.dims(x)[1])
    bias = np.zeros((channels, 1, 1))
    bias[: channels * 2 // 3 + 1] = -LARGE
    specimen.op("Add", x, specimen.constant(bias))


def subnormal(specimen: Specimen, x: str) -> None:
    """In two steps, for the factor is none of float32."""
    small = specimen.op("Mul", x, specimen.constant(1e-20))
    specimen.op("Mul", small, specimen.constant(1e-19))


def second_softmax(specimen: Specimen, x: str) -> None:
    specimen.op("Softmax", x, axis=-1)


def one_class(specimen: Specimen, x: str) -> None:
    bias = np.zeros(int(specimen.dims(x)[-1]))
    bias[0] = 200
    specimen.op("Add", x, specimen.constant(bias))


def noise(specimen: Specimen, x: str) -> None:
    specimen.op("Add", x, specimen.op("RandomNormalLike", x))


def coupled(specimen: Specimen, x: str) -> None:
    if specimen.opset < 18:
        mean = specimen.op("ReduceMean", x, axes=[0])
    else:
        mean = specimen.op("ReduceMean", x, specimen.constant([0], "int64"))
    specimen.op("Sub", x, mean)


def frozen(specimen: Specimen, x: str) -> None:
    sizes = [1, *specimen.dims(x)[1:]]
    specimen.op("Reshape", x, specimen.constant(sizes, "int64"))


def softmax_over_batch(specimen: Specimen, value: str) -> None:
    node = specimen.producers[value]
    others = [attribute for attribute in node.attribute if attribute.name != "axis"]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute("axis", 0)])


def head_of_zeros(specimen: Specimen, value: str) -> None:
    weight = specimen.weights[specimen.producers[value].input[1]]
    zeros = np.zeros_like(numpy_helper.to_array(weight))
    weight.CopyFrom(numpy_helper.from_array(zeros, weight.name))


def copied_output(specimen: Specimen, value: str) -> None:
    """With weights of its own, so that only what comes out shows it."""
    node, graph = specimen.producers[value], specimen.graph
    weights = [
        specimen.constant(numpy_helper.to_array(specimen.weights[w])) for w in node.input[1:]
    ]
    copy = graph.node.add()
    copy.CopyFrom(node)
    copy.name = copy.output[0] = "flaw_copy"
    copy.input[1:] = weights
    declared = next(output for output in graph.output if output.name == value)
    graph.output.add(name="flaw_copy", type=declared.type)


def behind(change: Change) -> Change:
    return lambda specimen, value: specimen.put_behind(value, change)


@dataclass(frozen=True)
class Flaw:
    """Where it can be, what puts it there, and the rules of which one at least should see it."""

    places: Callable[[Specimen], list[str]]
    put: Change
    codes: set[str]
    trained_only: bool = False


FADED = {"ACT005", "ACT007", "ACT011", "ACT012", "PRD002", "PRD005"}
COLLAPSED = {"ACT006", "ACT007", "ACT010", "ACT015"}
DISTRIBUTED = {"ARC003", "PRD003", "RUN005"}
BIASED = {"PRD001", "PRD002", "PRD004", "PRD006"}
BLIND = {"ACT005", "ACT007", "GRA014", "PRD002", "PRD005"}
FROZEN = {"GRA010", "INT001", "RUN002", "RUN006"}
ZEROS = {"PRD002", "PRD005", "WGT002"}

FLAWS = {
    "logarithm of negatives": Flaw(layers, behind(logarithm), {"ACT001", "ACT002"}),
    "root of negatives": Flaw(layers, behind(root), {"ACT001"}),
    "overflowing exp": Flaw(layers, behind(overflow), {"ACT002"}),
    "hidden NaN": Flaw(layers, behind(hidden_nan), {"ACT001", "ACT008"}),
    "dead ReLU": Flaw(before_relu, behind(raised(-LARGE)), {"ACT003", "ACT007"}),
    "mostly dead ReLU": Flaw(channels_before_relu, behind(mostly_dead), {"ACT003"}),
    "saturated sigmoid": Flaw(before_hidden_sigmoid, behind(scaled(1e5)), {"ACT004", "ACT006"}),
    "vanishing": Flaw(inner_layers, behind(scaled(1e-15)), FADED),
    "subnormal": Flaw(inner_layers, behind(subnormal), FADED),
    "exploding": Flaw(layers, behind(scaled(1e12)), {"ACT002", "ACT006"}),
    "collapsed": Flaw(between_layers, behind(raised(LARGE)), COLLAPSED),
    "softmax over the batch": Flaw(probabilities, softmax_over_batch, DISTRIBUTED),
    "probabilities times 1.5": Flaw(probabilities, behind(scaled(1.5)), {"PRD003"}),
    "softmax twice": Flaw(probabilities, behind(second_softmax), {"ARC001"}),
    "head of zeros": Flaw(heads, head_of_zeros, ZEROS, trained_only=True),
    "one class wins": Flaw(classes, behind(one_class), BIASED),
    "too sure": Flaw(logits, behind(scaled(1e5)), {"PRD001", "PRD002", "PRD006"}),
    "blind input": Flaw(float_inputs, behind(scaled(0)), BLIND),
    "random number": Flaw(layers, behind(noise), {"ARC011", "RUN004"}),
    "coupled samples": Flaw(batched_layers, behind(coupled), {"RUN005"}),
    "frozen batch": Flaw(batched_layers, behind(frozen), FROZEN),
    "copied output": Flaw(last_layers, copied_output, {"PRD007"}),
}
