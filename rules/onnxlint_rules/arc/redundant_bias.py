"""ARC008 redundant-bias."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Layer, Layers, Node, Severity, counted, rule
from onnxlint.model.graph.operators import BIAS_SLOT, CENTRING
from onnxlint_rules.arc._normalised import has_scale_per_feature, normalised_layer


@rule("ARC008", "redundant-bias", severity=Severity.INFO, ops=CENTRING)
def redundant_bias(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """A bias immediately before a normalisation that cancels it.

    Why: batch and instance normalisation subtract the mean of each channel, which includes the
    bias, so training the bias changes nothing; the normalisation has a bias of its own. The
    parameters are redundant, and their weight decay and updates are noise. A group normalisation
    counts if each channel is a group. A layer normalisation subtracts one mean over all features,
    which keeps the bias, so LayerNormalization is exempt.
    Fix: build the layer without a bias (`bias=False`, `use_bias=False`).

    Bad:
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] b = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}>
    {
        h = Conv(x, w, b)
        y = InstanceNormalization(h, s, o)
    }

    Good:
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}>
    {
        h = Conv(x, w)
        y = InstanceNormalization(h, s, o)
    }

    Good:
    # the mean is taken over the features
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2] b = {1, 2}, float[2] s = {1, 1}>
    {
        h = Gemm(x, w, b)
        y = LayerNormalization(h, s)
    }
    """
    for node in graph.nodes(*CENTRING):
        found = normalised_layer(node, layers)
        if found is None or not _normalises_channels(node, found[0], graph):
            continue
        layer, added = found
        own = BIAS_SLOT.get(layer.node.op) == 2 and layer.node.input(2) is not None
        if (own or added) and all(_adds_to_channels(step, layer, graph) for step in added):
            yield Finding(
                layer.node if own else added[-1],
                f"bias of {counted(layer.outputs, 'value')} is cancelled by {node.place}",
                hint="build the layer without a bias (bias=False)"
                if own
                else f"remove this Add: {node.place} has a bias of its own",
                measured=layer.outputs,
                limit=0,
                unit="bias values",
            )


def _normalises_channels(node: Node, layer: Layer, graph: Graph) -> bool:
    """Whether a normalisation subtracts a mean of its own from each of the layer's features."""
    if node.op == "GroupNormalization":
        return bool(layer.kernel) and node.attribute("num_groups", 0) == layer.outputs
    return has_scale_per_feature(node, layer, graph)


def _adds_to_channels(node: Node, layer: Layer, graph: Graph) -> bool:
    """Whether an addition gives each of the layer's features one constant."""
    tensors = filter(None, map(graph.tensor, node.inputs))
    dims = next((tensor.dims for tensor in tensors), ())
    axis = -1 - len(layer.kernel)
    counted = [size for place, size in enumerate(dims, -len(dims)) if place != axis]
    return len(dims) >= -axis and dims[axis] == layer.outputs and set(counted) <= {1}
