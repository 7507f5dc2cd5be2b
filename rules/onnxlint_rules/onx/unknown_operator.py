"""ONX008 unknown-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule
from onnxlint_rules.onx._experimental import was_experimental

_OF_ONNXRUNTIME = ("LayerNormalization", "SimplifiedLayerNormalization")
"""Operators that onnxruntime 1.32 has in the standard domain at every opset."""


@rule("ONX008", "unknown-operator", severity=Severity.ERROR)
def unknown_operator(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An operator that a standard domain does not have at the imported opset.

    Why: no runtime has to know it. Mostly an operator of a later opset, or one of onnxruntime's own
    that an optimiser wrote into the standard domain, so that the model runs there and nowhere else.
    Once per operator and opset. Not judged: the model's own functions, domains of vendors, opsets
    newer than the installed onnx, and what was experimental up to opset 9, such as Affine, which
    onnxruntime runs and experimental-operator reports. A node must name an operator in any domain.
    Fix: export with the opset that has the operator, or give the operator its own domain.

    Bad:
    # Gelu came with opset 20
    net (float[N] x) => (float[N] y)
    {
        y = Gelu(x)
    }
    >>> model.opset_import[0].version = 19

    Bad:
    net (float[N, 4] x, float[4] scale) => (float[N, 4] y)
    {
        y = SimplifiedLayerNormalization <axis = -1> (x, scale)
    }

    Bad:
    # experimental up to opset 9
    net (float[N] x) => (float[N] y)
    {
        y = Affine <alpha = 2.0, beta = 1.0> (x)
    }
    >>> model.opset_import[0].version = 10

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Gelu(x)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.QuickGelu(x)
    }
    """
    users: dict[tuple[str, int], list[Node]] = defaultdict(list)
    for node in graph.nodes():
        if not node.op_type:
            yield Finding(node, "the node names no operator")
        elif schemas.lacks(node) and not was_experimental(node):
            users[node.op, node.scope.opsets[node.domain]].append(node)
    for (op, opset), nodes in users.items():
        since = schemas.since(nodes[0])
        history = f"it came with opset {since}" if since else "no opset has it"
        if op in _OF_ONNXRUNTIME:
            history += ", and only onnxruntime runs it all the same"
        yield Finding(
            nodes[0],
            f"{op} is not in opset {opset}: {history}; nodes that use it: {len(nodes)}",
            measured=opset,
            limit=since,
            unit="opset",
        )
