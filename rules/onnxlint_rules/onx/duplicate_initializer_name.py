"""ONX034 duplicate-initializer-name."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from onnxlint import Draft, Finding, Fix, Graph, Scope, Severity, rule


@rule("ONX034", "duplicate-initializer-name", severity=Severity.ERROR)
def duplicate_initializer_name(graph: Graph) -> Iterator[Finding]:
    """Two initializers of one graph that have the same name.

    Why: readers keep one of the tensors, and differ in which one, so results may differ between
    runtimes.
    Fix: rename one and update its consumers, or remove the one that is not intended. If all are
    equal, `--fix` removes all but one.

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
                same = equal.get(name, 0) == count
                hint = "remove all but one" if same else "remove all but one, or rename the others"
                yield Finding(
                    scope.values[name],
                    f"name shared by {count} initializers",
                    measured=count,
                    limit=1,
                    unit="initializers of this name",
                    fix=Fix("keep one of the equal copies", _keep_one, scope, name)
                    if same
                    else None,
                    hint=hint,
                )


def _equal(scope: Scope) -> dict[str, int]:
    """How many dense initializers have each name, of names whose initializers are all equal."""
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
