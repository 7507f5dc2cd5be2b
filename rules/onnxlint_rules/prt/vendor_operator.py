"""PRT004 vendor-operator."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, Node, NotApplicable, Schemas, Severity, rule
from onnxlint.model.graph.operators import FORMER
from onnxlint_rules.prt._machine import kind

IN_DEFAULT_DOMAIN = FORMER | {"SimplifiedLayerNormalization"}
"""Operators that onnxruntime has in the default domain and ONNX does not, or no longer."""


@rule("PRT004", "vendor-operator", severity=Severity.WARNING)
def vendor_operator(graph: Graph, schemas: Schemas, targets: ChosenTargets) -> Iterator[Finding]:
    """Operators of one runtime in a model for another.

    Why: what onnxruntime's optimiser saves (com.microsoft: FusedConv, SkipLayerNormalization) runs
    in onnxruntime, and every other target needs its own implementation (V issue 13177, burn issue
    3412). One finding per domain. A warning, as a plugin may supply the implementation; an error
    for an operator of onnxruntime in the default domain, which every reader treats as ONNX's own.
    Only checked for targets other than onnxruntime; machine-specific operators have the rule
    runtime-optimised-graph.
    Fix: export again without the optimisation, and let each runtime optimise the model.

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
    # a target that has these operators
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.QuickGelu(x)
    }
    """
    others = [target for target in targets if not target.is_onnxruntime]
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
            yield Finding.of_nodes(
                nodes,
                f"{target.name} does not support operators {where}: {ops}",
                severity=None if domain else Severity.ERROR,
                hint="save the model without onnxruntime's optimisations"
                if domain in ("", "com.microsoft")
                else f"replace the operators of {domain}, or add a plugin for {target.name}",
            )
