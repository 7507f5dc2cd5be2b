"""Operators that a target does not run itself: which rule reports them, and what runs them."""

from __future__ import annotations

from onnxlint import Finding, Node, Severity, Target, listed


def has_own_rule(node: Node, dtype: str | None, target: Target) -> bool:
    """Whether another rule reports this cause, with its remedy."""
    what = (node.op, dtype)
    return (
        dtype == "bfloat16"
        or what == ("ConvInteger", "int8")
        or (what == ("DequantizeLinear", "int32") and target.family == "tensorrt")
    )


def fallback(lent: dict[str, list[Node]], target: Target, all_nodes: int, limit: float) -> Finding:
    """One finding for all operators that fall back: together they split up the graph."""
    count = sum(map(len, lent.values()))
    ops = sorted(lent, key=lambda op: (-len(lent[op]), op))
    return Finding(
        lent[ops[0]][0],
        f"{target.name} leaves {count} of {all_nodes} nodes to the CPU: {listed(ops, 8)}",
        measured=count / all_nodes,
        limit=limit,
        unit="fraction of nodes",
        severity=Severity.WARNING if count > limit * all_nodes else Severity.INFO,
        hint=f"replace {ops[0]} and the like with operators that {target.name} runs itself",
    )
