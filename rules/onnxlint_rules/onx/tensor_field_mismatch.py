"""ONX030 tensor-field-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX030", "tensor-field-mismatch", severity=Severity.ERROR)
def tensor_field_mismatch(graph: Graph) -> Iterator[Finding]:
    """A tensor whose data is stored in the wrong field for its element type.

    Why: each element type has one field besides `raw_data`; strings have only that field. A reader
    finds this field empty, and rejects the tensor or treats it as empty.
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
    # float16 is stored in int32_data, bit by bit
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
                f"tensor {tensor.name!r}: {tensor.dtype} data is stored in {wrong[0]} instead of "
                f"{own}",
                hint=f"move the data to {own}, as onnx.numpy_helper.from_array does",
            )
