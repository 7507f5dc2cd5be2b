"""ONX017 untyped-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint_rules.onx._types import gap


@rule("ONX017", "untyped-input", severity=Severity.ERROR)
def untyped_input(graph: Graph) -> Iterator[Finding]:
    """A model input without a type, or with an undefined element type.

    Why: the type is part of the signature; without it onnxruntime rejects the model. An initializer
    for the input does not supply a type. The same holds for a sequence, an optional or a map that
    does not declare the type of its elements, and for an opaque type without a name.
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

    Bad:
    net (seq(float[N]) x, int64 at) => (float[N] y)
    {
        y = SequenceAt(x, at)
    }
    >>> model.graph.input[0].type.sequence_type.ClearField("elem_type")

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "com.example" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.example.Read(x)
    }
    >>> model.graph.input[0].type.opaque_type.domain = "com.example"

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
    net (map(int64, float) x, optional(seq(float[N])) s) => (float[1, 3] y)
    {
        y = ai.onnx.ml.CastMap<map_form = "SPARSE", max_map = 3>(x)
    }
    """
    for value in graph.main.inputs:
        lacks = gap(value.type) if value.type is not None else "element type"
        if lacks is not None:
            hint = f"declare the {lacks} of input {value.name!r}"
            yield Finding(value, f"input has no {lacks}", hint=hint)
