"""ACT009 fp16-headroom."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Observed, Severity, Targets, rule

FLOAT16_MAXIMUM = 65504.0


@rule("ACT009", "fp16-headroom", severity=Severity.INFO)
def fp16_headroom(
    activations: Activations, targets: Targets, *, headroom: float = 2.0
) -> Iterator[Finding]:
    """Values too large for float16, or nearly so.

    Why: float16 ends at 65,504. A model in float32 with larger values turns into infinities and NaN
    when it is converted, or built for hardware that computes in float16. A warning where a target
    computes in float16, and for values that are float16 already and came within a factor
    `headroom` of the end: the next input may pass it. Masks are left alone. Only the first value
    on a path is told.
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
        where = ", which a target computes in" if is_native and not is_half else ""
        yield Finding(
            seen,
            f"its values reach {seen.peak:.3g} on {seen.of_samples} samples; float16 ends at 65,504"
            f"{where}",
            measured=seen.peak,
            limit=FLOAT16_MAXIMUM / (headroom if is_half else 1),
            unit="magnitude",
            severity=Severity.WARNING if is_half or is_native else None,
        )


def _counts_products(seen: Observed) -> bool:
    """Whether it is what an integer layer summed up, before its scale makes numbers of it."""
    node = seen.value.producer
    before = node.input(0) if node is not None and node.op == "Cast" else None
    summed = before.producer if before is not None else None
    return summed is not None and summed.op in ("ConvInteger", "MatMulInteger")
