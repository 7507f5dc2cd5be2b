"""ACT009 fp16-headroom."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, Observed, Option, Severity, Targets, counted, rule

FLOAT16_MAXIMUM = 65504.0


@rule("ACT009", "fp16-headroom", severity=Severity.INFO)
def fp16_headroom(
    activations: Activations, targets: Targets, *,
    headroom: Annotated[
        float, Option("factor between float16 values and the maximum of float16", unit="factor")
    ] = 2.0,
) -> Iterator[Finding]:  # fmt: skip
    """Values that exceed, or come close to, the float16 range.

    Why: the maximum of float16 is 65,504. A float32 model with larger values outputs infinity and
    NaN once it is converted, or built for hardware that computes in float16. A warning where a
    target computes in float16, and for values that already are float16 and come within a factor of
    `headroom` of the maximum: the next input may overflow. Masks are not reported. Only the first
    such value on a path is reported.
    Fix: keep these layers in float32 (the block list of the converter), use bfloat16, or scale the
    values down: normalise before, or divide the weights.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float large = {300000}>
    {
        h = Mul(x, large)
        most = ReduceMax(h)
        y = Sub(h, most)
    }

    Good:
    # a mask
    net (float[N, 4] x) => (float[N, 4] y)
    <bool[4] keep = {1, 1, 1, 0}, float low = {-1000000000}>
    {
        masked = Where(keep, x, low)
        most = ReduceMax(masked)
        y = Sub(masked, most)
    }
    """
    is_native = targets.any(float16="native")
    large = (
        seen
        for seen in activations.computed()
        if seen.peak > FLOAT16_MAXIMUM / (headroom if seen.statistics.dtype == "float16" else 1)
        and not activations.is_masked(seen.value)
        and not _counts_products(seen)
    )
    for seen in activations.firsts(large):
        is_half = seen.statistics.dtype == "float16"
        where = "; a target computes in float16" if is_native and not is_half else ""
        limit = FLOAT16_MAXIMUM / (headroom if is_half else 1)
        yield Finding(
            seen,
            f"values reach {seen.peak:.3g} on {counted(seen.of_samples, 'sample')} "
            f"(float16 maximum 65,504{where})",
            measured=seen.peak,
            limit=limit,
            unit="magnitude",
            severity=Severity.WARNING if is_half or is_native else None,
            hint=f"compute {_made(seen)} in float32 or bfloat16, or scale the values down by a "
            f"factor of {seen.peak / limit:.2g}",
        )


def _made(seen: Observed) -> str:
    return seen.value.producer.op if seen.value.producer is not None else "this value"


def _counts_products(seen: Observed) -> bool:
    """Whether it is the sum of an integer layer, before its scale turns it into real values."""
    node = seen.value.producer
    before = node.input(0) if node is not None and node.op == "Cast" else None
    summed = before.producer if before is not None else None
    return summed is not None and summed.op in ("ConvInteger", "MatMulInteger")
