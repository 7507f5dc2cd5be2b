"""Settings that make an operator's result empty or constant, operator by operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnxlint import Graph, Node
from onnxlint.model.graph.operators import DRAWING
from onnxlint.model.patterns.conditions import attribute_of

Told = tuple[str, str] | None
"""What a setting makes of the operator, and what to set instead."""


def _suppression(node: Node, graph: Graph) -> Told:
    hint = "set max_output_boxes_per_class to the number of boxes to return for each class"
    if node.input(2) is None:
        return "selects no boxes: max_output_boxes_per_class is omitted (default 0)", hint
    most = graph.number(node.input(2))
    if most is None or most > 0:
        return None
    return f"selects no boxes: max_output_boxes_per_class is {most}", hint


def _top(node: Node, graph: Graph) -> Told:
    k = graph.number(node.input(1)) if node.input(1) is not None else node.attribute("k", 1)
    if k is None or k > 0:
        return None
    return f"returns no entries: k is {k}", "set k to the number of entries to return"


def _one_hot(node: Node, graph: Graph) -> Told:
    depth, values = graph.number(node.input(1)), graph.constant(node.input(2))
    if depth is not None and depth <= 0:
        return f"encodes no class: depth is {depth}", "set depth to the number of classes"
    if values is not None and values.size == 2 and values.flat[0] == values.flat[1]:
        hint = "set values to [off, on], for example [0, 1]"
        return f"off and on values are both {values.flat[0]}", hint
    return None


def _dropout(node: Node, graph: Graph) -> Told:
    ratio = 0.5 if node.input(1) is None else graph.number(node.input(1))
    trains = graph.number(node.input(2))
    if not trains or ratio is None or ratio < 1:
        return None
    hint = "set training_mode to false, or a ratio below 1"
    return f"drops every element: ratio is {ratio} in training mode", hint


def _clip(node: Node, graph: Graph) -> Told:
    if len(node.inputs) > 1:
        low, high = graph.number(node.input(1)), graph.number(node.input(2))
    else:
        low, high = node.attribute("min"), node.attribute("max")
    if not isinstance(low, int | float) or not isinstance(high, int | float) or low <= high:
        return None
    hint = f"swap them: set min to {high:g} and max to {low:g}"
    return f"outputs {high:g} for every input: min {low:g} is above max {high:g}", hint


def _loop(node: Node, graph: Graph) -> Told:
    count, goes = graph.number(node.input(0)), graph.number(node.input(1))
    if count is not None and count <= 0:
        return f"never runs its body: trip count is {count}", "set a trip count of at least 1"
    if goes is None or goes:
        return None
    return "never runs its body: initial condition is false", "set the initial condition to true"


def _product(node: Node, graph: Graph) -> Told:
    if node.attribute("alpha", 1.0) != 0:
        return None
    return "multiplies the matrix product by alpha = 0", "set alpha to the intended value (1)"


def _normal(node: Node, graph: Graph) -> Told:
    if attribute_of(node, "scale") != 0:
        return None
    hint = "set scale to the intended standard deviation"
    return "draws with a standard deviation (scale) of 0", hint


def _uniform(node: Node, graph: Graph) -> Told:
    low, high = attribute_of(node, "low"), attribute_of(node, "high")
    if low is None or low != high:
        return None
    return f"draws between {low:g} and {high:g}", "set high to a value above low"


JUDGES: Mapping[str, Callable[[Node, Graph], Told]] = {
    "NonMaxSuppression": _suppression, "TopK": _top, "OneHot": _one_hot, "Dropout": _dropout,
    "Clip": _clip, "Loop": _loop, "Gemm": _product, "RandomNormal": _normal,
    "RandomNormalLike": _normal, "RandomUniform": _uniform, "RandomUniformLike": _uniform,
}  # fmt: skip
"""What is asked of each operator whose attributes or operands can make it pointless."""

ONLY_THE_SAME = DRAWING.intersection(JUDGES) | {"Gemm", "Loop"}
"""Those that give the same for every input then, where the others give nothing, or fail."""
