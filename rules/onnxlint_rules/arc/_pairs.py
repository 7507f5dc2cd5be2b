"""Two layers with nothing non-linear between them: when that is meant."""

from math import prod

from onnxlint import Change, Layer, Layers, Node, PathToLayer, Value, Walk
from onnxlint.model.graph.operators import MULTIPLYING, RESHAPING, SIZE_OPS


def centres(first: Layer, trail: PathToLayer) -> bool:
    """Whether a constant is subtracted before a layer and nothing added behind it, as PCA does."""
    before = first.data.producer
    unbiased = len(first.node.inputs) == 2 and all(node.op != "Add" for node in trail.nodes)
    return before is not None and before.op == "Sub" and unbiased


def leaves_attention(layer: Layer, layers: Layers) -> bool:
    """Whether a layer reads what a product of two computed values gives."""
    trail = layers.trail(layer.data)
    before = trail.origin.producer
    return trail.layer is None and before is not None and before.op_type in MULTIPLYING


def enters_attention(layer: Layer, layers: Layers) -> bool:
    """Whether a layer's values go, shifted and laid out at most, into such a product."""
    walk = Walk([layer.node])
    read: Value | None = None
    for node in walk:
        change = Change.NONE if node is layer.node else layers.change(node, read)
        if change is None or change > Change.AFFINE:
            return layers.of(node) is None and node.op_type in MULTIPLYING
        read = node.output
        if read is not None and layers.readers(read) == 1:
            walk.add(next((r for r in read.consumers if r.op not in SIZE_OPS), None))
    return False


def share_axis(first: Layer, trail: PathToLayer, second: Layer) -> bool:
    """Whether both work along the same axis; a reshape keeps it unless it splits the features."""
    nodes = [*trail.nodes]
    if any(node.op in RESHAPING for node in nodes):
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
    perm = node.integers("perm")
    if not perm or axis % len(perm) not in perm:
        return None, None
    return perm.index(axis % len(perm)), len(perm)


def factorises(first: Layer, second: Layer) -> bool:
    """Whether the two together are less than the one layer that they stand for."""
    if first.groups > 1 or second.groups > 1:
        return True
    if _upsamples(first) or _upsamples(second) or _is_separable(first, second):
        return True
    merged, thinned = merged_places(first, second), prod(first.strides)
    before, between = first.inputs * merged, first.outputs * merged
    places = between / thinned, second.outputs / thinned / prod(second.strides)
    return any(
        middle < after and (projects(first) or middle < before)
        for middle, after in ((between, second.outputs), places)
    )


def merged_places(first: Layer, second: Layer) -> int:
    """How many places a flattening makes features of."""
    return max(1, second.inputs // first.outputs)


def projects(layer: Layer) -> bool:
    """Whether it is a convolution of size 1."""
    return bool(layer.kernel) and prod(layer.kernel) == 1


def _upsamples(layer: Layer) -> bool:
    return layer.node.op == "ConvTranspose" and prod(layer.strides) > 1


def _is_separable(first: Layer, second: Layer) -> bool:
    """Whether the kernels reach along different axes, as 1x7 and 7x1 do."""
    pairs = [*zip(first.kernel, second.kernel, strict=False)]
    return any(a > b for a, b in pairs) and any(a < b for a, b in pairs)
