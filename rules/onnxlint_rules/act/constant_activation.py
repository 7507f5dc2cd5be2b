"""ACT007 constant-activation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, NotApplicable, Option, Severity, Trace, rule
from onnxlint_rules.act._constants import is_saturated, sums_up_shares, suspect


@rule("ACT007", "constant-activation", severity=Severity.WARNING)
def constant_activation(
    trace: Trace, activations: Activations, *,
    max_spread: Annotated[
        float, Option("largest difference between two samples",
                      unit="fraction of the largest magnitude")
    ] = 1e-6,
    min_elements: Annotated[
        int, Option("elements of a sample from which on a value is judged", unit="elements")
    ] = 4,
) -> Iterator[Finding]:  # fmt: skip
    """A value computed from the input that is the same for every sample.

    Why: whatever the layers before this value read, the layers after it receive the same values: no
    information about the input gets past it. A normalisation runs over an axis of size 1, a scale
    is 0, or a bias outweighs the input. The limit is the largest difference between two samples
    relative to the largest magnitude, about the rounding of float32. Not reported: outputs (see
    PRD002), values of fewer than `min-elements` elements per sample, results of comparisons and
    rounding, dead ReLUs (ACT003), all-zero weights (WGT002), saturated activations (ACT004), sums
    of shares (always 1) and masks, everything computed from these, and inputs that are the same for
    all samples. Only the first such value on a path is reported.
    Fix: look at the node with two inputs that differ; check axes and epsilon of a normalisation,
    and the weights before it.

    Bad:
    # a normalisation over a single element
    net (float[N, 4] x) => (float[N, 4] y)
    <int64[1] last = {2}, float[1] one = {1}, float[1] zero = {0}>
    {
        alone = Unsqueeze(x, last)
        flat = LayerNormalization(alone, one, zero)
        seen = Squeeze(flat, last)
        y = Add(seen, x)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <int64[1] last = {2}, float[4] one = {1, 1, 1, 1}, float[4] zero = {0, 0, 0, 0}>
    {
        seen = LayerNormalization(x, one, zero)
        y = Add(seen, x)
    }
    """
    if trace.samples < 2:
        raise NotApplicable("at least 2 samples are needed")
    constant = (
        seen
        for seen in activations.computed()
        if seen.sample_size >= min_elements
        and seen.is_constant(max_spread)
        and not activations.leaves(seen.value)
        and activations.varies(seen.value)
        and not activations.is_masked(seen.value)
        and not (seen.made_by("Mul") and seen.peak == 0)  # a gate of a state that starts at 0
    )
    for seen in activations.firsts(constant):
        dead = seen.made_by("Relu") and seen.peak == 0
        told = dead or seen.made_by("Exp", "Where") or activations.has_zero_layer(seen)
        if not told and not is_saturated(seen) and not sums_up_shares(seen):
            yield Finding(
                seen,
                f"identical for all {seen.of_samples} samples although the inputs differ "
                f"(spread {seen.spread or 0:.1g}, limit {max_spread:g})",
                measured=seen.spread,
                limit=max_spread,
                unit="fraction of the largest value",
                hint=suspect(seen),
            )
