"""ONX013 duplicate-definition."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint_rules.onx._origins import origin_of


@rule("ONX013", "duplicate-definition", severity=Severity.ERROR)
def duplicate_definition(graph: Graph) -> Iterator[Finding]:
    """A name that is defined twice in one graph: by its inputs, initializers or nodes.

    Why: a name denotes one tensor in the whole graph (single static assignment). Runtimes reject
    the model, and tools that do not check connect consumers to whichever definition they read last.
    An initializer for an input is the input's default, not a second definition. Functions have a
    rule of their own, function-not-sorted-or-ssa.
    Fix: rename the second tensor; after merging models, prefix the names of one.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
        y = Exp(x)
    }

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        w = Relu(x)
        y = Exp(w)
    }

    Good:
    # two branches may each have their own h
    net (bool flag, float[N] x, float[1] scale = {2}) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { h = Relu(x) p = Mul(h, scale) },
            else_branch = b () => (float[N] q) { h = Exp(x) q = Mul(h, scale) }
        >
    }
    """
    for scope in graph.scopes:
        if not scope.in_function:
            for again in scope.redefinitions:
                first = again.first
                yield Finding(
                    again,
                    f"{first.name!r} is already defined as {origin_of(first)}",
                    hint=f"rename one of the two values {first.name!r}, with its consumers",
                )
