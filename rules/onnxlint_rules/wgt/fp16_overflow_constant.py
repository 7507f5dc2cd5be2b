"""WGT009 fp16-overflow-constant."""

from collections.abc import Iterator

from onnxlint import (
    Finding,
    Graph,
    NotApplicable,
    Severity,
    Targets,
    Weights,
    rule,
)  # fmt: skip
from onnxlint_rules.wgt._float16 import FLOAT16, Ways

LARGEST = 65504.0
"""The largest finite float16."""


@rule("WGT009", "fp16-overflow-constant", severity=Severity.WARNING)
def fp16_overflow_constant(graph: Graph, weights: Weights, targets: Targets) -> Iterator[Finding]:
    """A constant too large for float16 (65504) in a model that computes in float16.

    Why: float32 masks are made of -1e9 or -3.4e38. Cast to float16 these become -inf: a fully
    masked row turns NaN in the softmax, and so does the difference of two of them (coremltools
    issue 2669, fairseq issue 3575, transformers issue 17306). A float16 constant that is infinite
    already, multiplied by a mask, is NaN wherever the mask is 0: this is an error. Infinities that
    are added or selected are a mask, and exempt. For a target that computes in float16 what is
    float32 in the file, such a mask before a softmax is an info.
    Fix: use a value that float16 has as the sentinel: -1e4, or -65504; or keep the mask and its
    softmax in float32.

    Bad:
    net (bool[N, 4] m, float16[N, 4] x) => (float16[N, 4] y)
    <float low = {-1e9}, float zero = {0}>
    {
        chosen = Where(m, zero, low)
        mask = Cast <to = 10> (chosen)
        y = Add(x, mask)
    }

    Bad:
    net (float16[N, 4] keep, float16[N, 4] x) => (float16[N, 4] y)
    <float16 low = {0}>
    {
        mask = Mul(keep, low)
        y = Add(x, mask)
    }
    >>> model.graph.initializer[0].int32_data[:] = [0xFC00]

    Good:
    # a mask of float16 infinities, and a float32 one that stays float32
    net (bool[N, 4] m, float16[N, 4] x, float[N, 4] z) => (float16[N, 4] y, float16[N, 4] p)
    <float low = {-1e9}, float16 least = {0}>
    {
        y = Where(m, x, least)
        masked = Where(m, z, low)
        softmax = Softmax(masked)
        p = Cast <to = 10> (softmax)
    }
    >>> model.graph.initializer[1].int32_data[:] = [0xFC00]
    """
    halves = {node for node in graph.nodes("Cast") if node.attribute("to", 0) == FLOAT16}
    narrowed = targets.any(float16="native")
    constants = [*weights.constants()]
    if not (halves or narrowed or any(tensor.dtype == "float16" for _, tensor in constants)):
        raise NotApplicable("the model has no float16, and no target computes in it")
    ways = Ways(graph, halves)
    for value, tensor in constants:
        half = tensor.dtype == "float16"
        judged = value.consumers and tensor.dtype in ("float16", "float", "double")
        seen = weights.of(tensor) if judged else None
        if seen is None or not seen.elements:
            continue
        largest = max(seen.maximum, -seen.minimum)
        if half and seen.infinite and any(node.op == "Mul" for node in value.consumers):
            yield Finding(
                value,
                f"{seen.infinite:,} of {seen.elements:,} float16 elements are infinite, and "
                "multiplied: infinity times 0 is NaN",
                measured=seen.infinite,
                limit=0,
                unit="infinite elements",
                hint="use -65504 in place of -inf, or select with Where instead of Mul",
                severity=Severity.ERROR,
            )
        elif largest > LARGEST and (
            (is_cast := value in ways.to_float16) or (narrowed and value in ways.to_softmax)
        ):
            reaches = "reaches a softmax that the target may compute in float16"
            yield Finding(
                value,
                f"contains ±{largest:.3g} and {'is cast to float16' if is_cast else reaches} "
                f"(maximum {LARGEST:g})",
                measured=largest,
                limit=LARGEST,
                hint=f"use a sentinel of at most {LARGEST:g} in magnitude, or keep the mask in "
                "float32",
                severity=Severity.WARNING if is_cast else Severity.INFO,
            )
