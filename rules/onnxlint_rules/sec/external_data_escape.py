"""SEC001 external-data-escape."""

from collections.abc import Iterator

from onnxlint import Danger, Finding, Preflight, Severity, rule


@rule("SEC001", "external-data-escape", severity=Severity.ERROR)
def external_data_escape(preflight: Preflight) -> Iterator[Finding]:
    """External data that lies outside the model's folder.

    Why: whoever opens the model reads whatever file it names, so a model from a stranger can
    carry off private files (CVE-2022-25882, CVE-2024-27318, CVE-2026-27489), and a model of one's
    own stops loading once it is moved. A hard link is a warning: package managers make them to
    save space, and an attacker to dodge the check of links. A symbolic link to another file of the
    folder is an info: onnxruntime follows it, and `onnx.load` and onnx's checker refuse it. Not
    reported where the model is a link itself, as in the cache of a model hub.
    Fix: put the data beside the model and save it with a plain file name
    (`onnx.save(model, path, save_as_external_data=True, location="model.data")`).

    Bad:
    net (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }
    >>> weight = model.graph.initializer[0]
    >>> weight.ClearField("float_data")
    >>> weight.data_location = 1
    >>> weight.external_data.add(key="location", value="../secrets.bin")

    Bad:
    # a link inside the folder leads out of it
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
    for hazard in preflight.of_files(Danger.ESCAPE):
        yield Finding(hazard, hazard.message)
    for hazard in preflight.of_files(Danger.HARDLINK):
        yield Finding(
            hazard,
            hazard.message,
            measured=hazard.measured,
            limit=hazard.limit,
            unit="names of the file",
            severity=Severity.WARNING,
        )
    for hazard in preflight.of_files(Danger.LINK):
        yield Finding(hazard, hazard.message, severity=Severity.INFO)
