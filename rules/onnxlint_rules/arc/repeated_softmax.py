"""ARC001 repeated-softmax."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, rule
from onnxlint.model.graph.operators import SOFTMAXES
from onnxlint_rules.arc._softmaxes import Feeders, axes, is_prediction

OPS = SOFTMAXES | {"Sigmoid"}
"""Activations that turn scores to probabilities."""


@rule("ARC001", "repeated-softmax", severity=Severity.ERROR, ops=OPS)
def repeated_softmax(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax or sigmoid over the output of a softmax or sigmoid.

    Why: the second one reads values between 0 and 1, so no class can get much more than the others:
    over 10 classes a perfect 1.0 becomes 0.23. Losses that contain a softmax (`CrossEntropyLoss`)
    lead to this mistake, the model trains badly without an error, and thresholds on the output are
    meaningless. A warning if the values are hidden and may be meant as a gate, if the two normalise
    over different axes, and if a log-softmax makes the second one merely redundant.
    Fix: remove one of the two; train on logits.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        p = Softmax(x)
        y = Softmax(p)
    }

    Bad:
    net (float16[N, 4, 1] x) => (float[N, 4] y)
    {
        p = Sigmoid(x)
        wide = Cast <to = 1> (p)
        flat = Flatten(wide)
        y = LogSoftmax(flat)
    }

    Good:
    # attention, and a gate on its output
    net (float[N, 4, 4] scores, float[N, 4, 4] v) => (float[N, 4, 4] y)
    {
        p = Softmax(scores)
        attended = MatMul(p, v)
        y = Sigmoid(attended)
    }
    """
    feeders = Feeders()
    for node in graph.nodes(*sorted(OPS)):
        inner, same_layout = feeders.of(node)
        if inner is None or inner.op not in OPS:
            continue
        same_axes = _same_axes(node, inner, shapes) if same_layout else None
        needless = inner.op == "LogSoftmax" and same_axes is True
        certain = is_prediction(node) if same_axes is None else same_axes
        yield Finding(
            node,
            f"applied to the output of {inner.place}; a softmax or sigmoid should be applied once",
            hint=f"remove {inner.place}: the result stays the same"
            if needless
            else f"remove one of the two, and train on the input of {inner.place} (logits)",
            measured=2,
            limit=1,
            unit="activations in a row",
            severity=Severity.ERROR if certain and not needless else Severity.WARNING,
        )


def _same_axes(node: Node, inner: Node, shapes: Shapes) -> bool | None:
    """Whether two softmaxes normalise the same axes; None for a sigmoid, and where unknown."""
    if "Sigmoid" in (node.op, inner.op):
        return None
    one, other = axes(node, shapes), axes(inner, shapes)
    return None if one is None or other is None else one == other
