"""ARC016 unfused-batchnorm."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layers, Severity, rule, together
from onnxlint_rules.arc._normalised import has_scale_per_feature, normalised_layer


@rule("ARC016", "unfused-batchnorm", severity=Severity.INFO, ops=("BatchNormalization",))
def unfused_batchnorm(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """A batch normalisation at inference that could be part of the layer before it.

    Why: with constant statistics it scales and shifts each channel, which the weights and bias of
    the layer can do at no cost. onnxruntime folds it when it loads the model; other runtimes pass
    over the maps once more, and quantisation sees values that nobody needs. PyTorch's dynamo
    exporter leaves it (PyTorch issue 141116). Left alone where the layer's values are used
    elsewhere, too. Once per model, at the first.
    Fix: fold it at export (`torch.nn.utils.fusion.fuse_conv_bn_eval`, onnxslim, onnxsim), except
    where the model is to be trained on.

    Bad:
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}, float[2] m = {0, 0},
     float[2] v = {1, 1}>
    {
        h = Conv(x, w)
        y = BatchNormalization(h, s, o, m, v)
    }

    Good:
    # it normalises what an activation gives
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}, float[2] m = {0, 0},
     float[2] v = {1, 1}>
    {
        h = Conv(x, w)
        active = Relu(h)
        y = BatchNormalization(active, s, o, m, v)
    }
    """
    yield from together(_foldable(graph, layers), "operators")


def _foldable(graph: Graph, layers: Layers) -> Iterator[Finding]:
    for node in graph.nodes("BatchNormalization"):
        found = normalised_layer(node, layers)
        if found is None or layers.change(node) != Change.AFFINE:
            continue
        layer, _ = found
        if has_scale_per_feature(node, layer, graph):
            yield Finding(
                node,
                f"its scale and shift of {layer.outputs:,} channels could be part of "
                f"{layer.node.place}",
                measured=1,
                limit=0,
                unit="operators",
            )
