"""SEC002 external-data-missing."""

from collections.abc import Iterator

from onnxlint import ExternalData, Finding, ProblemKind, Severity, rule


@rule("SEC002", "external-data-missing", severity=Severity.ERROR)
def external_data_missing(external: ExternalData) -> Iterator[Finding]:
    """External data that is missing or not a regular file.

    Why: the weights were left behind when the model was copied or renamed, and no runtime can load
    the rest. A directory, pipe or device in their place can block the program that reads it.
    Fix: ship the data file beside the model under the name in the model; to rename it, load the
    model and save it again.

    Bad:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")

    Good:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> (folder / "w.bin").write_bytes(bytes(8))
    """
    for hazard in external.of(ProblemKind.MISSING):
        hint = "put the data file beside the model, under the name in the model"
        yield Finding(hazard, hazard.message, hint=hint)
