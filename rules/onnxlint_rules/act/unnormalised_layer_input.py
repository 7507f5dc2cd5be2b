"""ACT010 unnormalised-layer-input."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Observed, Severity, rule


@rule("ACT010", "unnormalised-layer-input", severity=Severity.INFO)
def unnormalised_layer_input(
    activations: Activations,
    *, max_shift: float = 10.0, min_rms: float = 0.01, max_rms: float = 10.0,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose input is far from zero mean and unit variance.

    Why: a mean far above the spread makes all gradients of a layer's weights point one way, and
    rounding in float16 or int8 spends its digits on the mean; very large or small inputs make the
    step size right for one layer wrong for the next. Networks train fastest with a mean of 0 and a
    variance of 1 before every layer (LeCun et al., Efficient BackProp, 1998; batch normalisation,
    2015). The limits leave room: rectified normal numbers have a mean of 0.7 standard deviations,
    sigmoids about 5. An RMS of 10 is AUTOTRAINER's limit, TheDeepChecker asks for a standard
    deviation of 0.3 to 3.3, and the least RMS, 0.01, is ours. The model's own inputs are DAT003's.
    Only the first such layer on a path is reported.
    Fix: normalise before the layer (batch, layer or group normalisation), or fold the mean into
    its bias; subtract the mean of the data at the input.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.7, 0.3, -0.3, 0.7}, float[2] b = {50, 60}>
    {
        a = Gemm(x, w, b)
        h = Relu(a)
        y = MatMul(h, w)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.7, 0.3, -0.3, 0.7}, float[2] b = {0.5, 0.6}>
    {
        a = Gemm(x, w, b)
        h = Relu(a)
        y = MatMul(h, w)
    }
    """

    strange = (
        seen
        for _, seen in activations.into_layers()
        if (_shift(seen) > max_shift or not min_rms <= seen.statistics.rms <= max_rms)
        and seen.statistics.rms
        and not seen.value.is_input
        and activations.varies(seen.value)
    )
    for seen in activations.firsts(strange):
        shift, rms = _shift(seen), seen.statistics.rms
        shifted = shift > max_shift
        what = (
            f"mean {seen.statistics.mean:.3g} is {shift:.0f} standard deviations from 0 (limit "
            f"{max_shift:g})"
            if shifted
            else f"RMS {rms:.2g} (expected {min_rms:g} to {max_rms:g})"
        )
        yield Finding(
            seen,
            f"layer input is not normalised: {what}",
            measured=shift if shifted else rms,
            limit=max_shift if shifted else max_rms if rms > max_rms else min_rms,
            unit="standard deviations" if shifted else "root mean square",
        )


def _shift(seen: Observed) -> float:
    """How many standard deviations the mean is from 0; 0 where all numbers are the same."""
    spread = seen.statistics.variance**0.5
    return abs(seen.statistics.mean) / spread if spread else 0.0
