"""ONX019 shapeless-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX019", "shapeless-input", severity=Severity.WARNING)
def shapeless_input(graph: Graph) -> Iterator[Finding]:
    """A tensor input of the model without a shape.

    Why: nothing can be inferred from it: memory cannot be planned, a caller does not know the rank,
    and mistakes show only at run time. onnx's checker refuses the model.
    Fix: declare the shape; sizes that vary get a symbol (`batch`), and no number.

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
            yield Finding(value, "the input has no shape")
