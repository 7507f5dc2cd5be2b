"""ARC006 activation-after-activation."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint.model.graph.operators import (
    NOT_NEGATIVE,
    RECTIFIERS,
    SIGMOIDS,
    SQUASHING,
)
from onnxlint_rules.arc._softmaxes import Feeders


@rule(
    "ARC006", "activation-after-activation", severity=Severity.WARNING, ops=RECTIFIERS | SQUASHING
)
def activation_after_activation(graph: Graph) -> Iterator[Finding]:
    """An activation applied directly to the output of another activation.

    Why: a ReLU changes nothing after a ReLU, a softmax or a sigmoid, and makes everything 0 after a
    log-softmax. A sigmoid of a ReLU output is never below 0.5. Usually a layer between the two was
    lost, or an activation was added to a block that already ends in one. Meaningful pairs are
    exempt: a clip after a ReLU (ReLU6), a tanh after a softplus (Mish), a ReLU after a tanh. Pairs
    of sigmoids and softmaxes have their own rule, repeated-softmax, a softmax over a ReLU
    relu-before-output. A tanh after a ReLU is an info, because masks between 0 and 1 are computed
    like this.
    Fix: remove one of the two, or put the missing layer between them.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        h = Relu(x)
        y = Relu(h)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 2, 2] y)
    <int64[3] shape = {-1, 2, 2}>
    {
        h = Relu(x)
        square = Reshape(h, shape)
        y = Sigmoid(square)
    }

    Good:
    # ReLU6
    net (float[N, 4] x) => (float[N, 4] y)
    <float low = {0}, float high = {6}>
    {
        h = Relu(x)
        y = Clip(h, low, high)
    }
    """
    feeders = Feeders()
    for node in graph.nodes(*sorted(RECTIFIERS | SQUASHING)):
        inner, _ = feeders.of(node)
        told = None if inner is None else _judged(inner.op, node.op)
        if inner is not None and told is not None:
            reason, severity = told
            yield Finding(
                node,
                f"applied directly to the output of {inner.place}: {reason}",
                hint=f"remove this {node.op} or {inner.place}, or add the missing layer between",
                measured=2,
                limit=1,
                unit="activations in a row",
                severity=severity,
            )


def _judged(inner: str, outer: str) -> tuple[str, Severity | None] | None:
    """What a pair of activations does, and its severity; None where the pair is meaningful."""
    if outer == "Relu" and inner == "LogSoftmax":
        return "log-probabilities are never above 0, so every output is 0", Severity.ERROR
    if outer in RECTIFIERS and inner in NOT_NEGATIVE:
        reason = f"{inner} outputs no negative values, so this activation has little or no effect"
        return reason, None
    if outer in RECTIFIERS and inner in RECTIFIERS:
        return "negative values are attenuated twice", None
    if outer in SIGMOIDS and inner in ("Relu", "Tanh"):
        lowest = "0.5" if inner == "Relu" else "0.27"
        return f"a sigmoid of a {inner} output is never below {lowest}", None
    if outer == "Tanh" and inner == "Relu":
        return "the output is never negative", Severity.INFO
    if outer == "Tanh" and inner in SQUASHING:
        return "the range is compressed twice", None
    return None
