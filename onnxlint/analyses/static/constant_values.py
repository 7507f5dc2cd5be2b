"""Values that are computed from the inputs and are the same for every input: proven, not seen.

What a value can be is followed by bounds from node to node, and what it depends on ends where a
weight is zero, a value is divided by itself, or all that may come out is one number. NaN and
infinities apart: they are other rules'.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.tokenizer_vocabulary import counts_nothing
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import FACTOR_SLOTS, WEIGHT_ATTRIBUTES, WITHIN_FIRST

if TYPE_CHECKING:
    from onnxlint.types import Array

Bounds: TypeAlias = tuple[float, float]

ANY: Bounds = (-math.inf, math.inf)

SATURATED = 1e-6
"""Outputs of a sigmoid, a tanh or a softmax that differ by less are one: about the rounding of
float32 at 1 and of the exponentials that runtimes compute them by."""

MOST_FORESEEN = 1 << 24
"""Elements of all constants up to which they are looked at before anybody asks: a choice, a tenth
of a second at most."""

NODES_A_STEP = 64
"""Less than a millisecond: whoever is waited for may be there after it."""

_MS = "com.microsoft::"
_ML = "ai.onnx.ml::"


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


_RISING: Mapping[str, Callable[[float], float]] = {
    "Relu": lambda x: max(x, 0.0), "Sigmoid": _sigmoid, "Tanh": math.tanh,
    "Exp": lambda x: math.exp(min(x, 700.0)) if x < 700 else math.inf,
    "Sqrt": lambda x: math.sqrt(max(x, 0.0)), "Ceil": lambda x: _whole(math.ceil, x),
    "Floor": lambda x: _whole(math.floor, x), "Round": lambda x: _whole(round, x),
    "Softplus": lambda x: math.log1p(math.exp(x)) if x < 30 else x,
    "Sign": lambda x: (x > 0) - (x < 0),
}  # fmt: skip
"""Operators that give the larger number for the larger one."""


class Fact(Struct, frozen=True):
    """What is known of a value: its bounds, and whether it is the same for every input.

    `ended_at` is the node at which an input's numbers ceased to matter, `why` how; None where none
    ever did, as for constants and what is made of sizes.
    """

    bounds: Bounds = ANY
    fixed: bool = False
    ended_at: Node | None = None
    why: str = ""

    @property
    def is_zero(self) -> bool:
        """Whether it holds nothing but zeros."""
        return self.bounds == (0, 0)


class Constancy:
    """Proves that a value does not depend on any input, if it can."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph, self._shapes = graph, shapes
        self._facts: dict[Value, Fact] = {}

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Constancy:
        """Looks at nothing yet: the question is only asked of what was seen to be constant."""
        return cls(graph, shapes)

    def foresee(self) -> Iterator[None]:
        """Learns of the outputs, of whose samples many look alike, where that takes little."""
        if sum(tensor.size for _, tensor in self._graph.tensors) <= MOST_FORESEEN:
            for value in self._graph.outputs:
                yield from self._learning(value)

    def proof(self, value: Value) -> Fact | None:
        """Where an input's numbers cease to matter to a value; None where that is not proven."""
        for _ in self._learning(value):
            pass
        fact = self._of(value)
        return fact if fact.fixed and fact.ended_at is not None else None

    def _learning(self, value: Value) -> Iterator[None]:
        """Learns what a value depends on, so many nodes in a step."""
        for number, node in enumerate(self._before(value), 1):
            if any(made is not None and made not in self._facts for made in node.outputs):
                self._learn(node)
            if number % NODES_A_STEP == 0:
                yield

    def _learn(self, node: Node) -> None:
        """Takes down what is known of the outputs: beyond the first only where all are alike."""
        fact = self._after(node)
        alike = node.op == "Split" or node.op.startswith(_ML)
        alike = alike or all(self._of(value).fixed for value in node.inputs)
        for slot, made in enumerate(node.outputs):
            if made is not None:
                self._facts[made] = fact if alike or not slot else Fact()

    def _before(self, value: Value) -> list[Node]:
        """The nodes of the main graph that it depends on, each after those that it reads."""
        needed = self._graph.ancestors([value])
        return [node for node in self._graph.main.nodes if node in needed]

    def _of(self, value: Value | None) -> Fact:
        """What is known of what a node reads; nothing of what stands later in the file."""
        if value is None:
            return Fact((0, 0), fixed=True)
        if value in self._facts:
            return self._facts[value]
        if self._graph.tensor(value) is not None:
            return Fact(self._graph.ask(value, _extent) or ANY, fixed=True)
        return Fact(self._of_input(value))

    def _of_input(self, value: Value) -> Bounds:
        shape = self._shapes.of(value)
        return {"bool": (0.0, 1.0), "uint8": (0.0, 255.0)}.get(shape.dtype if shape else "", ANY)

    def _after(self, node: Node) -> Fact:
        """What is known of what a node gives."""
        read = [self._of(value) for value in node.inputs]
        if node.op in ("Shape", "Size", "ConstantOfShape"):
            return Fact(fixed=True)
        if node.is_random or node.scopes_inside:
            return Fact()
        bounds = self._bounds(node, read)
        if all(fact.fixed for fact in read):
            first = next((fact for fact in read if fact.ended_at is not None), Fact())
            return Fact(bounds, True, first.ended_at, first.why)
        why = self._end(node, read, bounds)
        return Fact(bounds, True, node, why) if why else Fact(bounds)

    def _end(self, node: Node, read: list[Fact], bounds: Bounds) -> str:
        """Why what a node gives does not depend on what it reads; empty where it may."""
        factors = FACTOR_SLOTS.get(node.op, ())
        if any(read[at].is_zero for at in factors if at < len(read) and node.input(at)):
            rest = [fact for at, fact in enumerate(read) if at not in factors]
            if all(fact.fixed for fact in rest):
                return "an operand is all zero"
        if self._is_divided_by_itself(node):
            return "a value is divided by itself"
        if node.op == "Sub" and self._root(node.input(0)) is self._root(node.input(1)):
            return "a value is subtracted from itself"
        if self._runs_over_one(node):
            return "normalises an axis of size 1"
        if any(_is_zero(node.attribute(name)) for name in WEIGHT_ATTRIBUTES.get(node.op, ())):
            return "all weights are zero"
        if _has_one_answer(node):
            return "all leaves of each tree are the same"
        if counts_nothing(node):
            return "no token can be one of the counted words"
        if _is_point(node, bounds):
            return f"only {bounds[0]:.3g} is possible within the bounds"
        return ""

    def _bounds(self, node: Node, read: list[Fact]) -> Bounds:
        low, high = read[0].bounds if read else ANY
        if node.op in _RISING:
            rising = _RISING[node.op]
            return float(rising(low)), float(rising(high))
        if node.op == "Cast" and not is_float(node.attribute("to", 1)):
            return ANY  # it may wrap around, or be a truth value
        if node.op in WITHIN_FIRST:
            return (low, high) if node.op != "MaxPool" or not node.attribute("pads") else ANY
        return _combined(node, self._graph, [fact.bounds for fact in read])

    def _is_divided_by_itself(self, node: Node) -> bool:
        if node.op != "Div":
            return False
        above, below = node.input(0), node.input(1)
        return above is below or self._root(above) is self._root(below)

    def _root(self, value: Value | None) -> Value | None:
        """A value behind copies, and behind sums and means over a single number."""
        while value is not None and (node := value.producer) is not None:
            before = node.input(0)
            copied = node.op == "Identity" or (
                node.op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
                and self._keeps_shape(before, value)
            )
            if not copied or before is value:
                break
            value = before
        return value

    def _keeps_shape(self, before: Value | None, after: Value) -> bool:
        one, other = self._shapes.of(before), self._shapes.of(after)
        if one is None or other is None or not one.dims or None in one.dims:
            return False
        return one.dims == other.dims

    def _runs_over_one(self, node: Node) -> bool:
        """Whether a softmax or a normalisation runs over axes of size 1 alone."""
        shape = self._shapes.of(node.input(0))
        if shape is None or not shape.rank:
            return False
        flattens = node.op != "LayerNormalization" and node.scope.opsets.get("", 13) < 13
        if node.op in ("Softmax", "LogSoftmax"):
            first = node.attribute("axis", 1 if flattens else -1)
            over = range(first % shape.rank, shape.rank) if flattens else range(first, first + 1)
        elif node.op == "LayerNormalization":
            over = range(node.attribute("axis", -1) % shape.rank, shape.rank)
        elif node.op == "InstanceNormalization":
            over = range(2, shape.rank)
        elif node.op in (f"{_ML}Normalizer", "LpNormalization"):
            over = range(shape.rank - 1, shape.rank)
            if node.op == "LpNormalization" and node.attribute("axis", -1) not in (-1, over[0]):
                return False
        else:
            return False
        return bool(over) and all(shape.dim(axis) == 1 for axis in over)


