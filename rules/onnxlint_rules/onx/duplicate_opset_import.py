"""ONX006 duplicate-opset-import."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX006", "duplicate-opset-import", severity=Severity.ERROR)
def duplicate_opset_import(graph: Graph) -> Iterator[Finding]:
    """A domain that is imported more than once.

    Why: with two versions it is ambiguous which one applies: readers take the first, the last or
    the highest. The empty name and `ai.onnx` are the same domain. Importing the same version twice,
    as skl2onnx 1.20 does for forests, is harmless: an info.
    Fix: keep the import that the operators were written for.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.opset_import.add(domain="ai.onnx", version=12)

    Good:
    # two domains
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.opset_import.add(domain="com.microsoft", version=1)
    """
    for scope in (graph.main, *graph.functions):
        for domain, versions in scope.imports.items():
            if len(versions) > 1:
                listed, name = ", ".join(map(str, versions)), domain or "ai.onnx"
                yield Finding(
                    scope,
                    f"{name!r} is imported {len(versions)} times: {listed}",
                    measured=len(versions),
                    limit=1,
                    unit="imports of the domain",
                    severity=Severity.INFO if len(set(versions)) == 1 else None,
                    hint=f"keep one import of {name!r}, with the intended version",
                )
