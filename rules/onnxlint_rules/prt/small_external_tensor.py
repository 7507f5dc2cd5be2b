"""PRT009 small-external-tensor."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Graph, Option, Preflight, Severity, Targets, Value, counted, rule


@rule("PRT009", "small-external-tensor", severity=Severity.WARNING)
def small_external_tensor(
    graph: Graph,
    preflight: Preflight,
    targets: Targets,
    *,
    min_bytes: Annotated[
        int, Option("size from which tensors are stored externally", unit="bytes")
    ] = 1024,
) -> Iterator[Finding]:
    """A shape, axis or size stored as external data, which shape inference does not read.

    Why: onnxruntime (measured with 1.16 to 1.32) does not load the model, and onnx infers no
    shapes: "Cannot parse data from external tensors" (onnxruntime issues 11137, 26261). An error if
    onnxruntime is a target; otherwise a warning, as other runtimes load it. Small tensors that do
    not determine a shape are harmless: an info, once per model; PyTorch's exporter stores those
    above 256 bytes externally.
    Fix: save again with `size_threshold=1024`
    (`onnx.save(model, path, save_as_external_data=True, size_threshold=1024)`).

    Bad:
    net (float[N, 4] x) => (float[M, 2] y)
    <int64[2] shape = {-1, 2}>
    {
        y = Reshape(x, shape)
    }
    >>> (folder / "shape.bin").write_bytes((-1).to_bytes(8, "little", signed=True) + bytes(8))
    >>> shape = model.graph.initializer[0]
    >>> shape.ClearField("int64_data")
    >>> shape.data_location = 1
    >>> shape.external_data.add(key="location", value="shape.bin")

    Good:
    # large, and not a shape
    net (float[N, 16] x) => (float[N, 16] y)
    <float[16, 16] w = {}>
    {
        y = MatMul(x, w)
    }
    >>> (folder / "w.bin").write_bytes(bytes(1024))
    >>> w = model.graph.initializer[0]
    >>> w.ClearField("float_data")
    >>> w.data_location = 1
    >>> w.external_data.add(key="location", value="w.bin")
    """
    external = {id(each.proto) for each in preflight.externals}
    if not external:
        return
    small: list[Value] = []
    for value in graph.values():
        tensor = graph.tensor(value) if id(value.tensor_proto) in external else None
        if tensor is None:
            continue
        reader = next((node for node in value.consumers if value in node.shape_inputs), None)
        if reader is not None:
            yield Finding(
                value,
                f"{reader.place} reads a shape from this tensor, which is stored externally "
                f"({tensor.nbytes} bytes)",
                measured=tensor.nbytes,
                limit=0,
                unit="bytes",
                severity=Severity.ERROR if any(t.is_onnxruntime for t in targets) else None,
                hint=f"save with size_threshold={min_bytes}, which keeps {value.name!r} inside",
            )
        elif tensor.nbytes < min_bytes:
            small.append(value)
    if small:
        yield Finding(
            small[0],
            f"{counted(len(small), 'tensor')} smaller than {min_bytes} bytes "
            f"{'is' if len(small) == 1 else 'are'} stored externally",
            measured=len(small),
            limit=0,
            unit="tensors",
            severity=Severity.INFO,
            hint=f"save with size_threshold={min_bytes} to keep them in the model file",
        )
