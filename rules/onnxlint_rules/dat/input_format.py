"""DAT001 input-format."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Inputs, Place, Severity, rule


@rule("DAT001", "input-format", severity=Severity.ERROR)
def input_format(graph: Graph, inputs: Inputs) -> Iterator[Finding]:
    """Data that is not what the model's inputs are: names, dtypes, axes, shapes.

    Why: what prepares the data and what the model was exported for have parted: a library that
    stores images channels last, a label left among the features, doubles where float32 is wanted.
    onnxruntime refuses such data, and so nothing was run. An info where only the dtype is another
    one that can be converted without loss of range, which was done here.
    Fix: the finding names the likely cause; prepare the data as the training did, and keep that
    code beside the export.

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
        yield Finding(values.get(misfit.input or "", Place()), str(misfit))
    dtypes = {slot.name: slot.dtype for slot in inputs.slots}
    for name, dtype in ({} if misfits else inputs.fed.converted).items():
        wanted = dtypes[name]
        told = f"the data is {dtype}, the model wants {wanted}: converted here"
        remedy = f"onnxruntime takes no other dtype, so convert it (.astype('{wanted}'))"
        yield Finding(values[name], f"{told}; {remedy}", severity=Severity.INFO)
