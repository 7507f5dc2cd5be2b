"""INT008 int64-overflow-constant."""

from collections.abc import Iterator

from onnxlint import (
    Finding,
    Graph,
    Node,
    NotApplicable,
    Preflight,
    Severity,
    Value,
    Walk,
    Weights,
    rule,
)
from onnxlint.model.graph.operators import CARRYING_BOUNDS

INT32 = -(2**31), 2**31 - 1
SENTINEL = 2**63 - 2
"""From this magnitude on, a value means "to the end", and converters clamp it."""


@rule("INT008", "int64-overflow-constant", severity=Severity.WARNING)
def int64_overflow_constant(
    graph: Graph, weights: Weights, preflight: Preflight
) -> Iterator[Finding]:
    """An int64 constant outside the int32 range.

    Why: phones, browsers and older TensorRT compute in int32. They truncate the value, some without
    a message, and the model computes something else (onnx-tensorrt issue 432, onnxruntime issue
    29756). Using int64 as such is harmless, as are the huge bounds that mean "to the end" in a
    Slice (tensorflow-onnx issue 883).
    Fix: choose a smaller constant; for a hash or a mask, compute it before the model.

    Bad:
    net (int64[N] x) => (int64[N] y)
    <int64 big = {4294967296}>
    {
        y = Add(x, big)
    }

    Good:
    # a Slice may end beyond the axis
    net (float[N] x) => (float[M] y)
    <int64[1] start = {1}, int64[1] end = {4294967296}>
    {
        y = Slice(x, start, end)
    }
    """
    if preflight.refusal is not None:
        raise NotApplicable(f"constants were not read: {preflight.refusal}")
    found = []
    for value, tensor in weights.constants():
        if tensor.dtype in ("int64", "uint32", "uint64"):
            numbers = weights.edges(tensor)
            beyond = [n for n in numbers if not INT32[0] <= n <= INT32[1] and abs(n) < SENTINEL]
            found += [(value, max(beyond, key=abs))] if beyond else []
    plain = _plainly_read(graph) if found else set()
    for value, worst in found:
        if value in plain:
            yield Finding(
                value,
                f"contains {worst} (int32 limit {INT32[worst > 0]})",
                measured=worst,
                limit=INT32[worst > 0],
                hint="choose a constant of magnitude below 2^31, or compute it outside the model",
            )


def _plainly_read(graph: Graph) -> set[Value]:
    """All but values that are only bounds of Slice nodes, also after an exporter reshapes them."""
    walk = Walk(value for value in graph.values() if any(map(_is_plain, value.uses)))
    plain = set()
    for value in walk:
        plain.add(value)
        if value.producer is not None and value.producer.op in CARRYING_BOUNDS:
            walk.add(*value.producer.inputs)
    return plain


def _is_plain(use: tuple[Node, int]) -> bool:
    node, slot = use
    return node.op not in CARRYING_BOUNDS and (node.op != "Slice" or slot == 0)
