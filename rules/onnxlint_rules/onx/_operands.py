"""Operands whose sizes another operand determines, unchecked by onnx's shape inference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from onnxlint import Node, Shapes
from onnxlint.analyses.static.shapes import Dim
from onnxlint.model.graph.operators import BLOCKING, GATES
from onnxlint_rules.onx._layouts import Misfit, Wanted, affine, attention, rotary, sizes, uneven


def misfits(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    """What is wrong with the sizes of a node's operands, as far as they are known."""
    wanted = _WANTED.get(node.op)
    for slot, name, taken in wanted(node, shapes) if wanted else ():
        found = sizes(node, slot, shapes)
        if found is not None and not _fits(found, taken):
            message = f"{name} has shape {_listed(found)}, expected {_listed(taken)}"
            yield message, f"give {name} the shape {_listed(taken)}"
    yield from _beyond(node, shapes)
    yield from _uneven_groups(node, shapes) if node.op == "GroupNormalization" else ()
    yield from uneven(node, shapes)


def _fits(found: tuple[Dim, ...], wanted: tuple[Dim, ...]) -> bool:
    """Whether sizes may be those: what is not fixed may be anything."""
    both = zip(found, wanted, strict=False)
    return len(found) == len(wanted) and all(
        a == b for a, b in both if isinstance(a, int) and isinstance(b, int)
    )


def _beyond(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    """An operand that must broadcast to the sizes of the result, and does not."""
    for slot, name, result in _ONE_WAY.get(node.op, ()):
        found, whole = sizes(node, slot, shapes), result(node, shapes)
        if found is None or whole is None:
            continue
        pairs = zip(reversed(found), reversed(whole), strict=False)
        known = ((a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int))
        if len(found) > len(whole) or any(a not in (1, b) for a, b in known):
            message = f"{name} has shape {_listed(found)}, not broadcastable to {_listed(whole)}"
            yield message, f"give {name} a shape that broadcasts to {_listed(whole)}"


def _uneven_groups(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    data, groups = sizes(node, 0, shapes), node.attribute("num_groups")
    channels = data[1] if data is not None and len(data) > 1 else None
    if isinstance(channels, int) and isinstance(groups, int) and groups > 0 and channels % groups:
        message = f"num_groups is {groups}, which does not divide the {channels} channels"
        yield message, f"set num_groups to a divisor of {channels}"


def _convolution(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    weight = 3 if node.op == "QLinearConv" else 1
    kernel, group = sizes(node, weight, shapes), node.attribute("group", 1)
    if kernel is None or len(kernel) < 3 or not isinstance(group, int):
        return
    across = kernel[1] if node.op == "ConvTranspose" else kernel[0]
    channels = across * group if node.op == "ConvTranspose" and isinstance(across, int) else across
    yield 8 if node.op == "QLinearConv" else 2, "bias", (channels,)


def _instance_norm(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    data = sizes(node, 0, shapes)
    if data is not None and len(data) > 2:
        yield 1, "scale", (data[1],)
        yield 2, "B", (data[1],)


BY_CHANNEL = 21
"""Since this opset GroupNormalization has a scale for each channel, before for each group."""


def _grouped(node: Node, shapes: Shapes) -> tuple[Dim, ...] | None:
    """How many scales a GroupNormalization takes; a single one also works."""
    if node.opset < BY_CHANNEL:
        return (node.attribute("num_groups"),)
    data = sizes(node, 0, shapes)
    return data[1:2] if data is not None and len(data) > 1 else None


def _cross_entropy(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    scores = sizes(node, 0, shapes)
    if scores is not None and len(scores) > 1:
        yield 1, "labels", (scores[0], *scores[2:])
        yield 2, "weights", (scores[1],)


def _recurrent(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    data, hidden = sizes(node, 0, shapes), node.attribute("hidden_size")
    if data is None or len(data) != 3 or not isinstance(hidden, int):
        return
    ways = 2 if node.attribute("direction", "forward") in (b"bidirectional", "bidirectional") else 1
    gated = GATES[node.op] * hidden
    yield 1, "W", (ways, gated, data[2])
    yield 2, "R", (ways, gated, hidden)
    yield 3, "B", (ways, 2 * gated)
    if node.op == "LSTM":
        yield 7, "P", (ways, 3 * hidden)


def _product(node: Node, shapes: Shapes) -> tuple[Dim, ...] | None:
    """The sizes of Gemm's result."""
    a, b = sizes(node, 0, shapes), sizes(node, 1, shapes)
    if a is None or b is None or len(a) != 2 or len(b) != 2:
        return None
    return a[1 if node.attribute("transA") else 0], b[0 if node.attribute("transB") else 1]


def _first(node: Node, shapes: Shapes) -> tuple[Dim, ...] | None:
    return sizes(node, 0, shapes)


def _one(_node: Node, _shapes: Shapes) -> tuple[Dim, ...]:
    return (1,)


def _listed(dims: tuple[Dim, ...]) -> str:
    return f"[{', '.join(str('?' if size is None else size) for size in dims)}]"


_WANTED: Mapping[str, Callable[[Node, Shapes], Iterator[Wanted]]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "QLinearConv"), _convolution),
    **dict.fromkeys(GATES, _recurrent),
    "AffineGrid": affine,
    "Attention": attention,
    "InstanceNormalization": _instance_norm,
    "RotaryEmbedding": rotary,
    "SoftmaxCrossEntropyLoss": _cross_entropy,
}
"""What sizes an operator's operands must have, by another operand."""

Stretched = tuple[int, str, Callable[[Node, Shapes], tuple[Dim, ...] | None]]

_ONE_WAY: Mapping[str, tuple[Stretched, ...]] = {
    "Clip": ((1, "min", _one), (2, "max", _one)),
    "Gemm": ((2, "C", _product),),
    "GroupNormalization": ((1, "scale", _grouped), (2, "bias", _grouped)),
    "LayerNormalization": ((1, "scale", _first), (2, "bias", _first)),
    "PRelu": ((1, "slope", _first),),
    "RMSNormalization": ((1, "scale", _first),),
}
"""Operands that may only be broadcast to the sizes of the result, or of another operand."""

OPS = (*_WANTED, *_ONE_WAY, *sorted(BLOCKING))
"""Operators whose operands are compared."""
