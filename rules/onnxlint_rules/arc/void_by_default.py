"""ARC024 void-by-default."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint_rules.arc._void import JUDGES, ONLY_THE_SAME


@rule("ARC024", "void-by-default", severity=Severity.ERROR, ops=JUDGES)
def void_by_default(graph: Graph) -> Iterator[Finding]:
    """An operator whose settings, explicit or default, make its result empty or constant.

    Why: the model loads, runs and returns nothing, or one constant, for every input. Often the
    value is a default: NonMaxSuppression without `max_output_boxes_per_class` selects 0 boxes (onnx
    issue 2352). A warning if the result is not empty, but the same every time.
    Fix: set the intended value, for example the number of boxes that the model should return for
    each class.

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
    # every element is dropped
    net (float[N] x) => (float[N] y)
    <float ratio = {1}, bool training = {1}>
    {
        y = Dropout(x, ratio, training)
    }

    Bad:
    # on and off values are equal
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
    # outside training the ratio has no effect
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
    for op, judge in JUDGES.items():
        for node in graph.nodes(op):
            told = judge(node, graph)
            if told is not None:
                message, hint = told
                same = Severity.WARNING if op in ONLY_THE_SAME else None
                yield Finding(node, message, hint=hint, severity=same)
