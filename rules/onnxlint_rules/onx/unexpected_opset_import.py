"""ONX005 unexpected-opset-import."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX005", "unexpected-opset-import", severity=Severity.ERROR)
def unexpected_opset_import(graph: Graph) -> Iterator[Finding]:
    """Opset imports in a model of an IR version before 3, which has none.

    Why: such a version means opset 1 of the standard domain. Readers that keep to it ignore the
    imports or refuse the model; onnx's checker refuses it.
    Fix: raise `ir_version` to 3 or more, which the imports show to be meant.

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
            f"IR version {model.ir_version} has no opset imports, and here are {imports}",
            measured=imports,
            limit=0,
            unit="opset imports",
        )
