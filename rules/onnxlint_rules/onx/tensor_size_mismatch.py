"""ONX031 tensor-size-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX031", "tensor-size-mismatch", severity=Severity.ERROR)
def tensor_size_mismatch(graph: Graph) -> Iterator[Finding]:
    """A tensor in the model file with more or less data than its dims and dtype require.

    Why: the file is truncated, or an edit changed the dims and not the data. Runtimes reject the
    model; a reader without a check reads adjacent memory as weights. External data has the rule
    external-data-bounds.
    Fix: export again, or set the tensor's dims to those of its data.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].dims[:] = [3]

    Bad:
    # no element, but data
    net (float[2] x) => (float[2] y)
    <float[0] w = {}>
    {
        y = Concat <axis = 0> (x, w)
    }
    >>> model.graph.initializer[0].raw_data = b"1234"

    Good:
    # two elements of four bits share a byte
    net (float[3] x, float scale) => (float[3] y)
    <int4[3] w = {1, 2, 3}>
    {
        z = DequantizeLinear(w, scale)
        y = Mul(x, z)
    }
    >>> model.graph.initializer[0].ClearField("int32_data")
    >>> model.graph.initializer[0].raw_data = bytes(2)
    """
    for owner, tensor in graph.tensors:
        fields = tensor.filled_fields
        if len(fields) > 1 or not {*fields} <= {"raw_data", tensor.typed_field}:
            continue
        if tensor.dtype == "string":
            unit, needed = "strings", tensor.size
            stored: int | None = len(tensor.proto.string_data)
        else:
            unit, stored, needed = "bytes", tensor.stored_bytes, tensor.nbytes
        if stored is not None and stored != needed:
            yield Finding(
                owner,
                f"tensor {tensor.name!r} contains {stored:,} {unit if stored != 1 else unit[:-1]}, "
                f"{tensor.dtype}{list(tensor.dims)} requires {needed:,}",
                measured=stored,
                limit=needed,
                unit=unit,
                hint="export again, or set dims and data_type to those of the stored data",
            )
