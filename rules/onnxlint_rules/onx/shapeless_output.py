"""ONX020 shapeless-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX020", "shapeless-output", severity=Severity.INFO)
def shapeless_output(graph: Graph) -> Iterator[Finding]:
    """A tensor output of the model without a shape.

    Why: callers learn the rank only by running the model, and onnx's checker rejects it.
    onnxruntime runs it, and shape inference can often supply the shape: an info.
    Fix: declare the shape; a dynamic dimension gets a name (`batch`) instead of a number.

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
            hint = f"declare the shape of {value.name!r}; name a dynamic dimension, such as 'batch'"
            yield Finding(value, "output has no shape", hint=hint)
