"""ONX017 untyped-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX017", "untyped-input", severity=Severity.ERROR)
def untyped_input(graph: Graph) -> Iterator[Finding]:
    """A model input without a type, or with an undefined element type.

    Why: the type is part of the signature; without it onnxruntime refuses the model.
    Fix: set the input's type; `onnx.helper.make_tensor_value_info` writes a complete one.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.input[0].ClearField("type")

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.input[0].type.tensor_type.elem_type = 0

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    for value in graph.main.inputs:
        if not value.is_typed:
            yield Finding(value, "the input has no element type")
