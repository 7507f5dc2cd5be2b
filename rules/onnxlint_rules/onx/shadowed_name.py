"""ONX015 shadowed-name."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX015", "shadowed-name", severity=Severity.ERROR)
def shadowed_name(graph: Graph) -> Iterator[Finding]:
    """A name in a subgraph that the graph around it defines too.

    Why: a name means one tensor wherever it is visible, so runtimes refuse the model, and tools
    that inline or hoist nodes connect readers to the wrong tensor. A subgraph's own input that is
    named so is read as meant by onnxruntime and by onnx's checker, and gets a warning.
    Fix: give the inner tensor a name of its own.

    Bad:
    net (bool flag, float[N] x) => (float[N] y)
    {
        h = Exp(x)
        y = If(flag) <
            then_branch = a () => (float[N] h) { h = Relu(x) },
            else_branch = b () => (float[N] q) { q = Neg(h) }
        >
    }

    Good:
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { h = Exp(x) p = Relu(h) },
            else_branch = b () => (float[N] q) { h = Abs(x) q = Neg(h) }
        >
    }
    """
    for scope in graph.scopes:
        for value in scope.values.values() if scope.parent else ():
            outer = scope.parent.lookup(value.name)
            if outer is not None:
                yield Finding(
                    value,
                    f"{value.name!r} is also the name of an outer {outer.origin} ({outer.place})",
                    severity=Severity.WARNING if value.is_input else None,
                )
