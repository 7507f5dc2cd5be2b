"""WGT011 outlier-channels."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Stage, Weights, rule

MIN_CHANNELS = 8
"""Fewer have no meaningful median; a choice."""


@rule("WGT011", "outlier-channels", severity=Severity.INFO, stages=(Stage.TRAINED,))
def outlier_channels(
    weights: Weights,
    *,
    max_ratio: Annotated[
        float, Option("magnitude of a channel that is allowed", "multiple of the median channel")
    ] = 100.0,
) -> Iterator[Finding]:
    """A layer with an outlier output channel (weights 100 times the median channel).

    Why: quantised with one scale for the whole tensor, as many tools do by default, the widest
    channel determines the scale, and of 256 steps two or three remain for the others. The model as
    it is has no fault. Channels of zeros do not count.
    Fix: quantise with one scale per channel (`per_channel=True`), or equalise the layers beforehand
    (cross-layer equalisation).

    Bad:
    net (float[N, 1] x) => (float[N, 8] y)
    <float[1, 8] w = {1, -1, 2, 1, -2, 1, 1, 300}>
    {
        y = MatMul(x, w)
    }

    Good:
    net (float[N, 1] x) => (float[N, 8] y)
    <float[1, 8] w = {1, -1, 2, 1, -2, 1, 0, 30}>
    {
        y = MatMul(x, w)
    }
    """
    import numpy as np

    for weight, _ in weights.judged():
        channels = weights.channels(weight)
        magnitude = None if channels is None else channels.magnitude
        if magnitude is None or magnitude.size < MIN_CHANNELS:
            continue
        alive = np.sort(magnitude[magnitude > 0])  # in less time than np.median takes
        if not alive.size:
            continue
        middle = float(alive[(alive.size - 1) // 2]), float(alive[alive.size // 2])
        widest, usual = float(alive[-1]), sum(middle) / 2
        if widest > max_ratio * usual:
            yield Finding(
                weight,
                f"maximum of channel {int(magnitude.argmax())} is {widest:.3g}, "
                f"{widest / usual:,.0f} times the median channel {usual:.3g} "
                f"(limit {max_ratio:g} times)",
                measured=widest / usual,
                limit=max_ratio,
                unit="times the median channel",
                hint="quantise with one scale per channel (per_channel=True)",
            )
