"""PRT004 vendor-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, NotApplicable, Schemas, Severity, Targets, rule
from onnxlint_rules.prt._machine import kind

IN_DEFAULT_DOMAIN = frozenset(
    ("Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
     "SimplifiedLayerNormalization")
)  # fmt: skip
"""Operators that onnxruntime has in the default domain and ONNX has not, or has no more."""


@rule("PRT004", "vendor-operator", severity=Severity.WARNING)
def vendor_operator(graph: Graph, schemas: Schemas, targets: Targets) -> Iterator[Finding]:
    """Operators of one runtime in a model for another.

    Why: what onnxruntime's optimiser saves (com.microsoft: FusedConv, SkipLayerNormalization) runs
    in onnxruntime, and every other target needs code of its own for it (V issue 13177, burn issue
    3412). One finding per domain. A warning, as a plugin may bring the code; an error for one of
    onnxruntime's operators in the default domain, where every reader takes it for ONNX's own. Only
    judged for targets that are not onnxruntime; what was made for one machine has the rule
    runtime-optimised-graph.
    Fix: export again without the optimisation, and let each runtime optimise for itself.

    Bad:
    # target: tensorrt-10.15
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.QuickGelu(x)
    }

    Bad:
    # target: openvino
    net (float[N, 4] x, float[4] scale) => (float[N, 4] y)
    {
        y = SimplifiedLayerNormalization <axis = -1> (x, scale)
    }

    Good:
    # target: ort-cpu
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.QuickGelu(x)
    }
    """
    others = [target for target in targets.chosen() if not target.is_onnxruntime]
    if not others:
        raise NotApplicable("every target is onnxruntime")
    foreign: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes():
        if node.called is not None or kind(node) is not None:
            continue
        if node.domain not in schemas.domains:
            foreign[node.domain].append(node)
        elif node.op in IN_DEFAULT_DOMAIN and schemas.lacks(node):
            foreign[""].append(node)
    for target in others:
        for domain, nodes in foreign.items():
            if domain in target.domains:
                continue
            ops = ", ".join(sorted({node.op_type for node in nodes})[:8])
            where = f"of {domain}" if domain else "of onnxruntime in the default domain"
            yield Finding(
                nodes[0],
                f"{target.name} does not know operators {where}: {ops}; nodes: {len(nodes)}",
                measured=len(nodes),
                limit=0,
                unit="nodes",
                severity=None if domain else Severity.ERROR,
            )
