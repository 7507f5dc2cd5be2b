"""ACT007 constant-activation."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, NotApplicable, Observed, Severity, Trace, rule

_TOLD_ELSEWHERE = ("Exp", "Where")
"""What is masked is 0."""


@rule("ACT007", "constant-activation", severity=Severity.WARNING)
def constant_activation(
    trace: Trace, activations: Activations, *, max_spread: float = 1e-6, min_elements: int = 4
) -> Iterator[Finding]:  # fmt: skip
    """A value computed from the input that is the same for every sample.

    Why: whatever the layers before it see, the layers after it get the same numbers: information
    ends here. A normalisation runs over an axis of size 1, a scale is 0, or the input drowns in a
    bias. The limit is the largest difference between two samples relative to the largest number,
    about the rounding of float32. Left alone are outputs (PRD002), values of fewer than
    `min-elements` a sample, what comparisons and rounding give, dead ReLUs (ACT003), all-zero
    weights (WGT002), saturated activations (ACT004), sums that are 1 (of shares) and masks, with
    all that follows from them, and inputs that are the same for all samples. Only the first value
    on a path is told.
    Fix: look at the node with two inputs that differ; check axes and epsilon of a normalisation,
    and the weights before it.

    Bad:
    # a normalisation over a single number
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
        raise NotApplicable("one sample cannot be compared with another")
    constant = (
        seen
        for seen in activations.computed()
        if not activations.leaves(seen.value)
        and seen.is_constant(max_spread)
        and seen.sample_size >= min_elements
        and activations.varies(seen.value)
        and not activations.is_masked(seen.value)
        and not (seen.made_by("Mul") and seen.peak == 0)  # a gate of a state that starts at 0
    )
    for seen in activations.firsts(constant):
        dead = seen.made_by("Relu") and seen.peak == 0
        told = dead or seen.made_by(*_TOLD_ELSEWHERE) or activations.has_zero_layer(seen)
        if not told and not _is_saturated(seen) and not _sums_up_shares(seen):
            yield Finding(
                seen,
                f"it is the same for all {seen.of_samples} samples, though they differ",
                measured=seen.spread,
                limit=max_spread,
                unit="fraction of the largest number",
            )


def _sums_up_shares(seen: Observed) -> bool:
    """Whether it adds up to 1 everywhere: what a softmax or a division by its sum gave."""
    ends = seen.statistics.minimum, seen.statistics.maximum
    return seen.made_by("ReduceSum") and all(abs(end - 1) <= 16 * seen.epsilon for end in ends)


def _is_saturated(seen: Observed) -> bool:
    """Whether a squashing activation stands at its limits for the most part."""
    if not seen.made_by("Sigmoid", "HardSigmoid", "Tanh", "Softmax", "LogSoftmax"):
        return False
    at_limits = seen.fraction_of_magnitudes(at_least=1.0)
    return at_limits + seen.fraction_of_magnitudes(below=seen.epsilon) > 0.5
