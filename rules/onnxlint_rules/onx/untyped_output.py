"""ONX018 untyped-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Severity, rule


@rule("ONX018", "untyped-output", severity=Severity.ERROR)
def untyped_output(graph: Graph) -> Iterator[Finding]:
    """A model output without a type, or with an undefined element type.

    Why: the type is part of the signature; without it callers cannot
    prepare what they receive, and onnx's checker refuses the model.
    Fix: set the output's type; `onnx.helper.make_tensor_value_info` writes a complete one.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.output[0].ClearField("type")

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.output[0].type.tensor_type.elem_type = 0

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    assert graph.main.proto is not None
    for value, info in zip(graph.outputs, graph.main.proto.output, strict=True):
        kind = info.type.WhichOneof("value")
        is_typed = kind is not None and (
            kind != "tensor_type" or info.type.tensor_type.elem_type != 0
        )
        if not is_typed and value.origin is not Origin.NOTHING:
            yield Finding(value, "the output has no element type")
