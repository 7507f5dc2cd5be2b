"""INT008 int64-overflow-constant."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Finding, NotApplicable, Preflight, Severity, Value, Walk, Weights, rule

INT32 = -(2**31), 2**31 - 1
SENTINEL = 2**63 - 2
"""From this magnitude on a number means "to the end", and converters clamp it."""


@rule("INT008", "int64-overflow-constant", severity=Severity.WARNING)
def int64_overflow_constant(weights: Weights, preflight: Preflight) -> Iterator[Finding]:
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
    for value, tensor in weights.constants():
        if tensor.dtype not in ("int64", "uint32", "uint64") or _is_only_sliced_by(value):
            continue
        numbers = _extrema(tensor)
        beyond = [n for n in numbers if not INT32[0] <= n <= INT32[1] and abs(n) < SENTINEL]
        if beyond:
            worst = max(beyond, key=abs)
            yield Finding(
                value,
                f"it holds {worst}, and int32 ends at {INT32[worst > 0]}",
                measured=worst,
                limit=INT32[worst > 0],
            )


def _extrema(tensor: Any) -> list[int]:
    """The least and greatest number of every block; data that cannot be read has other rules."""
    try:
        return [int(edge) for block in tensor.blocks() for edge in (block.min(), block.max())]
    except ValueError:
        return []


def _is_only_sliced_by(value: Value) -> bool:
    """Whether it is a bound of Slice nodes alone, also where an exporter reshapes it for them."""
    walk = Walk([value])
    for current in walk:
        for node in current.consumers:
            if node.op in ("Unsqueeze", "Reshape", "Concat", "Cast"):
                walk.add(*node.outputs)
            elif node.op != "Slice" or node.input(0) is current:
                return False
    return True
