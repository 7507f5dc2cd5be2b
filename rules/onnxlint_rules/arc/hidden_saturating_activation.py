"""ARC004 hidden-saturating-activation."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layer, Layers, Node, Severity, Walk, rule

SIGMOIDS = ("Sigmoid", "HardSigmoid")
SATURATING = (*SIGMOIDS, "Tanh")


@rule("ARC004", "hidden-saturating-activation", severity=Severity.WARNING, ops=SATURATING)
def hidden_saturating_activation(
    graph: Graph, layers: Layers, *, min_layers: int = 5, min_tanhs: int = 3
) -> Iterator[Finding]:
    """A sigmoid (or tanh) as the activation between the layers of a deep network.

    Why: the slope of a sigmoid is 0.25 at its steepest, so each one shrinks the gradient to a
    quarter or less, and the layers before it hardly learn. `min_layers` counts those on the path
    through the activation: with four hidden layers of sigmoids training stalled (Glorot and Bengio,
    Understanding the difficulty of training deep feedforward neural networks, 2010). A tanh passes
    small values on as they are and is what nets of control and physics are made of: it is told as
    an info, and only where there are `min_tanhs` (the same source: their layers saturate one after
    the other). Gates are left alone, as what they give is multiplied: recurrent layers,
    squeeze-and-excite, GLU, swish. So are activations whose sum or concatenation goes on, and the
    code of an autoencoder, which is narrower than what stands before and behind it.
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
    hidden = [node for node in graph.nodes(*SATURATING) if _is_hidden(node, layers)]
    tanhs = sum(node.op == "Tanh" for node in hidden)
    for node in hidden:
        depth = layers.depth(node)
        if depth >= min_layers and (node.op in SIGMOIDS or tanhs >= min_tanhs):
            yield Finding(
                node,
                f"it stands between layers on a path of {depth} layers, "
                f"where {min_layers} and more are deep",
                measured=depth,
                limit=min_layers,
                unit="layers",
                severity=None if node.op in SIGMOIDS else Severity.INFO,
            )


def _is_hidden(node: Node, layers: Layers) -> bool:
    """Whether a layer alone feeds an activation, it feeds layers alone, and it gives no code."""
    value = node.input(0)
    trail = None if value is None else layers.trail(value)
    if trail is None or trail.layer is None or trail.change > Change.MIXING:
        return False
    before, fed = trail.layer, _fed(node, layers)
    is_code = before.outputs < before.inputs and all(layer.outputs > layer.inputs for layer in fed)
    return bool(fed) and not is_code


def _fed(node: Node, layers: Layers) -> list[Layer]:
    """The layers that read what an activation gives; none if anything else reads it, too."""
    fed: list[Layer] = []
    walk = Walk([node])
    for current in walk:
        value = current.output
        if value is None or not value.consumers or value.is_output or value.yielded_to:
            return []
        for follower in value.readers:
            layer, change = layers.of(follower), layers.change(follower, value)
            if layer is not None:
                fed.append(layer)
            elif change is not None and (change <= Change.MIXING or follower.op == "MaxPool"):
                walk.add(follower)
            elif follower.op != "Shape":
                return []
    return fed
