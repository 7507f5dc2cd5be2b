"""DAT001 input-format."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Inputs, Place, Severity, rule


@rule("DAT001", "input-format", severity=Severity.ERROR)
def input_format(graph: Graph, inputs: Inputs) -> Iterator[Finding]:
    """Data that does not match the model's inputs in name, dtype, rank or shape.

    Why: the preprocessing and the model that was exported no longer agree: a library that stores
    images channels last, a label left among the features, float64 where float32 is expected.
    onnxruntime rejects such data, so the model was not run. An info where only the dtype differs
    and can be converted without loss of range, which was done here.
    Fix: the finding names the likely cause; prepare the data as in training, and keep that code
    beside the export.

    Bad:
    # data: x = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # data: x = [[1.0, 2.0], [4.0, 5.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    values = {value.name: value for value in graph.inputs}
    misfits = inputs.misfits
    for misfit in misfits:
        hint = misfit.cause or "prepare the data as in training"
        yield Finding(values.get(misfit.input or "", Place()), misfit.problem, hint=hint)
    dtypes = {slot.name: slot.dtype for slot in inputs.slots}
    for name, dtype in ({} if misfits else inputs.fed.converted).items():
        wanted = dtypes[name]
        message = f"data is {dtype}, model expects {wanted} (converted)"
        hint = f"convert it with .astype('{wanted}'): onnxruntime accepts no other dtype"
        yield Finding(values[name], message, severity=Severity.INFO, hint=hint)
