"""ONX034 duplicate-initializer-name."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from onnxlint import Draft, Finding, Fix, Graph, Scope, Severity, rule


@rule("ONX034", "duplicate-initializer-name", severity=Severity.ERROR)
def duplicate_initializer_name(graph: Graph) -> Iterator[Finding]:
    """Two initializers of one graph that have the same name.

    Why: one of the tensors is lost, and which one depends on the reader, so the model may compute
    something else in every runtime.
    Fix: rename one, together with its readers, or remove the one that is not meant. Where all are
    the same, `--fix` removes all but one.

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
        counts = Counter(scope.initializer_names)
        equal = _equal(scope) if len(counts) < counts.total() else {}
        for name, count in counts.items():
            if name and count > 1:
                yield Finding(
                    scope.values[name],
                    f"{count} initializers have this name",
                    measured=count,
                    limit=1,
                    unit="initializers of this name",
                    fix=Fix("keep one of the equal copies", _keep_one, scope, name)
                    if equal.get(name, 0) == count
                    else None,
                )


def _equal(scope: Scope) -> dict[str, int]:
    """How many dense initializers have each name, of those names that stand for equal ones."""
    copies: dict[str, list[Any]] = defaultdict(list)
    for tensor in scope.proto.initializer if scope.proto is not None else ():
        copies[tensor.name].append(tensor)
    return {
        name: len(tensors)
        for name, tensors in copies.items()
        if all(tensor == tensors[0] for tensor in tensors[1:])
    }


def _keep_one(draft: Draft, scope: Scope, name: str) -> None:
    initializers = draft.scope(scope).initializer
    for index in [i for i, tensor in enumerate(initializers) if tensor.name == name][:0:-1]:
        del initializers[index]
