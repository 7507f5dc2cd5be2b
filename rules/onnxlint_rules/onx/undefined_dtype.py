"""ONX021 undefined-dtype."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX021", "undefined-dtype", severity=Severity.ERROR)
def undefined_dtype(graph: Graph) -> Iterator[Finding]:
    """A stored tensor, or a declared intermediate one, whose element type is UNDEFINED.

    Why: without it the bytes of a tensor mean nothing, and a declaration contradicts whatever the
    node computes. onnxruntime refuses the model. The same holds for a number that stands for no
    type. Inputs and outputs of the model without any type have the rules untyped-input and
    untyped-output.
    Fix: set the type; delete a `value_info` that knows none and let it be inferred.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].data_type = 0

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] h>
    {
        h = Relu(x)
        y = Exp(h)
    }
    >>> model.graph.value_info[0].type.tensor_type.elem_type = 0

    Good:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        h = Mul(x, w)
        y = Exp(h)
    }
    """
    from onnx import TensorProto

    known = set(TensorProto.DataType.values())
    interface = {*graph.main.inputs, *graph.outputs}
    for value in graph.values():
        if value.tensor_proto is not None and value.tensor_proto.data_type == 0:
            yield Finding(value, "the initializer has the element type UNDEFINED")
        elif value not in interface and value.is_declared and not value.is_typed:
            yield Finding(value, "its value_info has the element type UNDEFINED")
        elif value.type is not None and value.type.tensor_type.elem_type not in known:
            number = value.type.tensor_type.elem_type
            yield Finding(value, f"its element type is {number}, which the installed onnx lacks")
    for node in graph.nodes():
        for attribute in node.proto.attribute:
            if attribute.HasField("t") and attribute.t.data_type == 0:
                yield Finding(node, f"tensor {attribute.name!r} has the element type UNDEFINED")
