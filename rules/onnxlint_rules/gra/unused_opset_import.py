"""GRA011 unused-opset-import."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Scope, Severity, rule


@rule("GRA011", "unused-opset-import", severity=Severity.INFO)
def unused_opset_import(graph: Graph) -> Iterator[Finding]:
    """An opset import whose domain no node uses.

    Why: a runtime that does not know the domain, or not its version, rejects the model although it
    needs nothing from it. The standard domain is exempt: readers expect its import.
    Fix: remove the import.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.opset_import.add(domain="com.microsoft", version=1)

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    used = {node.domain for node in graph.nodes()}
    for scope in (graph.main, *graph.functions):
        for domain in scope.imports:
            if domain and domain not in used:
                yield Finding(
                    scope,
                    f"no node uses the imported domain {domain!r}",
                    measured=0,
                    limit=1,
                    hint=f"remove the import of {domain!r}",
                    fix=Fix(f"remove the import of {domain!r}", _remove_import, scope, domain),
                )


def _remove_import(draft: Draft, scope: Scope, domain: str) -> None:
    importer = draft.model if scope.parent is None and not scope.in_function else draft.scope(scope)
    kept = [entry for entry in importer.opset_import if entry.domain != domain]
    del importer.opset_import[:]
    importer.opset_import.extend(kept)
