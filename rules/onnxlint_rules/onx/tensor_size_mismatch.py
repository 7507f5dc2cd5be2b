"""ONX031 tensor-size-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX031", "tensor-size-mismatch", severity=Severity.ERROR)
def tensor_size_mismatch(graph: Graph) -> Iterator[Finding]:
    """A tensor in the model file that holds more or less data than its dims and dtype ask for.

    Why: the file was cut off, or an edit changed the dims and not the data. Runtimes refuse the
    model; a careless reader takes what follows in memory for weights. What lies in another file has
    the rule external-data-bounds.
    Fix: export again, or give the tensor the dims that its data has.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].dims[:] = [3]

    Bad:
    # no element, and data all the same
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
            stored, needed, unit = len(tensor.proto.string_data), tensor.size, "strings"
        else:
            stored, needed, unit = tensor.stored_bytes, tensor.nbytes, "bytes"
        if stored is not None and stored != needed:
            yield Finding(
                owner,
                f"tensor {tensor.name!r} holds {stored:,} {unit} where "
                f"{tensor.dtype}{list(tensor.dims)} needs {needed:,}",
                measured=stored,
                limit=needed,
                unit=unit,
            )
