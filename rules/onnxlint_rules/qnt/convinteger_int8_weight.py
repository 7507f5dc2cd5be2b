"""QNT002 convinteger-int8-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Support, Target, Targets, rule


@rule("QNT002", "convinteger-int8-weight", severity=Severity.WARNING, ops=("ConvInteger",))
def convinteger_int8_weight(
    graph: Graph, shapes: Shapes, targets: Targets, support: Support
) -> Iterator[Finding]:
    """A ConvInteger whose data or weight is int8.

    Why: `quantize_dynamic` makes it out of every convolution, int8 being its default. Onnxruntime
    runs it on the CPU from 1.24 on; older ones, and most other runtimes, have uint8 alone and do
    not load the model: "Could not find an implementation for ConvInteger" (issues 12558, 15888 and
    24183, mended by 26585). An error where a target is known to lack it, and nothing where all
    targets have it. Once for a model.
    Fix: give the weights `QuantType.QUInt8`, or quantise convolutions statically, which is faster,
    too; else leave them out (`op_types_to_quantize=["MatMul"]`).

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
        yield Finding(
            nodes[0],
            f"{where} cannot run ConvInteger with int8; nodes that have it: {len(nodes)}",
            measured=len(nodes),
            limit=0,
            unit="nodes",
            severity=Severity.ERROR if lacking else Severity.WARNING,
        )


def _lacks_int8(target: Target, node: Node, support: Support) -> bool:
    refusal = support.refusal(node, target)
    return refusal is not None and refusal.dtype == "int8" and not refusal.on_host
