"""INT004 non-tensor-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("INT004", "non-tensor-output", severity=Severity.WARNING)
def non_tensor_output(graph: Graph) -> Iterator[Finding]:
    """An output that is a map, a sequence or an optional instead of a tensor.

    Why: mobile and browser runtimes and most bindings only return tensors (onnxruntime issues
    15918, 22505, 19571). scikit-learn's converter returns class probabilities as a sequence of maps
    unless told otherwise, which is also slow. Sequences and optionals without maps are rare and
    usually intended: they are an info.
    Fix: convert with `options={"zipmap": False}`; otherwise output the tensors themselves.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (seq(map(int64, float)) y)
    {
        y = ai.onnx.ml.ZipMap <classlabels_int64s = [0, 1]> (x)
    }

    Instead:
    # a sequence inside
    net (float[N, 2] x) => (float[M, 2] y)
    {
        parts = SplitToSequence(x)
        y = ConcatFromSequence <axis = 0> (parts)
    }
    """
    for value in graph.outputs:
        kind = value.type.WhichOneof("value") if value.type is not None else None
        if kind not in (None, "tensor_type"):
            has_maps = "map_type" in str(value.type)
            plain = kind.removesuffix("_type").replace("_", " ")
            yield Finding(
                value,
                f"output {value.name!r} is of type {plain}, not a tensor",
                severity=Severity.WARNING if has_maps else Severity.INFO,
                hint="convert with options={'zipmap': False}" if has_maps else "output its tensors",
            )
