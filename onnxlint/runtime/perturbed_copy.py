"""A model that runs on slightly changed numbers, beside itself in one graph or after itself.

Where everything passes a single value (a cut), the difference of the two is measured and scaled
back to a small part of that value. So no difference drowns in rounding, and none leaves the range
in which the model is nearly linear, be the model ever so deep.

A small model is alone in its graph: a run with step 0 changes nothing, and an operator of ours at
every cut remembers the value for the runs that do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    ValueInfoProto,
)

from onnxlint.model.file.making import make_node, make_tensor, make_type
from onnxlint.runtime import DOMAIN

STEP = "onnxlint/step"
"""Input of the twin: the size of the difference that is made at a cut, as a part of the value."""

START = "onnxlint/start"
"""Input: the number of the cut at which a random difference begins."""

SLOT = "onnxlint/slot"
"""Input of a model that is alone: which of the remembered runs this one is compared with."""

NOISE = "onnxlint/noise"
"""Input: the numbers that the random differences are cut from."""

SLOTS = 2
"""So many runs are remembered at once."""

NOISE_LENGTHS = (1_031, 16_411, 262_147)
"""Prime numbers, so that repeats of the noise do not meet the same channels again: the first that
holds the largest value is long enough, and to draw and send more takes longer than a small model
runs."""

OLDEST_OPSET = 8
"""The arithmetic here holds in this opset and all later ones."""

_OLDEST_SLICE = 10
"""Before this opset no length can be cut that is not constant: onnxruntime draws the noise. From
opset 22 on it cannot."""

_TYPES = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "double": TensorProto.DOUBLE}


class PerturbationPlan(Struct, frozen=True):
    """What is changed: `cuts` are values with their element types, `ends` are values.

    Nodes are given by their index: `kept` are needed at all, `doubled` stand in the copy, too, and
    of what these give `flowing` alone is taken from the copy. Where our own operators are
    `compiled`, one does what nodes do otherwise. `alone` means that there is no copy.
    """

    cuts: Mapping[str, str]
    ends: Collection[str]
    kept: Collection[int]
    doubled: Collection[int]
    flowing: Collection[str]
    compiled: bool = False
    alone: bool = False

    @property
    def lanes(self) -> int:
        """How many runs of it may be made side by side."""
        return SLOTS if self.alone else 1


def found(number: int) -> str:
    """The output that tells the RMS of the difference that arrives at a cut."""
    return f"onnxlint/found/{number}"


def made(number: int) -> str:
    """The output that tells the RMS of the difference that goes on from a cut."""
    return f"onnxlint/made/{number}"


def arrived(number: int) -> str:
    """The output that tells the RMS of the difference at an end."""
    return f"onnxlint/arrived/{number}"


def outputs(plan: PerturbationPlan) -> list[str]:
    """All outputs of the model that is changed."""
    cuts, ends = range(len(plan.cuts)), range(len(plan.ends))
    return [*map(found, cuts[1:]), *map(made, cuts), *map(arrived, ends)]


def perturbed(model: ModelProto, plan: PerturbationPlan) -> ModelProto:
    """The model to run. It shares the tensors of the one given, and of its outputs has none."""
    changed = ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    opset = max((i.version for i in model.opset_import if i.domain in ("", "ai.onnx")), default=0)
    nodes = (_Alone(plan) if plan.alone else _Doubling(plan, opset)).nodes(graph)
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    numbers = (START, SLOT) if plan.alone else (START,)
    graph.input.append(_value(STEP, TensorProto.DOUBLE, []))
    graph.input.extend(_value(name, TensorProto.INT64, []) for name in numbers)
    graph.input.append(_value(NOISE, TensorProto.FLOAT, [None]))
    graph.output.extend(_value(name, TensorProto.DOUBLE, []) for name in outputs(plan))
    if plan.compiled:
        changed.opset_import.append(OperatorSetIdProto(domain=DOMAIN, version=1))
    return changed


def _value(name: str, element_type: int, dims: list[int | None] | None) -> ValueInfoProto:
    return ValueInfoProto(name=name, type=make_type(element_type, dims))


class _Alone:
    """The nodes of a model that is compared with an earlier run of itself."""

    def __init__(self, plan: PerturbationPlan) -> None:
        self._plan = plan
        self._numbers = {name: number for number, name in enumerate(plan.cuts)}
        self._names: dict[str, str] = {}
        self._written: list[NodeProto] = []

    def nodes(self, graph: GraphProto) -> list[NodeProto]:
        """All nodes, in an order that onnxruntime takes."""
        self._cut(info.name for info in graph.input)
        for index, node in enumerate(graph.node):
            if index in self._plan.kept:
                self._written.append(_copied(node, self._names, prefix=""))
                self._cut(node.output)
        for number, end in enumerate(self._plan.ends, len(self._plan.cuts)):
            self._compare(number, self._names.get(end, end), arrived(number - len(self._plan.cuts)))
        return self._written

    def _cut(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._numbers:
                number = self._numbers[name]
                self._names[name] = self._compare(number, name, found(number))

    def _compare(self, number: int, name: str, told: str) -> str:
        changed = f"onnxlint/changed/{number}"
        given = [name, NOISE, STEP, START, SLOT]
        gives = [changed, told, made(number)]
        self._written.append(make_node("PerturbAlone", given, gives, domain=DOMAIN, cut=number))
        return changed


class _Arithmetic:
    """Nodes that are written one after the other; the results get numbered names."""

    def __init__(self, stem: str = "onnxlint/value") -> None:
        self.written: list[NodeProto] = []
        self.stem = stem

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Writes a node and names what it gives."""
        output = output or f"{self.stem}/{len(self.written)}"
        self.written.append(make_node(op, inputs, [output], **attributes))
        return output

    def numbers(self, whole: list[int] | int) -> str:
        """A constant of whole numbers."""
        return self.add("Constant", value=make_tensor(np.array(whole), TensorProto.INT64))

    def rms(self, value: str, output: str = "") -> str:
        """The root of the mean square, in double precision: no square leaves its range."""
        wide = self.add("Cast", value, to=TensorProto.DOUBLE)
        total = self.add("ReduceSumSquare", wide, keepdims=0)
        count = self.add("Cast", self.add("Size", value), to=TensorProto.DOUBLE)
        return self.add("Sqrt", self.add("Div", total, count), output=output)