def _combined(node: Node, graph: Graph, read: list[Bounds]) -> Bounds:
    """Bounds of what is made of several inputs."""
    op = node.op
    if op == "Softmax":
        return 0.0, 1.0
    if op in ("Concat", "Where"):
        parts = read[1:] if op == "Where" else read
        return min(low for low, _ in parts), max(high for _, high in parts)
    if op in ("Min", "Max"):
        pick = min if op == "Min" else max
        return pick(low for low, _ in read), pick(high for _, high in read)
    if op == "Clip":
        return _clipped(node, graph, read[0])
    if op == "Abs":
        low, high = read[0]
        return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
    if op == "Neg":
        return -read[0][1], -read[0][0]
    if len(read) == 2 and op in ("Add", "Sub", "Mul"):
        return _arithmetic(node, *read)
    return ANY


def _arithmetic(node: Node, one: Bounds, other: Bounds) -> Bounds:
    if node.op == "Mul":
        if node.input(0) is node.input(1):
            return 0.0, max(abs(one[0]), abs(one[1])) ** 2
        if (0, 0) in (one, other):
            return 0.0, 0.0
        products = [a * b for a in one for b in other]
        return ANY if any(map(math.isnan, products)) else (min(products), max(products))
    low, high = (-other[1], -other[0]) if node.op == "Sub" else other
    sums = one[0] + low, one[1] + high
    return ANY if any(map(math.isnan, sums)) else sums


