"""PRT009 small-external-tensor."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Preflight, Severity, Targets, Value, rule

SHAPE_SLOTS = {
    "AffineGrid": (1,), "CenterCropPad": (1,), "Col2Im": (1, 2), "ConstantOfShape": (0,),
    "DFT": (2,), "Expand": (1,), "Pad": (1, 3), "ReduceL1": (1,), "ReduceL2": (1,),
    "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceMax": (1,), "ReduceMean": (1,),
    "ReduceMin": (1,), "ReduceProd": (1,), "ReduceSum": (1,), "ReduceSumSquare": (1,),
    "Reshape": (1,), "Resize": (2, 3), "STFT": (1,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "SplitToSequence": (1,), "Squeeze": (1,), "Tile": (1,), "TopK": (1,), "Unsqueeze": (1,),
    "Upsample": (1,),
}  # fmt: skip
"""Inputs that shape inference reads. Measured: onnxruntime 1.32 loads no model where one of these
is external; 1.16 to 1.28 neither, of the ten that were tried."""


@rule("PRT009", "small-external-tensor", severity=Severity.WARNING)
def small_external_tensor(
    graph: Graph, preflight: Preflight, targets: Targets, *, min_bytes: int = 1024
) -> Iterator[Finding]:
    """A shape, axis or size that is stored in another file, where shape inference does not read.

    Why: onnxruntime (from 1.16 to 1.32, as measured) does not load the model, and onnx infers no
    shapes: "Cannot parse data from external tensors" (onnxruntime issues 11137, 26261). An error
    where onnxruntime is a target; a warning without, as other runtimes load it. Small tensors that
    decide no shape harm nobody: they are an info, once per model, and PyTorch's exporter puts those
    above 256 bytes outside.
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
    # large, and no shape
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
    on_onnxruntime = any(target.is_onnxruntime for target in targets)
    small: list[Value] = []
    for value in graph.values():
        if value.tensor_proto is None or id(value.tensor_proto) not in external:
            continue
        reader = next((node for node in value.consumers if _reads_shape(node, value)), None)
        tensor = graph.tensor(value)
        if reader is not None:
            yield Finding(
                value,
                f"{reader.op} {reader.name!r} reads a shape from it, and its {tensor.nbytes} bytes "
                "are in another file",
                measured=tensor.nbytes,
                limit=0,
                unit="bytes",
                severity=Severity.ERROR if on_onnxruntime else None,
            )
        elif tensor.nbytes < min_bytes:
            small.append(value)
    if small:
        yield Finding(
            small[0],
            f"tensors of fewer than {min_bytes} bytes in other files: {len(small)}",
            measured=len(small),
            limit=0,
            unit="tensors",
            severity=Severity.INFO,
        )


def _reads_shape(node: Node, value: Value) -> bool:
    """Whether a value is at a slot that decides the shape of the node's output."""
    return any(node.input(slot) is value for slot in SHAPE_SLOTS.get(node.op, ()))
