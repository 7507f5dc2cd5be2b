"""GRA003 unused-node."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule
from onnxlint.model.graph.operators import BOOKKEEPING


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
    values = (value for value in graph.values() if value not in graph.live)
    dead = {node: position for position, node in enumerate(graph.nodes()) if _is_dead(node, graph)}
    for vertices in graph.parts({*values, *dead}):
        part = sorted(dead.keys() & vertices, key=dead.__getitem__)
        if not part:  # nothing but initializers
            continue
        these = f"these {len(part):,} nodes" if len(part) > 1 else "this node"
        leftovers = all(node.op in BOOKKEEPING for node in part)
        yield Finding(
            part[-1],
            f"no output depends on {these}{' (last one shown)' * (len(part) > 1)}",
            measured=len(part),
            unit="nodes",
            severity=Severity.INFO if leftovers else None,
            fix=Fix("remove the unused nodes", Draft.remove, *part) if leftovers else None,
            hint=f"remove {these}"
            if leftovers
            else f"use the result in forward, or remove {these}",
        )


def _is_dead(node: Node, graph: Graph) -> bool:
    """Whether no output needs it, but the node that owns its subgraph, if any, is needed."""
    owner = node.scope.owner
    return node not in graph.live and (owner is None or owner in graph.live)
