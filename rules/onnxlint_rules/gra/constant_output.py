"""GRA006 constant-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Severity, counted, rule


@rule("GRA006", "constant-output", severity=Severity.ERROR)
def constant_output(graph: Graph) -> Iterator[Finding]:
    """A model output that does not depend on any input.

    Why: the output never changes. Tracing froze the path from the input, or an intermediate was
    detached on the way through numpy. An error where layers computed it or where no output at all
    depends on the inputs; a plain constant beside a real output (anchors, thresholds, class labels)
    may be intended, and is a warning.
    Fix: compute it with tensor operations from the inputs; move intended constants from the outputs
    to the model's metadata.

    Bad:
    # a constant beside the prediction
    net (float[N, 2] x) => (float[N, 2] y, float[2] thresholds)
    <float[2] stored = {0.25, 0.75}>
    {
        y = Softmax(x)
        thresholds = Identity(stored)
    }

    Bad:
    # tracing baked the input of the layer
    net (float[1, 2] x) => (float[1, 2] y)
    <float[1, 2] baked = {1, 2}, float[2, 2] w = {1, 2, 3, 4}>
    {
        y = MatMul(baked, w)
    }

    Good:
    # only through the input's shape
    net (float[N, 2] x) => (float[M] y)
    {
        size = Shape <start = 0, end = 1> (x)
        y = ConstantOfShape(size)
    }

    Good:
    # noise is not constant
    net (float[N, 2] x) => (float[N, 2] y, float[4] noise)
    {
        y = Softmax(x)
        noise = RandomNormal <shape = [4]> ()
    }
    """
    inputs = len(graph.inputs)
    frozen = inputs > 0 and graph.varying.isdisjoint(graph.outputs)
    constant = [
        value
        for value in graph.outputs
        if value not in graph.varying and value.origin is not Origin.NOTHING
    ]
    weighed = (value for node in graph.layers() for value in node.outputs if value)
    computed = graph.descendants(weighed) if constant and not frozen else set()
    for value in constant:
        certain = frozen or value in computed
        yield Finding(
            value,
            f"does not depend on any input (the model has {counted(inputs, 'input')})",
            measured=0,
            limit=1,
            unit="inputs that reach it",
            severity=None if certain else Severity.WARNING,
            hint="compute it from the inputs, without detach() or numpy"
            if certain
            else "move this constant to the metadata, if it is intended",
        )
