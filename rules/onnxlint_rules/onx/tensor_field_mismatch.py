"""ONX030 tensor-field-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX030", "tensor-field-mismatch", severity=Severity.ERROR)
def tensor_field_mismatch(graph: Graph) -> Iterator[Finding]:
    """A tensor whose data stands in a field that is not for its element type.

    Why: every element type has one field of its own beside `raw_data`, and strings have no other.
    A reader looks into that field, finds nothing, and refuses the tensor or takes it for empty.
    Fix: write the tensor with `onnx.numpy_helper.from_array`, which chooses the field.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].data_type = 11

    Bad:
    # strings as raw bytes
    net (string[2] x) => (string[2] y)
    <string[2] w = {"a", "b"}>
    {
        y = StringConcat(x, w)
    }
    >>> model.graph.initializer[0].ClearField("string_data")
    >>> model.graph.initializer[0].raw_data = b"ab"

    Good:
    # halves stand in int32_data, bit by bit
    net (float16[2] x) => (float16[2] y)
    <float16[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    """
    for owner, tensor in graph.tensors:
        if tensor.is_raw and tensor.dtype != "string":
            continue  # as nearly all of a million
        own = tensor.typed_field
        allowed = (own,) if tensor.dtype == "string" else (own, "raw_data", "external_data")
        wrong = [field for field in tensor.filled_fields if field not in allowed]
        if own is not None and wrong:
            yield Finding(
                owner,
                f"tensor {tensor.name!r} keeps {tensor.dtype} data in {wrong[0]}, not in {own}",
            )
