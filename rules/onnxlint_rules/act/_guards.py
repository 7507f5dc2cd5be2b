"""What keeps a node from NaN and infinity, by its operator."""

from onnxlint import Node

_AGAINST_NAN = {
    "Acos": (0, "clip {} to [-1, 1] before Acos"),
    "Acosh": (0, "clip {} to 1 or more before Acosh"),
    "Add": (0, "fix what makes {} infinite: infinity minus infinity is NaN"),
    "Asin": (0, "clip {} to [-1, 1] before Asin"),
    "Atanh": (0, "clip {} to between -1 and 1 before Atanh"),
    "BatchNormalization": (4, "check the variance {} for negative values"),
    "Div": (1, "add an epsilon to the divisor {}"),
    "LayerNormalization": (0, "raise the epsilon of LayerNormalization"),
    "Log": (0, "clip {} to a small positive value before Log"),
    "LogSoftmax": (0, "mask {} with a large negative value instead of -inf"),
    "LpNormalization": (0, "divide {} by its norm plus an epsilon"),
    "Mod": (1, "guard the divisor {} against 0"),
    "Pow": (0, "clip {} to 0 or more before Pow"),
    "ReduceMean": (0, "guard the mean against an empty {}"),
    "Softmax": (0, "mask {} with a large negative value instead of -inf"),
    "Sqrt": (0, "clip {} to 0 or more before Sqrt"),
    "Sub": (0, "fix what makes {} infinite: infinity minus infinity is NaN"),
}
"""Where in a domain an operand must be: its slot, and how to keep it there."""

_AGAINST_INFINITY = {
    "Cast": (0, "scale {} down, or cast to a wider type"),
    "Div": (1, "add an epsilon to the divisor {}"),
    "Exp": (0, "subtract the maximum of {} before Exp"),
    "Log": (0, "clip {} to a small positive value before Log"),
    "Pow": (0, "normalise or clip {} before Pow"),
    "Reciprocal": (0, "add an epsilon to {} before Reciprocal"),
}
"""The same for operators that overflow or divide by zero."""


def against_nan(node: Node) -> str:
    """How to keep a node from NaN."""
    general = f"keep the inputs of {node.op} inside its domain, with Clip, Max or Where"
    return _advice(_AGAINST_NAN, node, general)


def against_infinity(node: Node) -> str:
    """How to keep a node from infinity."""
    general = f"normalise the inputs of {node.op}, or compute it in a wider dtype"
    return _advice(_AGAINST_INFINITY, node, general)


def _advice(table: dict[str, tuple[int, str]], node: Node, general: str) -> str:
    slot, advice = table.get(node.op, (0, general))
    operand = node.input(slot)
    return advice.format(repr(operand.name)) if operand is not None else general
