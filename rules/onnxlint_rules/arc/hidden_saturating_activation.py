"""ARC004 hidden-saturating-activation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Change, Finding, Graph, Layers, Node, Option, Severity, rule
from onnxlint.model.graph.operators import SIGMOIDS, SQUASHING


@rule("ARC004", "hidden-saturating-activation", severity=Severity.WARNING, ops=SQUASHING)
def hidden_saturating_activation(
    graph: Graph, layers: Layers, *,
    min_layers: Annotated[
        int, Option("fewest layers on the path through a reported activation", unit="layers")
    ] = 5,
    min_tanhs: Annotated[
        int, Option("fewest hidden tanh activations that are reported", unit="activations")
    ] = 3,
) -> Iterator[Finding]:  # fmt: skip
    """A sigmoid or tanh as the activation between the layers of a deep network.

    Why: the slope of a sigmoid is at most 0.25, so each one shrinks the gradient to a quarter or
    less, and the layers before it hardly learn. `min_layers` counts the layers on the path
    through the activation: with four hidden layers of sigmoids training stalled (Glorot and Bengio,
    Understanding the difficulty of training deep feedforward neural networks, 2010). A tanh passes
    small values on almost unchanged and is common in networks for control and physics: it is
    reported as an info, and only if there are at least `min_tanhs` (the same source: their layers
    saturate one after the other). Gates are exempt because their output is multiplied: recurrent
    layers, squeeze-and-excite, GLU, swish. So are activations whose output is added or
    concatenated, and the code of an autoencoder, which is narrower than the layers around it.
    Fix: use a ReLU or GELU between the layers and keep the sigmoid for the output.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 2, 3, 4}, float[2, 2] c = {1, 2, 3, 4},
     float[2, 2] d = {1, 2, 3, 4}, float[2, 2] e = {1, 2, 3, 4}>
    {
        h1 = MatMul(x, a)
        s1 = Sigmoid(h1)
        h2 = MatMul(s1, b)
        s2 = Relu(h2)
        h3 = MatMul(s2, c)
        s3 = Relu(h3)
        h4 = MatMul(s3, d)
        s4 = Relu(h4)
        y = MatMul(s4, e)
    }

    Good:
    # not deep
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 2, 3, 4}>
    {
        h = MatMul(x, a)
        s = Sigmoid(h)
        y = MatMul(s, b)
    }

    Good:
    # a gate
    # option: min-layers = 2
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] a = {1, 2, 3, 4}, float[2, 2] b = {1, 2, 3, 4}>
    {
        h = MatMul(x, a)
        s = Sigmoid(h)
        gated = Mul(x, s)
        y = MatMul(gated, b)
    }
    """
    if not any(layers):
        return
    hidden = [node for node in graph.nodes(*sorted(SQUASHING)) if _is_hidden(node, layers)]
    tanhs = sum(node.op == "Tanh" for node in hidden)
    for node in hidden:
        depth = layers.depth(node)
        if depth >= min_layers and (node.op in SIGMOIDS or tanhs >= min_tanhs):
            yield Finding(
                node,
                f"saturating activation on a path of {depth} layers (limit {min_layers})",
                hint=f"replace this {node.op} by Relu or Gelu, and keep {node.op} for the output",
                measured=depth,
                limit=min_layers,
                unit="layers",
                severity=None if node.op in SIGMOIDS else Severity.INFO,
            )


def _is_hidden(node: Node, layers: Layers) -> bool:
    """Whether an activation has a layer before it and only layers behind, and is not a code."""
    value = node.input(0)
    trail = None if value is None else layers.trail(value)
    if trail is None or trail.layer is None or trail.change > Change.MIXING:
        return False
    before, fed = trail.layer, layers.fed_by(node)
    is_code = before.outputs < before.inputs and all(layer.outputs > layer.inputs for layer in fed)
    return bool(fed) and not is_code
