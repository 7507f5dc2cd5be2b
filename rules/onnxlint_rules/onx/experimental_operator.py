"""ONX010 experimental-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule
from onnxlint.model.graph.operators import FORMER
from onnxlint_rules.onx._experimental import was_experimental


@rule("ONX010", "experimental-operator", severity=Severity.WARNING)
def experimental_operator(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An experimental operator, or one of a preview domain.

    Why: such an operator may change or be removed without a new version, and few runtimes support
    it. Affine, Crop, ImageScaler and others were removed; onnxruntime still runs them up to opset
    9. Reported once per operator.
    Fix: write it with stable operators, or make sure that every target supports it.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "ai.onnx.preview.training" : 1]>
    net (float r, int64 t, float[1] x, float[1] g, float[1] h) => (float[1] x2, float[1] h2)
    {
        x2, h2 = ai.onnx.preview.training.Adagrad(r, t, x, g, h)
    }

    Bad:
    <ir_version: 3, opset_import: ["" : 7]>
    net (float[1, 1, 2, 2] x) => (float[1, 1, 2, 2] y)
    {
        y = Affine <alpha = 2.0, beta = 1.0> (x)
    }

    Good:
    # a standard operator
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    users: dict[str, list[Node]] = defaultdict(list)
    for schema, nodes in schemas.uses(graph):
        preview = schema.domain.startswith("ai.onnx.preview")
        if preview or schema.support_level == schema.SupportType.EXPERIMENTAL:
            users[nodes[0].op] += nodes
    for node in graph.nodes(*FORMER):
        if was_experimental(node) and schemas.lacks(node):
            users[node.op].append(node)
    for op, nodes in users.items():
        hint = f"replace {op} with stable operators, or verify that every target supports it"
        yield Finding.of_nodes(
            nodes, f"{op} is experimental", measured=len(nodes), limit=0, unit="nodes", hint=hint
        )