def _clipped(node: Node, graph: Graph, bounds: Bounds) -> Bounds:
    """Within the limits of a Clip, which are attributes until opset 10."""
    low = node.attribute("min", graph.number(node.input(1)))
    high = node.attribute("max", graph.number(node.input(2)))
    if (node.input(1) is not None and low is None) or (node.input(2) is not None and high is None):
        return ANY
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    return min(max(bounds[0], low), high), min(max(bounds[1], low), high)


def _is_point(node: Node, bounds: Bounds) -> bool:
    """Whether nothing but one number may come out."""
    low, high = bounds
    if math.isinf(low) or math.isinf(high):
        return False
    return low == high or (node.op in ("Sigmoid", "Tanh") and high - low <= SATURATED)


def _has_one_answer(node: Node) -> bool:
    """Whether all leaves of every tree of an ensemble say the same."""
    prefix = {f"{_ML}TreeEnsembleClassifier": "class", f"{_ML}TreeEnsembleRegressor": "target"}
    kind = prefix.get(node.op)
    if kind is None:
        return False
    leaves: dict[int, int] = defaultdict(int)
    for tree, mode in zip(
        node.attribute("nodes_treeids", []), node.attribute("nodes_modes", []), strict=False
    ):
        leaves[tree] += mode in (b"LEAF", "LEAF")
    said = defaultdict(list)
    weights = [node.attribute(f"{kind}_{name}", []) for name in ("treeids", "ids", "weights")]
    for tree, target, weight in zip(*weights, strict=False):
        said[tree, target].append(weight)
    return bool(said) and all(
        len(set(each)) == 1 and (len(each) == leaves[tree] or each[0] == 0)
        for (tree, _), each in said.items()
    )


def _is_zero(weights: list[float] | None) -> bool:
    return bool(weights) and not any(weights or ())


def _extent(array: Array) -> Bounds:
    if not array.size or array.dtype.kind not in "fiub":
        return ANY
    low, high = float(array.min()), float(array.max())
    return ANY if math.isnan(low) or math.isnan(high) else (low, high)


def _whole(rounded: Callable[[float], int], x: float) -> float:
    return x if math.isinf(x) else float(rounded(x))
