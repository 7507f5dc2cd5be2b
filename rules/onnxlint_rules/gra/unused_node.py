"""GRA003 unused-node."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, Value, rule
from onnxlint.model.graph.operators import CONSTANT_OPS, SIZE_OPS

_BOOKKEEPING = CONSTANT_OPS | SIZE_OPS | {
    "Cast", "Concat", "Gather", "Identity", "Range", "Reshape", "Slice", "Squeeze", "Unsqueeze",
}  # fmt: skip
"""Operators that exporters compute shapes with. Others that only move values (Transpose, Flatten)
are written by people, who may have forgotten their result."""


@rule("GRA003", "unused-node", severity=Severity.WARNING)
def unused_node(graph: Graph) -> Iterator[Finding]:
    """Nodes that no output depends on.

    Why: a layer was computed and its result dropped, for example because `forward` assigns to `y`
    and continues with `x`: the model runs, but is not the intended network. At best the nodes are
    dead weight. Connected nodes are one finding, at the last of them. A model without outputs has
    the rule no-outputs. Where they only create constants and shapes, nothing was forgotten: the
    finding is an info, and `--fix` removes them. A forgotten layer is for a person to look at.
    Fix: use the result in `forward`, or remove the nodes, which changes no output.

    Bad:
    # the convolution's result is dropped
    net (float[N, 1, 8, 8] x, float[2, 1, 3, 3] w) => (float[N, 1, 8, 8] y)
    {
        c = Conv(x, w)
        dropped = Relu(c)
        y = Sigmoid(x)
    }

    Bad:
    # inside a subgraph
    net (bool flag, float[2] x) => (float[2] y)
    {
        y = If(flag) <
            then_branch = a () => (float[2] p) { p = Exp(x) dropped = Abs(x) },
            else_branch = b () => (float[2] q) { q = Exp(x) }
        >
    }

    Good:
    # one of its two outputs is used
    net (float[N, 8] x, int64[1] k) => (int64[N, 1] index)
    {
        score, index = TopK(x, k)
    }
    """
    if not graph.outputs:
        return
    dead = {
        node: position
        for position, node in enumerate(graph.nodes())
        if node not in graph.live and not _within_dead(graph, node)
    }
    for part in _parts(graph, dead):
        *_, last = sorted(part, key=dead.__getitem__)
        these = f"these {len(part):,} nodes" if len(part) > 1 else "this node"
        leftovers = all(node.op in _BOOKKEEPING for node in part)
        yield Finding(
            last,
            f"no output depends on {these}{' (last one shown)' * (len(part) > 1)}",
            measured=len(part),
            unit="nodes",
            severity=Severity.INFO if leftovers else None,
            fix=Fix("remove the unused nodes", Draft.remove, *part) if leftovers else None,
            hint=f"remove {these}"
            if leftovers
            else f"use the result in forward, or remove {these}",
        )


def _within_dead(graph: Graph, node: Node) -> bool:
    """Whether the node belongs to a subgraph of a dead node, which is then the finding."""
    return node.scope.owner is not None and node.scope.owner not in graph.live


def _parts(graph: Graph, dead: dict[Node, int]) -> Iterator[list[Node]]:
    """The dead nodes, those that share a value which no output needs in one list."""
    left = dict(dead)
    met: set[Value] = set()
    while left:
        first, _ = left.popitem()
        part = [first]
        for node in part:
            for value in (*node.inputs, *node.outputs):
                if value is None or value in graph.live or value in met:
                    continue
                met.add(value)
                beside = (*filter(None, [value.producer]), *value.consumers)
                part += [node for node in beside if left.pop(node, None) is not None]
        yield part
