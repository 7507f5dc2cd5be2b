"""Operators that onnxruntime saves for one machine."""

from onnxlint import Node

LAYOUT_DOMAINS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")
"""Domains for the memory layout of one kind of hardware."""

COPIES = ("MemcpyFromHost", "MemcpyToHost")
"""Copies between the memories of one machine."""


def kind(node: Node) -> str | None:
    """What makes a node specific to a machine."""
    if node.domain in LAYOUT_DOMAINS:
        return f"operators of {node.domain}"
    if node.op in COPIES:
        return "copies between processor and device"
    if node.op == "com.microsoft::EPContext":
        return "a compiled context (EPContext)"
    if "ExecutionProvider_" in node.op_type:
        return "a subgraph that an execution provider compiled"
    return None
