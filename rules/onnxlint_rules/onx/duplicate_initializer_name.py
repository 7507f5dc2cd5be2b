"""ONX034 duplicate-initializer-name."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX034", "duplicate-initializer-name", severity=Severity.ERROR)
def duplicate_initializer_name(graph: Graph) -> Iterator[Finding]:
    """Two initializers of one graph that have the same name.

    Why: one of the tensors is lost, and which one depends on the reader, so the model may compute
    something else in every runtime.
    Fix: rename one, together with its readers, or remove the one that is not meant.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer.append(model.graph.initializer[0])

    Good:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}, float[2] v = {1, 2}>
    {
        h = Mul(x, w)
        y = Add(h, v)
    }
    """
    for scope in graph.scopes:
        for name, count in Counter(scope.initializer_names).items():
            if name and count > 1:
                yield Finding(
                    scope.values[name],
                    f"{count} initializers have this name",
                    measured=count,
                    limit=1,
                    unit="initializers of this name",
                )