class _Doubling(_Arithmetic):
    """The nodes of a model and its copy."""

    _PREFIX = "onnxlint/changed/"

    def __init__(self, plan: PerturbationPlan, opset: int) -> None:
        super().__init__()
        self._plan, self._opset = plan, opset
        self._numbers = {name: number for number, name in enumerate(plan.cuts)}
        self._names: dict[str, str] = {}

    def nodes(self, graph: GraphProto) -> list[NodeProto]:
        """All nodes, in an order that onnxruntime takes."""
        for info in graph.input:
            self._cut(info.name)
        for index, node in enumerate(graph.node):
            if index in self._plan.kept:
                self._double(index, node)
        for number, end in enumerate(self._plan.ends):
            difference = self.add("Sub", self._changed(end), end)
            self.rms(difference, output=arrived(number))
        return self.written

    def _changed(self, name: str) -> str:
        """What a value is called in the copy."""
        return self._names.get(name, name)

    def _double(self, index: int, node: NodeProto) -> None:
        self.written.append(node)
        if index in self._plan.doubled:
            self.written.append(_copied(node, self._names, self._PREFIX))
            flowing = (name for name in node.output if name in self._plan.flowing)
            self._names.update({name: self._PREFIX + name for name in flowing})
        for name in node.output:
            self._cut(name)

    def _cut(self, name: str) -> None:
        """Scales the difference, or makes one where there is none, or where `START` says so."""
        if name not in self._numbers:
            return
        number = self._numbers[name]
        changed = f"{self._PREFIX}from/{name}"
        if self._plan.compiled and self._plan.cuts[name] == "float":
            given = [name, self._changed(name), NOISE, STEP, START]
            told = [changed, found(number), made(number)]
            self.written.append(make_node("Perturb", given, told, domain=DOMAIN, cut=number))
        else:
            self.add("Add", name, self._step(number, name), output=changed)
        self._names[name] = changed

    def _step(self, number: int, name: str) -> str:
        """The difference that goes on from a cut."""
        if number:
            chosen = self.add("Equal", START, self.numbers(number))
            difference = self.add("Sub", self._changed(name), name)
            size = self.rms(difference, output=found(number))
            is_none = self.add("Not", self._is_positive(size))
            chosen = self.add("Or", chosen, is_none)
            direction, length = self._branch(chosen, name, difference, size)
        else:
            direction = self._noise(self, name)
            length = self.rms(direction)
        made_size = self.add("Mul", self._size(name), STEP, output=made(number))
        scale = self.add("Div", made_size, length)
        return self.add("Mul", direction, self.add("Cast", scale, to=self._type(name)))

    def _branch(self, chosen: str, name: str, difference: str, size: str) -> tuple[str, str]:
        fresh = _Arithmetic(stem=f"onnxlint/fresh/{name}")
        noise = self._noise(fresh, name)
        fresh.rms(noise)
        same = _Arithmetic(stem=f"onnxlint/same/{name}")
        same.add("Identity", difference)
        same.add("Identity", size)
        direction, length = f"onnxlint/direction/{name}", f"onnxlint/length/{name}"
        branches = {
            "then_branch": self._body(fresh, name, noise),
            "else_branch": self._body(same, name, same.written[0].output[0]),
        }
        self.written.append(make_node("If", [chosen], [direction, length], **branches))
        return direction, length

    def _body(self, body: _Arithmetic, name: str, direction: str) -> GraphProto:
        given = [
            _value(direction, self._type(name), None),
            _value(body.written[-1].output[0], TensorProto.DOUBLE, []),
        ]
        return GraphProto(node=body.written, name=body.stem, output=given)

    def _noise(self, where: _Arithmetic, name: str) -> str:
        """Noise of a value's shape."""
        if self._opset < _OLDEST_SLICE:  # the same in every session, another every run
            seed = float(self._numbers[name] + 1)
            drawn = where.add("RandomNormalLike", name, dtype=TensorProto.FLOAT, seed=seed)
        else:
            size = where.add("Reshape", where.add("Size", name), where.numbers([1]))
            length = where.add("Size", NOISE)
            times = where.add("Div", where.add("Add", size, length), length)
            repeated = where.add("Tile", NOISE, times)
            drawn = where.add("Slice", repeated, where.numbers([0]), size)
            drawn = where.add("Reshape", drawn, where.add("Shape", name))
        return where.add("Cast", drawn, to=self._type(name))

    def _size(self, name: str) -> str:
        """The RMS of the value itself, or 1 where that is 0."""
        size = self.rms(name)
        is_zero = self.add("Cast", self.add("Not", self._is_positive(size)), to=TensorProto.DOUBLE)
        return self.add("Add", size, is_zero)

    def _is_positive(self, size: str) -> str:
        return self.add("Greater", size, self.add("Cast", self.numbers(0), to=TensorProto.DOUBLE))

    def _type(self, name: str) -> int:
        return _TYPES[self._plan.cuts[name]]


def _copied(node: NodeProto, names: Mapping[str, str], prefix: str) -> NodeProto:
    """A node that reads the changed values; it and its subgraphs define names of their own."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.name = prefix + node.name if node.name else ""
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [prefix + name if name else "" for name in node.output]
    for attribute in copy.attribute:
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            _rename(graph, names, prefix)
    return copy


def _rename(graph: GraphProto, names: Mapping[str, str], prefix: str) -> None:
    """Gives a subgraph names of its own, and what it reads from around it the changed ones."""
    defined = [*(info.name for info in graph.input), *(data.name for data in graph.initializer),
               *(data.values.name for data in graph.sparse_initializer),
               *(name for node in graph.node for name in node.output if name)]  # fmt: skip
    names = {**names, **{name: prefix + name for name in defined}}
    del graph.value_info[:]
    for part in [*graph.input, *graph.output, *graph.initializer,
                 *(data.values for data in graph.sparse_initializer)]:  # fmt: skip
        part.name = names.get(part.name, part.name)
    nodes = [_copied(node, names, prefix) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
