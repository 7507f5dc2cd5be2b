"""ONX002 invalid-ir-version."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX002", "invalid-ir-version", severity=Severity.ERROR)
def invalid_ir_version(graph: Graph) -> Iterator[Finding]:
    """The IR version is missing or invalid.

    Why: the version says how to read the file; runtimes reject a model without it.
    Fix: set `model.ir_version` to the version that the exporter wrote; onnx's `helper.make_model`
    does.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.ClearField("ir_version")

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    version = graph.model.proto.ir_version
    if version < 1:
        needs = "3 or higher, which opset imports require" if graph.main.opsets else "1 or higher"
        yield Finding(
            graph.main,
            f"IR version is {version} (valid versions start at 1)",
            measured=version,
            limit=1,
            unit="IR version",
            hint=f"set model.ir_version to {needs}",
        )
