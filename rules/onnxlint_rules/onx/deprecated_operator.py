"""ONX009 deprecated-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule

_STILL_RUN = ("GroupNormalization",)
"""Operators that onnxruntime 1.32 runs although deprecated, of all that onnx 1.23 deprecates."""

_REMEDIES = {
    "GroupNormalization": "export with opset 21 or later",
    "Scatter": "replace Scatter with ScatterElements",
    "Upsample": "replace Upsample with Resize",
}


@rule("ONX009", "deprecated-operator", severity=Severity.ERROR)
def deprecated_operator(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An operator that its opset has deprecated.

    Why: onnx's checker and onnxruntime reject the model. A warning where onnxruntime still runs the
    operator, such as GroupNormalization before opset 21. Reported once per operator.
    Fix: export with the operator that replaced it (Resize for Upsample), or import the last opset
    that had it.

    Bad:
    <ir_version: 5, opset_import: ["" : 10]>
    net (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        y = Upsample(x, scales)
    }

    Good:
    <ir_version: 5, opset_import: ["" : 9]>
    # before its deprecation
    net (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y)
    <float[4] scales = {1, 1, 2, 2}>
    {
        y = Upsample(x, scales)
    }
    """
    users: dict[tuple[str, int], list[Node]] = defaultdict(list)
    for schema, nodes in schemas.uses(graph):
        if schema.deprecated:
            users[nodes[0].op, schema.since_version] += nodes
    for (op, since), nodes in users.items():
        opset = nodes[0].scope.opsets[nodes[0].domain]
        remedy = _REMEDIES.get(op, f"replace {op}, or import opset {since - 1}")
        yield Finding.of_nodes(
            nodes,
            f"{op} is deprecated since opset {since}; the model imports {opset}",
            measured=opset,
            limit=since,
            unit="opset",
            severity=Severity.WARNING if op in _STILL_RUN else None,
            hint=remedy,
        )
