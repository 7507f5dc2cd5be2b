"""ARC005 missing-nonlinearity."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layer, Layers, PathToLayer, Severity, Value, rule
from onnxlint.model.graph.operators import AFFINE
from onnxlint_rules.arc._pairs import (
    centres,
    enters_attention,
    factorises,
    leaves_attention,
    merged_places,
    projects,
    share_axis,
)


@rule("ARC005", "missing-nonlinearity", severity=Severity.WARNING, ops=AFFINE)
def missing_nonlinearity(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """Two linear layers without a non-linearity between them: together they are one layer.

    Why: without an activation one layer could compute the same from the same input, so the weights
    of the second cost time and memory and learn nothing new. An activation was forgotten, or a
    batch normalisation was mistaken for one. Low-rank factorisations are exempt: fewer features
    between the layers than before and after them (adapters, embeddings), and grouped,
    one-dimensional and upsampling convolutions. So are a 1x1 convolution before one with more
    outputs, as between the blocks of MobileNet, a layer without a bias on centred data (PCA), one
    whose result is also used elsewhere (in a sum, by several heads, as an output), and the
    projections into and out of an attention. An info if one of the two is a 1x1 convolution and the
    other a larger one, as in autoencoders of images.
    Fix: add an activation between them, or merge the two.

    Bad:
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[3] b = {1, 2, 3}, float[3, 1] w = {1, 2, 3}>
    {
        h = MatMul(x, v)
        biased = Add(h, b)
        y = MatMul(biased, w)
    }

    Good:
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 3] v = {1, 2, 3, 4, 5, 6}, float[3, 1] w = {1, 2, 3}>
    {
        h = MatMul(x, v)
        active = Relu(h)
        y = MatMul(active, w)
    }

    Good:
    # 1 value between 2 and 3: a matrix of rank 1
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 1] v = {1, 2}, float[1, 3] w = {1, 2, 3}>
    {
        h = MatMul(x, v)
        y = MatMul(h, w)
    }
    """
    told: set[tuple[Value, Value]] = set()
    for layer in layers:
        trail = layers.trail(layer.data)
        first = trail.layer
        if first is None or not _is_sole(trail, layer, layers) or centres(first, trail):
            continue
        if leaves_attention(first, layers) or enters_attention(layer, layers):
            continue
        weights = first.weight, layer.weight
        if weights in told or not share_axis(first, trail, layer) or factorises(first, layer):
            continue
        told.add(weights)
        merged = merged_places(first, layer)
        before, between = first.inputs * merged, first.outputs * merged
        fewest = layer.outputs if projects(first) else min(before, layer.outputs)
        yield Finding(
            layer.node,
            f"no non-linearity between {first.node.place} and this layer: features {before:,} → "
            f"{between:,} → {layer.outputs:,} are equivalent to one layer (limit {fewest:,} in the "
            "middle)",
            hint=f"add an activation after {first.node.place}, or merge both into one layer "
            f"({before:,} → {layer.outputs:,})",
            measured=between,
            limit=fewest,
            unit="features between",
            severity=Severity.INFO if _has_pointwise(first, layer) else None,
        )


def _is_sole(trail: PathToLayer, layer: Layer, layers: Layers) -> bool:
    """Whether the first layer feeds only the second, and by affine steps only."""
    return trail.change <= Change.AFFINE and trail.alone and layers.readers(layer.data) == 1


def _has_pointwise(first: Layer, second: Layer) -> bool:
    """Whether exactly one of two convolutions has a kernel of size 1."""
    both = bool(first.kernel and second.kernel)
    return both and projects(first) != projects(second)
