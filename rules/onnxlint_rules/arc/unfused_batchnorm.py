"""ARC016 unfused-batchnorm."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layers, Severity, counted, rule, together
from onnxlint_rules.arc._normalised import has_scale_per_feature, normalised_layer


@rule("ARC016", "unfused-batchnorm", severity=Severity.INFO, ops=("BatchNormalization",))
def unfused_batchnorm(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """A BatchNormalization that can be folded into the layer before it.

    Why: with constant statistics a batch normalisation scales and shifts each channel, which the
    weights and bias of the layer can do at no cost. onnxruntime folds it when it loads the model;
    other runtimes read and write the feature maps once more, and quantisation calibrates on a value
    that could be avoided. PyTorch's dynamo exporter does not fold it (PyTorch issue 141116). Exempt
    if the layer's output is also used elsewhere. One finding for a model, at the first node.
    Fix: fold it at export (`torch.nn.utils.fusion.fuse_conv_bn_eval`, onnxslim, onnxsim), unless
    the model is to be trained further.

    Bad:
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}, float[2] m = {0, 0},
     float[2] v = {1, 1}>
    {
        h = Conv(x, w)
        y = BatchNormalization(h, s, o, m, v)
    }

    Good:
    # an activation is between the layer and the normalisation
    net (float[N, 1, H, W] x) => (float[N, 2, H, W] y)
    <float[2, 1, 1, 1] w = {1, 2}, float[2] s = {1, 1}, float[2] o = {0, 0}, float[2] m = {0, 0},
     float[2] v = {1, 1}>
    {
        h = Conv(x, w)
        active = Relu(h)
        y = BatchNormalization(active, s, o, m, v)
    }
    """
    yield from together(_foldable(graph, layers), "nodes")


def _foldable(graph: Graph, layers: Layers) -> Iterator[Finding]:
    for node in graph.nodes("BatchNormalization"):
        found = normalised_layer(node, layers)
        if found is None or layers.change(node) != Change.AFFINE:
            continue
        layer, _ = found
        if has_scale_per_feature(node, layer, graph):
            yield Finding(
                node,
                f"scale and shift of {counted(layer.outputs, 'channel')} can be folded into "
                f"{layer.node.place}",
                hint="fold at export, for example with torch.nn.utils.fusion.fuse_conv_bn_eval",
                measured=1,
                limit=0,
                unit="nodes",
            )
