"""ARC009 training-mode-batchnorm."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Layers, Node, Severity, counted, rule


@rule("ARC009", "training-mode-batchnorm", severity=Severity.ERROR, ops=("BatchNormalization",))
def training_mode_batchnorm(graph: Graph, layers: Layers) -> Iterator[Finding]:
    """A BatchNormalization in training mode.

    Why: the statistics are those of the batch, so the prediction for one sample depends on the
    other samples of its batch, and a batch of one loses all information. The model was exported in
    training mode, or without running statistics (pytorch/pytorch#75252); TensorRT and OpenVINO
    refuse it. If the updated statistics are used, the graph is a training step, and this is a
    warning. Weights that are standardised like this, independent of any input, are exempt.
    Fix: call `model.eval()` before the export, and do not build the layer with
    `track_running_stats=False`. Changing only the attribute changes the result
    (microsoft/onnxruntime#26584).

    Bad:
    net (float[N, 2, 8] x) => (float[N, 2, 8] y)
    <float[2] scale = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        y, new_mean, new_var = BatchNormalization <training_mode = 1> (x, scale, b, mean, var)
    }

    Good:
    net (float[N, 2, 8] x) => (float[N, 2, 8] y)
    <float[2] scale = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        y = BatchNormalization <training_mode = 0> (x, scale, b, mean, var)
    }
    """
    for node in graph.nodes("BatchNormalization"):
        if not _trains(node) or not layers.is_computed(node.input(0)):
            continue
        statistics = [value for value in node.outputs[1:] if value is not None]
        wanted = any(value.consumers or value.is_output for value in statistics)
        count = len(node.outputs)
        yield Finding(
            node,
            "in training mode: uses the statistics of the batch "
            f"({counted(count, 'output')}, inference has 1)",
            hint="export a model for inference with model.eval()"
            if wanted
            else "call model.eval() before the export, with track_running_stats=True in the layer",
            measured=count,
            limit=1,
            unit="outputs",
            severity=Severity.WARNING if wanted else Severity.ERROR,
        )


def _trains(node: Node) -> bool:
    """By an attribute from opset 14 on and before 7, and between them by the outputs."""
    opset = node.scope.opsets.get("", 14)
    if opset >= 14:
        return bool(node.attribute("training_mode", 0))
    return any(node.outputs[1:]) and not node.attribute("is_test", 0)
