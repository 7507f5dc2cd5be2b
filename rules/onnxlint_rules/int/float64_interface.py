"""INT003 float64-interface."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, NotApplicable, Severity, Shapes, rule


@rule("INT003", "float64-interface", severity=Severity.WARNING)
def float64_interface(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A neural network with float64 inputs or outputs.

    Why: numpy's default type was exported by accident. Inputs of float32 are rejected, GPUs and
    many runtimes have no float64 kernels (onnxruntime issues 2874, 6320, 8382), and where they
    exist, they are slow. An info where only outputs are float64 and no layer computes in it: this
    rejects no input. Classical models (ai.onnx.ml) need it for their thresholds, and are exempt.
    Fix: cast the model and its example input to float32 before the export.

    Bad:
    net (double[N, 2] x) => (double[N, 1] y)
    <double[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }

    Instead:
    # double inside, float at the interface
    net (float[N, 2] x) => (float[N, 1] y)
    <double[2, 1] w = {1, 2}>
    {
        wide = Cast <to = 11> (x)
        sum = MatMul(wide, w)
        y = Cast <to = 1> (sum)
    }
    """
    if any(node.domain == "ai.onnx.ml" for node in graph.nodes()):
        raise NotApplicable("the model has classical operators (ai.onnx.ml), which need float64")
    weights = [graph.tensor(value) for node in graph.layers() for value in node.inputs]
    dtypes = {weight.dtype for weight in weights if weight is not None}
    if not dtypes:
        raise NotApplicable("no layer of the model has constant weights")
    interface = [*graph.inputs, *graph.outputs]
    types = {value: shapes.of(value) for value in interface}
    wide = [value for value, shape in types.items() if shape and shape.dtype == "double"]
    harmless = "double" not in dtypes and not any(value.is_input for value in wide)
    if wide:
        names = ", ".join(value.name for value in wide)
        yield Finding(
            wide[0],
            f"{len(wide)} of {len(interface)} inputs and outputs "
            f"{'are' if wide[1:] else 'is'} float64: {names}",
            measured=len(wide),
            limit=0,
            unit="inputs and outputs",
            hint="cast the model and its example input to float32, and export again",
            severity=Severity.INFO if harmless else None,
        )
