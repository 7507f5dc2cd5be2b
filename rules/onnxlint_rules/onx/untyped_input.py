"""ONX017 untyped-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX017", "untyped-input", severity=Severity.ERROR)
def untyped_input(graph: Graph) -> Iterator[Finding]:
    """A model input without a type, or with an undefined element type.

    Why: the type is part of the signature; without it onnxruntime refuses the model.
    An initializer for the input does not give it one.
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
        kind = value.type.WhichOneof("value") if value.type is not None else None
        if kind is None or (kind == "tensor_type" and not value.type.tensor_type.elem_type):
            yield Finding(value, "the input has no element type")
