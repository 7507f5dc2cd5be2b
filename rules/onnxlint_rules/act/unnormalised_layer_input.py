"""ACT010 unnormalised-layer-input."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Activations, Finding, Observed, Option, Severity, rule


@rule("ACT010", "unnormalised-layer-input", severity=Severity.INFO)
def unnormalised_layer_input(
    activations: Activations, *,
    max_shift: Annotated[
        float, Option("distance of the mean from 0", unit="standard deviations")
    ] = 10.0,
    min_rms: Annotated[float, Option("smallest RMS of a layer's input", unit="RMS")] = 0.01,
    max_rms: Annotated[float, Option("largest RMS of a layer's input", unit="RMS")] = 10.0,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose input is far from zero mean and unit variance.

    Why: a mean far above the standard deviation makes all gradients of a layer's weights point in
    one direction, and rounding in float16 or int8 spends its digits on the mean; very large or
    small inputs make a step size that suits one layer wrong for the next. Networks train fastest
    with a mean of 0 and a variance of 1 before every layer (LeCun et al., Efficient BackProp, 1998;
    batch normalisation, 2015, arXiv 1502.03167). The limits leave room: rectified normal values
    have a mean of 0.7 standard deviations, sigmoids about 5. An RMS of 10 is AUTOTRAINER's limit,
    TheDeepChecker requires a standard deviation of 0.3 to 3.3, and the smallest RMS, 0.01, is our
    choice. Inputs of the model are judged by DAT003. Only the first such layer on a path is
    reported.
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
            hint=f"subtract the mean {seen.statistics.mean:.3g} before the layer, or normalise"
            if shifted
            else f"scale the layer's input by about {1 / rms:.1g}, or normalise before the layer",
        )


def _shift(seen: Observed) -> float:
    """How many standard deviations the mean is from 0; 0 where all elements are the same."""
    spread = seen.statistics.variance**0.5
    return abs(seen.statistics.mean) / spread if spread else 0.0
