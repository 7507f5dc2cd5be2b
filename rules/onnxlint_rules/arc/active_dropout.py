"""ARC010 active-dropout."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Finding, Graph, Node, Severity, rule


@rule("ARC010", "active-dropout", severity=Severity.ERROR, ops=("Dropout",))
def active_dropout(graph: Graph) -> Iterator[Finding]:
    """A Dropout that is active at inference.

    Why: the model was exported in training mode, or calls dropout as a function without passing the
    mode (`F.dropout(x)` defaults to training). Every prediction is then random, and golden tests
    are flaky.
    Fix: call `model.eval()` before the export, and write `F.dropout(x, training=self.training)`.
    If random predictions are wanted (Monte Carlo dropout), ignore this rule for the model.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float ratio = {0.5}, bool training = {1}>
    {
        y = Dropout(x, ratio, training)
    }

    Good:
    # a ratio of 0
    net (float[N, 4] x) => (float[N, 4] y)
    <float ratio = {0}, bool training = {1}>
    {
        y = Dropout(x, ratio, training)
    }

    Good:
    <ir_version: 6, opset_import: ["" : 11]>
    # until opset 11 there is no training mode
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Dropout <ratio = 0.5> (x)
    }
    """
    for node in graph.nodes("Dropout"):
        ratio = _ratio(graph, node)
        if ratio and _trains(graph, node):
            yield Finding(
                node,
                f"randomly zeroes {ratio:.0%} of its input at inference",
                hint="call model.eval() before the export, or pass training=self.training to "
                "F.dropout",
                measured=ratio,
                limit=0.0,
                unit="fraction of elements",
            )


def _trains(graph: Graph, node: Node) -> bool:
    opset = node.scope.opsets.get("", 12)
    if opset < 12:
        return opset < 7 and not node.attribute("is_test", 0)
    return graph.ask(node.input(2), _any) or False


def _any(flags: Any) -> bool:
    return bool(flags.any())


def _ratio(graph: Graph, node: Node) -> float:
    """The fraction that is zeroed; the default of 0.5 also where it is computed."""
    ratio = graph.number(node.input(1))
    return float(node.attribute("ratio", 0.5) if ratio is None else ratio)
