"""ONX015 shadowed-name."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Scope, Severity, Value, rule


@rule("ONX015", "shadowed-name", severity=Severity.ERROR)
def shadowed_name(graph: Graph) -> Iterator[Finding]:
    """A name in a subgraph that the graph around it defines too.

    Why: a name means one tensor wherever it is visible, so runtimes refuse the model, and tools
    that inline or hoist nodes connect readers to the wrong tensor. onnx's checker lets an
    initializer of a branch pass; where the other branch reads the outer tensor, onnxruntime (1.32)
    reads that in both, and the answer is wrong without a word. A subgraph's own input that is
    named so is read as meant by onnxruntime and by onnx's checker, and gets a warning. What the
    outer graph computes after the subgraph's node, or with it, cannot be seen from inside, and may
    have the same name.
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

    Bad:
    net (bool flag, float[2] w, float[2] x) => (float[2] y)
    {
        y = If(flag) <
            then_branch = a () => (float[2] p) <float[2] w = {1, 2}> { p = Mul(w, x) },
            else_branch = b () => (float[2] q) { q = Add(w, x) }
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

    Good:
    # the node's own output, and one of a later node
    net (bool flag, float[N] x) => (float[N] y, float[N] late)
    {
        y = If(flag) <
            then_branch = a () => (float[N] y) { late = Exp(x) y = Relu(late) },
            else_branch = b () => (float[N] y) { y = Neg(x) }
        >
        late = Exp(y)
    }
    """
    for scope in graph.scopes:
        for value in scope.values.values() if scope.parent else ():
            outer = scope.parent.lookup(value.name)
            if outer is not None and not _comes_later(outer, scope, graph):
                yield Finding(
                    value,
                    f"{value.name!r} is also the name of an outer {outer.origin} ({outer.place})",
                    severity=Severity.WARNING if value.is_input else None,
                )


def _comes_later(outer: Value, scope: Scope, graph: Graph) -> bool:
    """Whether a value is made by the node that a scope stands in, or by one after it."""
    while scope.owner is not None and scope.owner.scope is not outer.scope:
        scope = scope.owner.scope
    owner, producer = scope.owner, outer.producer
    if owner is None or producer is None or producer.index < owner.index:
        return False
    made = [value for value in owner.outputs if value is not None]
    return owner is producer or producer not in graph.ancestors(made)  # in an unsorted file
