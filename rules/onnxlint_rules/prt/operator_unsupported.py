"""PRT003 operator-unsupported."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Support, Target, Targets, rule


@rule("PRT003", "operator-unsupported", severity=Severity.ERROR)
def operator_unsupported(
    graph: Graph, targets: Targets, support: Support, *, max_cpu_share: float = 0.1
) -> Iterator[Finding]:
    """An operator that a target has no implementation of, at this version or for this type.

    Why: a runtime needs code for every operator, version and element type, and has it for some. The
    model is valid and is refused when it is loaded (onnxruntime's NOT_IMPLEMENTED), often after an
    update of the opset or a conversion of the types. Once per operator and cause. What onnxruntime
    writes out with other operators is judged by these. Left to others are bfloat16
    (bfloat16-on-cpu), int8 in ConvInteger (convinteger-int8-weight) and int32 that is dequantised
    for TensorRT (asymmetric-for-tensorrt). Where the target is a part of onnxruntime whose CPU
    provider runs the node in its place, it works and costs copies: a warning if more than a tenth
    of the nodes go there, else an info (of 233 exports, CoreML leaves nodes of 200 to the CPU).
    Fix: cast to a type that the target has, export with an opset whose version it has, or spell the
    operator with others. `onnxlint targets NAME` says where the facts are from.

    Bad:
    # target: ort-cpu-1.32
    net (int16[N] x, int16[N] z) => (int16[N] y)
    {
        y = Max(x, z)
    }

    Bad:
    # target: tensorrt-10.15
    net (float[N] x) => (int64[1, M] y)
    {
        unique = Unique(x)
        y = NonZero(unique)
    }

    Good:
    # target: ort-cpu-1.32
    # it has no Mish, and writes it out
    net (int32[N] x, int32[N] z, float16[N] f) => (int32[N] y, float16[N] g)
    {
        y = Max(x, z)
        g = Mish(f)
    }
    """
    for target in targets.chosen():
        yield from _of_target(graph, target, support, max_cpu_share)


def _of_target(
    graph: Graph, target: Target, support: Support, max_cpu_share: float
) -> Iterator[Finding]:
    refused: dict[tuple[str, str], list[Node]] = defaultdict(list)
    lent: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes():
        refusal = support.refusal(node, target)
        if refusal is None or node.op == "Identity":  # which is gone before anything runs
            continue
        if refusal.on_host:
            lent[node.op].append(node)
        elif not _is_told_elsewhere(node, refusal.dtype, target):
            refused[node.op, refusal.reason].append(node)
    for (op, reason), nodes in refused.items():
        yield Finding(
            nodes[0],
            f"{target.name} does not run {op}: {reason}; nodes that use it: {len(nodes)}",
            measured=len(nodes),
            limit=0,
            unit="nodes",
        )
    if lent:
        all_nodes = sum(node.op not in ("Constant", "Identity") for node in graph.nodes())
        yield _lent(lent, target, all_nodes, max_cpu_share)


def _is_told_elsewhere(node: Node, dtype: str | None, target: Target) -> bool:
    """Whether a rule is about this cause alone, and knows the remedy."""
    what = (node.op, dtype)
    return (
        dtype == "bfloat16"
        or what == ("ConvInteger", "int8")
        or (what == ("DequantizeLinear", "int32") and target.family == "tensorrt")
    )


def _lent(lent: dict[str, list[Node]], target: Target, all_nodes: int, limit: float) -> Finding:
    """One finding for all operators that run elsewhere: together they split up the graph."""
    count = sum(map(len, lent.values()))
    ops = sorted(lent, key=lambda op: (-len(lent[op]), op))
    listed = ", ".join(ops[:8]) + (f" and {len(ops) - 8} more" if len(ops) > 8 else "")
    return Finding(
        lent[ops[0]][0],
        f"{target.name} leaves {count} of {all_nodes} nodes to the CPU: {listed}",
        measured=count / all_nodes,
        limit=limit,
        unit="fraction of nodes",
        severity=Severity.WARNING if count > limit * all_nodes else Severity.INFO,
    )
