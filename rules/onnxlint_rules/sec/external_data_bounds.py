"""SEC003 external-data-bounds."""

from collections.abc import Iterator

from onnxlint import ExternalData, Finding, ProblemKind, Severity, rule


@rule("SEC003", "external-data-bounds", severity=Severity.ERROR)
def external_data_bounds(external: ExternalData) -> Iterator[Finding]:
    """A tensor whose byte range does not fit its file, or its shape and dtype.

    Why: the data file was truncated or belongs to another export, and the weights would be wrong; a
    forged range makes careless readers allocate or read without bounds (CVE-2026-34445).
    Fix: export again, and ship the model and the data file of the same export together.

    Bad:
    # the file ends before the tensor does
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> weight.external_data.add(key="offset", value="4096")
    >>> (folder / "w.bin").write_bytes(bytes(4100))

    Good:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> weight.external_data.add(key="offset", value="4096")
    >>> weight.external_data.add(key="length", value="8")
    >>> (folder / "w.bin").write_bytes(bytes(4104))
    """
    for hazard in external.of(ProblemKind.BOUNDS):
        hint = "ship the model and the data file of the same export together"
        yield Finding(hazard, hazard.message, hazard.measured, hazard.limit, "bytes", hint=hint)
