"""ARC005 missing-nonlinearity."""

from collections.abc import Iterator
from math import prod

from onnxlint import Change, Finding, Graph, Layer, Layers, Node, Severity, Trail, Value, rule

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
    several heads, as an output. An info where a convolution of size 1 stands beside a larger one,
    as autoencoders of images have it.
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
        if first is None or not _is_sole(trail, layer, layers) or _centres(first, trail):
            continue
        weights = first.weight, layer.weight
        if weights in told or not _share_axis(first, trail, layer) or _factorises(first, layer):
            continue
        told.add(weights)
        merged = _merged(first, layer)
        before, between = first.inputs * merged, first.outputs * merged
        fewest = layer.outputs if _projects(first) else min(before, layer.outputs)
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


def _centres(first: Layer, trail: Trail) -> bool:
    """Whether a constant is subtracted before a layer and nothing added behind it, as PCA does."""
    before = first.data.producer
    unbiased = len(first.node.inputs) == 2 and all(node.op != "Add" for node in trail.nodes)
    return before is not None and before.op == "Sub" and unbiased


def _share_axis(first: Layer, trail: Trail, second: Layer) -> bool:
    """Whether both work along the same axis; a reshape keeps it unless it splits the features."""
    nodes = [*trail.nodes]
    if any(node.op in ("Reshape", "Flatten", "Squeeze", "Unsqueeze") for node in nodes):
        return first.outputs <= second.inputs
    axis, rank = first.axis, len(first.kernel) + 2 if first.kernel else None
    for node in reversed(nodes):
        axis, rank = _turned(axis, rank, node)
    wanted = second.axis
    if first.outputs != second.inputs or axis is None or wanted is None:
        return first.outputs == second.inputs
    rank = len(second.kernel) + 2 if second.kernel else rank
    return axis == wanted if rank is None else axis % rank == wanted % rank


def _turned(axis: int | None, rank: int | None, node: Node) -> tuple[int | None, int | None]:
    """Where a transposition puts an axis."""
    if node.op != "Transpose" or axis is None:
        return axis, rank
    perm = node.attribute("perm", [])
    if not perm:
        return None, None
    return perm.index(axis % len(perm)), len(perm)


def _factorises(first: Layer, second: Layer) -> bool:
    """Whether the two together are less than the one layer that they stand for."""
    if first.groups > 1 or second.groups > 1:
        return True
    if _upsamples(first) or _upsamples(second) or _is_separable(first, second):
        return True
    merged, thinned = _merged(first, second), prod(first.strides)
    before, between = first.inputs * merged, first.outputs * merged
    places = between / thinned, second.outputs / thinned / prod(second.strides)
    return any(
        middle < after and (_projects(first) or middle < before)
        for middle, after in ((between, second.outputs), places)
    )


def _merged(first: Layer, second: Layer) -> int:
    """How many places a flattening makes features of."""
    return max(1, second.inputs // first.outputs)


def _projects(layer: Layer) -> bool:
    """Whether it is a convolution of size 1."""
    return bool(layer.kernel) and prod(layer.kernel) == 1


def _upsamples(layer: Layer) -> bool:
    return layer.node.op == "ConvTranspose" and prod(layer.strides) > 1


def _is_separable(first: Layer, second: Layer) -> bool:
    """Whether the kernels reach along different axes, as 1x7 and 7x1 do."""
    pairs = [*zip(first.kernel, second.kernel, strict=False)]
    return any(a > b for a, b in pairs) and any(a < b for a, b in pairs)


def _has_pointwise(first: Layer, second: Layer) -> bool:
    """Whether one of two convolutions looks at single places, and the other at more."""
    both = bool(first.kernel and second.kernel)
    return both and _projects(first) != _projects(second)
