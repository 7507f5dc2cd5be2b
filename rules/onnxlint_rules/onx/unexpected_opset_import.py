"""ONX005 unexpected-opset-import."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX005", "unexpected-opset-import", severity=Severity.ERROR)
def unexpected_opset_import(graph: Graph) -> Iterator[Finding]:
    """Opset imports in a model whose IR version does not support them.

    Why: an IR version before 3 implies opset 1 of the standard domain. Strict readers ignore the
    imports or reject the model; onnx's checker rejects it.
    Fix: raise `ir_version` to 3 or higher, which the imports show to be intended.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.ir_version = 2

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.ir_version = 3
    """
    model = graph.model.proto
    imports = len(model.opset_import)
    if 1 <= model.ir_version < 3 and imports:
        yield Finding(
            graph.main,
            f"IR version {model.ir_version} does not support opset imports ({imports} found)",
            measured=imports,
            limit=0,
            unit="opset imports",
            hint="raise ir_version to 3 or higher",
        )
