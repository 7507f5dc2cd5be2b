"""ARC005 missing-nonlinearity."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layer, Layers, Severity, Trail, Value, rule
from onnxlint_rules.arc._pairs import (
    centres,
    enters_attention,
    factorises,
    leaves_attention,
    merged_places,
    projects,
    share_axis,
)

OPS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum")


@rule("ARC005", "missing-nonlinearity", severity=Severity.WARNING, ops=OPS)
def missing_nonlinearity(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """Two layers with nothing non-linear between them, which are worth one.

    Why: without an activation the second layer computes nothing that one layer could not compute
    from the same input, so its weights cost time and memory and learn nothing new. An activation
    was forgotten, or a batch normalisation was taken for one. Layers that factorise a large one are
    left alone: where the features between are fewer than those before and after (low-rank layers,
    adapters, embeddings), and grouped, one-dimensional and upsampling convolutions. So are a
    convolution of size 1 before one that gives more, as between the blocks of MobileNet, a layer
    without a bias on centred data (PCA), and one whose result is used elsewhere, too: in a sum, by
    several heads, as an output, and the projections that lead into an attention and out of it. An
    info where a convolution of size 1 stands beside a larger one, as autoencoders of images have
    it.
    Fix: put the activation between them, or merge the two.

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
            f"nothing non-linear stands between it and {first.node.place}: the features go from "
            f"{before:,} to {between:,} to {layer.outputs:,}, and with {fewest:,} or more between "
            "the two are worth one layer",
            measured=between,
            limit=fewest,
            unit="features between",
            severity=Severity.INFO if _has_pointwise(first, layer) else None,
        )


def _is_sole(trail: Trail, layer: Layer, layers: Layers) -> bool:
    """Whether the first layer feeds the second alone, and by affine steps alone."""
    return trail.change <= Change.AFFINE and trail.alone and layers.readers(layer.data) == 1


def _has_pointwise(first: Layer, second: Layer) -> bool:
    """Whether one of two convolutions looks at single places, and the other at more."""
    both = bool(first.kernel and second.kernel)
    return both and projects(first) != projects(second)
