"""GRA021 bypassed-layer."""

from collections.abc import Hashable, Iterator

from onnxlint import (
    Change,
    Finding,
    Graph,
    Layer,
    Layers,
    Node,
    Origin,
    Severity,
    rule,
)
from onnxlint.model.graph.operators import AFFINE, MAGNITUDES


@rule("GRA021", "bypassed-layer", severity=Severity.WARNING, ops=AFFINE)
def bypassed_layer(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """Two layers of one kind that both read the model input, where one should feed the other.

    Why: `x = conv1(image); x = conv2(image)` runs and trains, but the first layer is lost. Most
    exporters delete it, and no trace remains. Reported is what they leave: a layer that leads
    nowhere beside one with the same operator, weight shape and attributes on the same input, or two
    such layers whose activations are summed immediately: a chain has become a fan. Parallel
    branches are exempt: those that are concatenated, multiplied (gates, attention), subtracted or
    compared, that have layers of their own before they meet or lead to different outputs, that
    differ in kernel or width (Inception), or share their weights (Siamese); and those whose squares
    or magnitudes are summed, as the real and imaginary parts of a spectrum are.
    Fix: feed the result of the first layer to the second.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {5, 6, 7, 8}>
    {
        a = MatMul(x, v)
        first = Relu(a)
        b = MatMul(x, w)
        second = Relu(b)
        y = Add(first, second)
    }

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {5, 6, 7, 8}>
    {
        a = MatMul(x, v)
        y = MatMul(x, w)
    }

    Good:
    # a gate
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {5, 6, 7, 8}>
    {
        a = MatMul(x, v)
        gate = Sigmoid(a)
        b = MatMul(x, w)
        y = Mul(gate, b)
    }

    Good:
    # a short-time Fourier transform: the power of its real and imaginary part
    net (float[N, 1, T] x) => (float[N, 2, M] y)
    <float[2, 1, 4] cosines = {1, 1, 1, 1, 1, 0, -1, 0}, float two = {2},
     float[2, 1, 4] sines = {0, 0, 0, 0, 0, 1, 0, -1}>
    {
        real = Conv <strides = [2]> (x, cosines)
        imaginary = Conv <strides = [2]> (x, sines)
        a = Pow(real, two)
        b = Pow(imaginary, two)
        power = Add(a, b)
        y = Sqrt(power)
    }
    """
    live = graph.live
    kinds: dict[Hashable, Layer] = {}
    for layer in layers:
        kind = _kind(layer, layers)
        first = layer if kind is None else kinds.setdefault(kind, layer)
        if (first.node in live) != (layer.node in live) and first.weight is not layer.weight:
            dead, used = (layer, first) if first.node in live else (first, layer)
            yield _finding(used, dead, "whose result is not used")
    for node in graph.nodes("Add", "Sum"):
        siblings = _added_siblings(node, layers)
        if siblings is not None:
            yield _finding(*siblings, f"their activations are added by {node.place}")


def _added_siblings(node: Node, layers: Layers) -> tuple[Layer, Layer] | None:
    """The two layers of a kind that go the same way from one input to an addition, each alone."""
    values = [value for value in node.inputs if value is not None]
    if len(values) != 2 or any(layers.readers(value) != 1 for value in values):
        return None
    one, other = map(layers.trail, values)
    if not (one.layer and other.layer and one.alone and other.alone):
        return None
    kind, ops = _kind(one.layer, layers), [step.op for step in one.nodes]
    if kind is None or kind != _kind(other.layer, layers) or one.change != Change.NONLINEAR:
        return None
    is_alike = one.layer.weight is not other.layer.weight and MAGNITUDES.isdisjoint(ops)
    same_way = is_alike and ops == [step.op for step in other.nodes]
    return (other.layer, one.layer) if same_way else None


def _kind(layer: Layer, layers: Layers) -> Hashable | None:
    """Equal for layers that could stand in each other's place behind one input of the model.

    None where a layer reads no input, or more than shifts and scales stands between.
    """
    trail = layers.trail(layer.data)
    is_input = trail.origin.origin is Origin.INPUT and trail.origin.scope.owner is None
    if not is_input or trail.change > Change.AFFINE:
        return None
    attributes = sorted(a.SerializeToString(deterministic=True) for a in layer.node.attribute_list)
    return trail.origin, layer.node.op, layer.dims, tuple(attributes)


def _finding(used: Layer, other: Layer, what: str) -> Finding:
    return Finding(
        used.node,
        f"reads the model input in parallel with {other.node.place}, a layer of the same kind "
        f"({what}); a chain may have been intended",
        measured=2,
        limit=1,
        unit="layers of a kind",
        hint=f"feed the result of one to the other, if {other.node.place} was to come before it",
    )
