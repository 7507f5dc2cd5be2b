"""ONX020 shapeless-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX020", "shapeless-output", severity=Severity.INFO)
def shapeless_output(graph: Graph) -> Iterator[Finding]:
    """A tensor output of the model without a shape.

    Why: a caller learns the rank only by running the model, and onnx's checker refuses it.
    onnxruntime runs it, and shape inference can often fill the gap: an info.
    Fix: declare the shape; sizes that vary get a symbol (`batch`), and no number.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.output[0].type.tensor_type.ClearField("shape")

    Good:
    # a scalar has a shape: without any dims
    net (float x) => (float y)
    {
        y = Relu(x)
    }
    """
    assert graph.main.proto is not None
    for value, info in zip(graph.outputs, graph.main.proto.output, strict=True):
        tensor = info.type.tensor_type
        if tensor.elem_type != 0 and not tensor.HasField("shape"):
            yield Finding(value, "the output has no shape")
