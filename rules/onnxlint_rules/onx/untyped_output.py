"""ONX018 untyped-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Severity, rule
from onnxlint_rules.onx._types import gap


@rule("ONX018", "untyped-output", severity=Severity.ERROR)
def untyped_output(graph: Graph) -> Iterator[Finding]:
    """A model output without a type, or with an undefined element type.

    Why: the type is part of the signature; without it callers cannot allocate buffers, and onnx's
    checker rejects the model. The same holds for a sequence, an optional or a map that does not
    declare the type of its elements, and for an opaque type without a name.
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

    Bad:
    net (float[N] x) => (seq(float[N]) y)
    {
        y = SequenceConstruct(x)
    }
    >>> model.graph.output[0].type.sequence_type.ClearField("elem_type")

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "com.example" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.example.Handle(x)
    }
    >>> model.graph.output[0].type.opaque_type.domain = "com.example"

    Good:
    <ir_version: 10, opset_import: ["" : 21, "com.example" : 1]>
    # an opaque type
    net (float[N] x) => (float[N] y)
    {
        y = com.example.Handle(x)
    }
    >>> model.graph.output[0].type.opaque_type.name = "Handle"

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    assert graph.main.proto is not None
    for value, info in zip(graph.outputs, graph.main.proto.output, strict=True):
        lacks = gap(info.type)
        if lacks is not None and value.origin is not Origin.NOTHING:
            hint = f"declare the {lacks} of output {value.name!r}"
            yield Finding(value, f"output has no {lacks}", hint=hint)
