"""ONX003 unknown-ir-version."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX003", "unknown-ir-version", severity=Severity.WARNING)
def unknown_ir_version(graph: Graph) -> Iterator[Finding]:
    """An IR version that the installed onnx does not know.

    Why: what the version added can neither be checked nor be read by a runtime built on this onnx
    or an older one: an IR version that is too new is the load error most often reported.
    Fix: lower `ir_version` if nothing of the newer one is used, or update onnx and the runtimes.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.ir_version = 9999

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    from onnx import IR_VERSION

    version = graph.model.proto.ir_version
    if version > IR_VERSION:
        yield Finding(
            graph.main,
            f"IR version is {version} (the installed onnx supports up to {IR_VERSION})",
            measured=version,
            limit=int(IR_VERSION),
            unit="IR version",
            hint=f"lower ir_version to {IR_VERSION} if nothing newer is used, or update onnx",
        )
