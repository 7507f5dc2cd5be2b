"""ONX032 tensor-several-fields."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX032", "tensor-several-fields", severity=Severity.ERROR)
def tensor_several_fields(graph: Graph) -> Iterator[Finding]:
    """A tensor with data in several fields, or with both data and a reference to external data.

    Why: each reader decides which data to use, so results may differ between runtimes; onnxruntime
    rejects the tensor. The usual cause is a tool that copied weights to another file and left the
    old ones in the model, which doubles its size.
    Fix: keep one field and clear the others.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].raw_data = bytes(8)

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].external_data.add(key="location", value="w.bin")
    >>> model.graph.initializer[0].data_location = 1
    >>> (folder / "w.bin").write_bytes(bytes(8))

    Good:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].ClearField("float_data")
    >>> model.graph.initializer[0].raw_data = bytes(8)
    """
    for owner, tensor in graph.tensors:
        filled = tensor.filled_fields
        if len(filled) > 1:
            yield Finding(
                owner,
                f"tensor {tensor.name!r} has data in {len(filled)} fields (limit 1): "
                f"{', '.join(filled)}",
                measured=len(filled),
                limit=1,
                unit="fields",
                hint="keep the data in one field, and clear the others",
            )
