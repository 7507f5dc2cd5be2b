"""ONX002 invalid-ir-version."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX002", "invalid-ir-version", severity=Severity.ERROR)
def invalid_ir_version(graph: Graph) -> Iterator[Finding]:
    """The IR version is missing or no version.

    Why: it says how the file is to be read; runtimes refuse a model without it.
    Fix: set `model.ir_version` to the one that the tool wrote for; onnx's `helper.make_model` does.

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
        yield Finding(
            graph.main, f"IR version is {version}, and the first was 1", measured=version, limit=1
        )
