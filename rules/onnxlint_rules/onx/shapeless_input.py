"""ONX019 shapeless-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX019", "shapeless-input", severity=Severity.WARNING)
def shapeless_input(graph: Graph) -> Iterator[Finding]:
    """A tensor input of the model without a shape.

    Why: no shape can be inferred from it: memory cannot be planned, callers do not know the rank,
    and mistakes show only at run time. onnx's checker rejects the model.
    Fix: declare the shape; a dynamic dimension gets a name (`batch`) instead of a number.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.input[0].type.tensor_type.ClearField("shape")

    Good:
    # a scalar has a shape: without any dims
    net (float x) => (float y)
    {
        y = Relu(x)
    }
    """
    for value in graph.main.inputs:
        declared = None if value.type is None else value.type.tensor_type
        if declared is not None and declared.elem_type and not declared.HasField("shape"):
            hint = f"declare the shape of {value.name!r}; name a dynamic dimension, such as 'batch'"
            yield Finding(value, "input has no shape", hint=hint)
