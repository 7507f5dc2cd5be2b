"""ARC024 void-by-default."""

from collections.abc import Callable, Iterator, Mapping

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint.model.patterns.conditions import attribute_of


@rule(
    "ARC024",
    "void-by-default",
    severity=Severity.ERROR,
    ops=("NonMaxSuppression", "TopK", "OneHot", "Dropout", "Clip", "Loop", "Gemm", "RandomNormal",
         "RandomUniform", "RandomNormalLike", "RandomUniformLike"),
)  # fmt: skip
def void_by_default(graph: Graph) -> Iterator[Finding]:
    """An operator whose settings, its defaults included, leave nothing of what it is for.

    Why: the model loads, runs and returns nothing, or one constant, for every input. Often nobody
    wrote the value: NonMaxSuppression without `max_output_boxes_per_class` selects 0 boxes, as its
    default says (onnx issue 2352). A warning where the result is only the same constant each time.
    Fix: give the setting the value that is meant, for example as many boxes as the model is to
    return for each class.

    Bad:
    net (float[1, B, 4] boxes, float[1, C, B] scores) => (int64[found, 3] selected)
    <float iou = {0.5}>
    {
        selected = NonMaxSuppression(boxes, scores, "", iou)
    }

    Bad:
    net (float[N, 8] x) => (float[N, 0] best)
    <int64[1] k = {0}>
    {
        best, places = TopK(x, k)
    }

    Bad:
    net (float[N] x) => (float[N] y)
    <float low = {6}, float high = {0}>
    {
        y = Clip(x, low, high)
    }

    Bad:
    # all is dropped
    net (float[N] x) => (float[N] y)
    <float ratio = {1}, bool training = {1}>
    {
        y = Dropout(x, ratio, training)
    }

    Bad:
    # ones and zeros that are the same
    net (int64[N] x) => (float[N, 3] y)
    <int64 depth = {3}, float[2] values = {1, 1}>
    {
        y = OneHot(x, depth, values)
    }

    Good:
    net (float[1, B, 4] boxes, float[1, C, B] scores, int64 most) => (int64[found, 3] selected)
    <float iou = {0.5}>
    {
        selected = NonMaxSuppression(boxes, scores, most, iou)
    }

    Good:
    # a ratio that nobody reads outside training
    net (float[N] x) => (float[N] y)
    <float ratio = {1}>
    {
        y = Dropout(x, ratio)
    }

    Good:
    net (float[N] x, int64 depth) => (float[N] y)
    <float low = {0}>
    {
        y = Clip(x, low)
    }
    """
    for op, judge in _JUDGES.items():
        for node in graph.nodes(op):
            message = judge(node, graph)
            if message:
                same = Severity.WARNING if op in _ONLY_THE_SAME else None
                yield Finding(node, message, severity=same)


def _suppression(node: Node, graph: Graph) -> str | None:
    if node.input(2) is None:
        return "selects no box: max_output_boxes_per_class is left out, and its default is 0"
    most = graph.number(node.input(2))
    return (
        None if most is None or most > 0 else f"selects no box: max_output_boxes_per_class {most}"
    )


def _top(node: Node, graph: Graph) -> str | None:
    k = graph.number(node.input(1)) if node.input(1) is not None else node.attribute("k", 1)
    return None if k is None or k > 0 else f"returns no entry: K is {k}"


def _one_hot(node: Node, graph: Graph) -> str | None:
    depth, values = graph.number(node.input(1)), graph.constant(node.input(2))
    if depth is not None and depth <= 0:
        return f"has no place for any class: depth is {depth}"
    if values is not None and values.size == 2 and values.flat[0] == values.flat[1]:
        return f"on and off value are the same, {values.flat[0]}"
    return None


def _dropout(node: Node, graph: Graph) -> str | None:
    ratio = 0.5 if node.input(1) is None else graph.number(node.input(1))
    trains = graph.number(node.input(2))
    drops_all = bool(trains) and ratio is not None and ratio >= 1
    return f"drops every element: ratio is {ratio} in training mode" if drops_all else None


def _clip(node: Node, graph: Graph) -> str | None:
    if len(node.inputs) > 1:
        low, high = graph.number(node.input(1)), graph.number(node.input(2))
    else:
        low, high = node.attribute("min"), node.attribute("max")
    if not isinstance(low, int | float) or not isinstance(high, int | float) or low <= high:
        return None
    return f"outputs {high:g} for every input: min {low:g} is above max {high:g}"


def _loop(node: Node, graph: Graph) -> str | None:
    count, goes = graph.number(node.input(0)), graph.number(node.input(1))
    if count is not None and count <= 0:
        return f"never runs its body: the trip count is {count}"
    return "never runs its body: the condition is false" if goes is not None and not goes else None


def _product(node: Node, graph: Graph) -> str | None:
    return "multiplies the product by alpha 0" if node.attribute("alpha", 1.0) == 0 else None


def _normal(node: Node, graph: Graph) -> str | None:
    return "draws with a scale of 0" if attribute_of(node, "scale") == 0 else None


def _uniform(node: Node, graph: Graph) -> str | None:
    low, high = attribute_of(node, "low"), attribute_of(node, "high")
    return f"draws between {low} and {high}" if low is not None and low == high else None


_JUDGES: Mapping[str, Callable[[Node, Graph], str | None]] = {
    "NonMaxSuppression": _suppression, "TopK": _top, "OneHot": _one_hot, "Dropout": _dropout,
    "Clip": _clip, "Loop": _loop, "Gemm": _product, "RandomNormal": _normal,
    "RandomNormalLike": _normal, "RandomUniform": _uniform, "RandomUniformLike": _uniform,
}  # fmt: skip

_ONLY_THE_SAME = frozenset(_JUDGES) - {"NonMaxSuppression", "TopK", "OneHot", "Dropout", "Clip"}
