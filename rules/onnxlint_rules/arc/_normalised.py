"""What the rules about normalisations behind a layer share."""

from onnxlint import Change, Graph, Layer, Layers, Node


def normalised_layer(node: Node, layers: Layers) -> tuple[Layer, list[Node]] | None:
    """The layer whose features a normalisation alone reads, and the biases added between."""
    value = node.input(0)
    trail = None if value is None else layers.trail(value)
    if value is None or trail is None or trail.layer is None:
        return None
    if not trail.alone or layers.readers(value) != 1:
        return None
    added: list[Node] = []
    for step in trail.nodes:
        if step.op == "Add":
            added.append(step)
        elif layers.change(step) != Change.NONE:
            return None
    return trail.layer, added


def has_scale_per_feature(node: Node, layer: Layer, graph: Graph) -> bool:
    """Whether a normalisation has one constant scale for each of a layer's features."""
    scale = graph.tensor(node.input(1))
    return scale is not None and scale.dims == (layer.outputs,) and layer.axis != -2
