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
    Weights,
    rule,
)

INT32 = -(2**31), 2**31 - 1
CARRIERS = ("Unsqueeze", "Reshape", "Concat", "Cast")
SENTINEL = 2**63 - 2
"""From this magnitude on a number means "to the end", and converters clamp it."""


@rule("INT008", "int64-overflow-constant", severity=Severity.WARNING)
def int64_overflow_constant(
    graph: Graph, weights: Weights, preflight: Preflight
) -> Iterator[Finding]:
    """An integer constant beyond what 32 bits hold.

    Why: phones, browsers and older TensorRT compute in int32. They cut the number off, some in
    silence, and the model computes something else (onnx-tensorrt issue 432, onnxruntime issue
    29756). That int64 is used at all harms nobody, nor do the huge bounds that mean "to the end" in
    a Slice (tensorflow-onnx issue 883).
    Fix: choose a smaller constant; for a hash or a mask, compute it before the model.

    Bad:
    net (int64[N] x) => (int64[N] y)
    <int64 big = {4294967296}>
    {
        y = Add(x, big)
    }

    Good:
    net (float[N] x) => (float[M] y)
    <int64[1] start = {1}, int64[1] end = {4294967296}>
    {
        y = Slice(x, start, end)
    }
    """
    if preflight.refusal is not None:
        raise NotApplicable(f"the constants were not read: {preflight.refusal}")
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
                f"it holds {worst}, and int32 ends at {INT32[worst > 0]}",
                measured=worst,
                limit=INT32[worst > 0],
            )


def _plainly_read(graph: Graph) -> set[Value]:
    """All but bounds of Slice nodes alone, also where an exporter reshapes these for them."""
    plain = {value for value in graph.values() if any(map(_is_plain, value.uses))}
    pending = list(plain)
    for value in pending:
        maker = value.producer
        for read in maker.inputs if maker is not None and maker.op in CARRIERS else ():
            if read is not None and read not in plain:
                plain.add(read)
                pending.append(read)
    return plain


def _is_plain(use: tuple[Node, int]) -> bool:
    node, slot = use
    return node.op not in CARRIERS and (node.op != "Slice" or slot == 0)
