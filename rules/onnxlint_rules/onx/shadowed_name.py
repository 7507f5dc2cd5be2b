"""ONX015 shadowed-name."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Scope, Severity, Value, rule
from onnxlint_rules.onx._origins import origin_of


@rule("ONX015", "shadowed-name", severity=Severity.ERROR)
def shadowed_name(graph: Graph) -> Iterator[Finding]:
    """A subgraph value that shadows a name of an enclosing graph.

    Why: a name denotes one tensor wherever it is visible, so runtimes reject the model, and tools
    that inline or hoist nodes connect consumers to the wrong tensor. onnx's checker accepts an
    initializer of a branch; if the other branch uses the outer tensor, onnxruntime (1.32) uses that
    in both, and the result is silently wrong. A subgraph's own input with such a name is read as
    intended by onnxruntime and by onnx's checker: a warning. Values that the outer graph computes
    after the subgraph's node, or that this node outputs, are not visible inside and may share the
    name.
    Fix: rename the inner tensor.

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
        parent = scope.parent
        for value in scope.values.values() if parent else ():
            outer = parent.lookup(value.name) if parent is not None else None
            if outer is not None and not _comes_later(outer, scope, graph):
                yield Finding(
                    value,
                    f"{value.name!r} shadows {origin_of(outer)} of an enclosing graph",
                    severity=Severity.WARNING if value.is_input else None,
                    hint=f"rename {value.name!r} in the subgraph",
                )


def _comes_later(outer: Value, scope: Scope, graph: Graph) -> bool:
    """Whether the node that owns a scope, or one after it, produces a value."""
    while scope.owner is not None and scope.owner.scope is not outer.scope:
        scope = scope.owner.scope
    owner, producer = scope.owner, outer.producer
    if owner is None or producer is None or producer.index < owner.index:
        return False
    made = [value for value in owner.outputs if value is not None]
    return owner is producer or producer not in graph.ancestors(made)  # in an unsorted file
