"""PRT003 operator-unsupported."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated

from onnxlint import ChosenTargets, Finding, Graph, Node, Option, Severity, Support, Target, rule
from onnxlint.analyses.targets.operator_support import Unsupported
from onnxlint_rules.prt._unsupported import fallback, has_own_rule


@rule("PRT003", "operator-unsupported", severity=Severity.ERROR)
def operator_unsupported(
    graph: Graph,
    targets: ChosenTargets,
    support: Support,
    *,
    max_cpu_share: Annotated[
        float, Option("share of nodes that may fall back to the CPU", unit="fraction of nodes")
    ] = 0.1,
) -> Iterator[Finding]:
    """An operator that a target does not implement at this version or for this type.

    Why: a runtime needs code for every operator, version and element type, and has it for some. The
    model is valid and is rejected when it is loaded (onnxruntime's NOT_IMPLEMENTED), often after an
    update of the opset or a conversion of the types. Reported once per operator and cause.
    Operators that onnxruntime expands are judged by their expansion. Reported by other rules:
    bfloat16 (bfloat16-on-cpu), int8 in ConvInteger (convinteger-int8-weight) and dequantised int32
    for TensorRT (asymmetric-for-tensorrt). If the target is a provider of onnxruntime and the CPU
    provider runs the node instead, the model works at the cost of copies: a warning if more than a
    tenth of the nodes fall back, else an info (of 233 exports, 200 have nodes that CoreML leaves to
    the CPU).
    Fix: cast to a type that the target supports, export with an opset whose version it supports, or
    write the operator with others. `onnxlint targets NAME` shows the sources of the facts.

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
    # without a kernel for Mish, which is expanded
    net (int32[N] x, int32[N] z, float16[N] f) => (int32[N] y, float16[N] g)
    {
        y = Max(x, z)
        g = Mish(f)
    }
    """
    for target in targets:
        yield from _of_target(graph, target, support, max_cpu_share)


def _of_target(
    graph: Graph, target: Target, support: Support, max_cpu_share: float
) -> Iterator[Finding]:
    refused: dict[tuple[str, Unsupported], list[Node]] = defaultdict(list)
    lent: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes():
        refusal = support.refusal(node, target)
        if refusal is None or node.op == "Identity":  # removed before anything runs
            continue
        if refusal.on_host:
            lent[node.op].append(node)
        elif not has_own_rule(node, refusal.dtype, target):
            refused[node.op, refusal].append(node)
    for (op, refusal), nodes in refused.items():
        yield Finding.of_nodes(
            nodes,
            f"{target.name} does not support {refusal.reason}",
            hint=f"cast to a type that {target.name} supports for {op}"
            if refusal.dtype
            else f"write {op} with supported operators, or export with another opset",
        )
    if lent:
        all_nodes = sum(node.op not in ("Constant", "Identity") for node in graph.nodes())
        yield fallback(lent, target, all_nodes, max_cpu_share)
