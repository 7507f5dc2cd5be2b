"""QNT002 convinteger-int8-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Support, Target, Targets, rule


@rule("QNT002", "convinteger-int8-weight", severity=Severity.WARNING, ops=("ConvInteger",))
def convinteger_int8_weight(
    graph: Graph, shapes: Shapes, targets: Targets, support: Support
) -> Iterator[Finding]:
    """A ConvInteger whose data or weight is int8.

    Why: `quantize_dynamic` turns every convolution into this operator, with int8 as its default.
    Onnxruntime supports it on the CPU from 1.24 on; older versions and most other runtimes only
    support uint8 and reject the model: "Could not find an implementation for ConvInteger" (issues
    12558, 15888 and 24183, fixed by 26585). An error if a target is known to lack it; not reported
    if all targets support it. One finding for a model.
    Fix: quantise the weights as `QuantType.QUInt8`, or quantise convolutions statically, which is
    also faster; else exclude them (`op_types_to_quantize=["MatMul"]`).

    Bad:
    net (uint8[1, 2, 4, 4] x) => (int32[1, 1, 4, 4] y)
    <int8[1, 2, 1, 1] w = {1, -2}>
    {
        y = ConvInteger(x, w)
    }

    Bad:
    # target: ort-cpu-1.20
    net (uint8[1, 2, 4, 4] x) => (int32[1, 1, 4, 4] y)
    <int8[1, 2, 1, 1] w = {1, -2}>
    {
        y = ConvInteger(x, w)
    }

    Good:
    net (uint8[1, 2, 4, 4] x) => (int32[1, 1, 4, 4] y)
    <uint8[1, 2, 1, 1] w = {129, 126}, uint8 zero = {0}, uint8 middle = {128}>
    {
        y = ConvInteger(x, w, zero, middle)
    }

    Good:
    # target: ort-cpu-1.24
    net (uint8[1, 2, 4, 4] x) => (int32[1, 1, 4, 4] y)
    <int8[1, 2, 1, 1] w = {1, -2}>
    {
        y = ConvInteger(x, w)
    }
    """
    nodes = [
        node
        for node in graph.nodes("ConvInteger")
        if any((shape := shapes.of(value)) and shape.dtype == "int8" for value in node.inputs[:2])
    ]
    lacking = [t.name for t in targets if any(_lacks_int8(t, node, support) for node in nodes)]
    if nodes and (lacking or not targets):
        where = ", ".join(lacking) or "onnxruntime before 1.24"
        yield Finding.of_nodes(
            nodes,
            f"{where} {'do' if len(lacking) > 1 else 'does'} not support ConvInteger with int8",
            hint="quantise the weights as QuantType.QUInt8, or the convolutions statically",
            severity=Severity.ERROR if lacking else Severity.WARNING,
        )


def _lacks_int8(target: Target, node: Node, support: Support) -> bool:
    refusal = support.refusal(node, target)
    return refusal is not None and refusal.dtype == "int8" and not refusal.on_host
