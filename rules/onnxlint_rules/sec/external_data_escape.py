"""SEC001 external-data-escape."""

from collections.abc import Iterator

from onnxlint import ExternalData, Finding, ProblemKind, Severity, rule

_HINT = "do not load it if its source is not trusted; else put the data beside the model"


@rule("SEC001", "external-data-escape", severity=Severity.ERROR)
def external_data_escape(external: ExternalData) -> Iterator[Finding]:
    """External data outside the model's folder.

    Why: whoever opens the model reads the file that it names, so an untrusted model can read
    private files (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489), and your own model stops loading
    once it is moved. A hard link is a warning: package managers create them to save space, and an
    attacker to evade the check of links. A symbolic link to another file of the folder is an info:
    onnxruntime follows it, but `onnx.load` and onnx's checker reject it. Not reported where the
    model is a link itself, as in the cache of a model hub.
    Fix: put the data beside the model and save it with a plain file name (`onnx.save(model, path,
    save_as_external_data=True, location="model.data")`).

    Bad:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="../secrets.bin")

    Bad:
    # a link inside the folder to a file outside
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> (folder / "w.bin").symlink_to("/etc/hostname")

    Bad:
    # a link to a file beside it
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="w.bin")
    >>> (folder / "real.bin").write_bytes(bytes(8))
    >>> (folder / "w.bin").symlink_to("real.bin")

    Good:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="weights/..w.bin")
    >>> (folder / "weights").mkdir()
    >>> (folder / "weights" / "..w.bin").write_bytes(bytes(8))
    """
    for hazard in external.of(ProblemKind.ESCAPE):
        yield Finding(hazard, hazard.message, hint=_HINT)
    for hazard in external.of(ProblemKind.HARDLINK):
        yield Finding(
            hazard,
            hazard.message,
            measured=hazard.measured,
            limit=hazard.limit,
            unit="names of the file",
            hint="replace the hard link by a copy of the file",
            severity=Severity.WARNING,
        )
    for hazard in external.of(ProblemKind.LINK):
        hint = "replace the link by the file itself"
        yield Finding(hazard, hazard.message, severity=Severity.INFO, hint=hint)
