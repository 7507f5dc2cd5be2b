"""ONX008 unknown-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule
from onnxlint.model.graph.operators import FORMER
from onnxlint_rules.onx._experimental import was_experimental

_OF_ONNXRUNTIME = ("LayerNormalization", "SimplifiedLayerNormalization")
"""Operators that onnxruntime 1.32 supports in the standard domain at every opset."""


@rule("ONX008", "unknown-operator", severity=Severity.ERROR)
def unknown_operator(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An operator that does not exist in the imported opset.

    Why: no runtime has to support such an operator. Most come from a later opset, or are
    onnxruntime's own, written into the standard domain by an optimiser, so that the model runs only
    there. Reported once per operator and opset. Not reported: model-local functions, vendors'
    domains, opsets newer than the installed onnx, and operators that were experimental up to opset
    9, such as Affine: onnxruntime runs these, and experimental-operator reports them. A node must
    name an operator in any domain.
    Fix: export with the opset that has the operator, or move the operator to a domain of its own.

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
            yield Finding(node, "node has no op_type", hint="set op_type, or remove the node")
        elif schemas.lacks(node) and not was_experimental(node):
            users[node.op, node.scope.opsets[node.domain]].append(node)
    for (op, opset), nodes in users.items():
        since = schemas.since(nodes[0])
        history = f"added in opset {since}" if since else "not in any opset"
        if op in _OF_ONNXRUNTIME:
            history += "; only onnxruntime runs it"
        yield Finding.of_nodes(
            nodes,
            f"{op} does not exist in opset {opset}: {history}",
            measured=opset,
            limit=since,
            unit="opset",
            hint=_advice(op, since),
        )


def _advice(op: str, since: int | None) -> str:
    if since is not None:
        return f"export with opset {since} or later"
    if op in _OF_ONNXRUNTIME:
        return "save the model without onnxruntime's optimisations, or use a standard operator"
    if op in FORMER:
        return f"replace {op} with standard operators"
    return f"check the spelling of {op}, or move it to a domain of its own"
