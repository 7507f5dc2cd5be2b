"""WGT011 outlier-channels."""

from collections.abc import Iterator
from statistics import median

from onnxlint import Finding, Severity, Stage, Weights, rule

MIN_CHANNELS = 8
"""Fewer have no median to speak of."""


@rule("WGT011", "outlier-channels", severity=Severity.INFO, stages=(Stage.TRAINED,))
def outlier_channels(weights: Weights, *, max_ratio: float = 100.0) -> Iterator[Finding]:
    """A layer with an output channel whose weights are 100 times those of the others.

    Why: quantised with one scale for the whole tensor, as many tools do by default, the widest
    channel sets the scale, and of 256 steps two or three are left for the others. Nothing is wrong
    with the model as it is. Channels of zeros do not count.
    Fix: quantise with a scale for each channel (`per_channel=True`), or equalise the layers before
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
    for weight, _ in weights.judged():
        channels = weights.channels(weight)
        if channels is None or channels.magnitude.size < MIN_CHANNELS:
            continue
        alive = channels.magnitude[channels.magnitude > 0]
        widest, usual = max(alive, default=0.0), median(alive.tolist() or [0.0])
        if widest > max_ratio * usual:
            yield Finding(
                weight,
                f"channel {int(channels.magnitude.argmax())} reaches {widest:.3g}, "
                f"{widest / usual:,.0f} times the usual {usual:.3g} (limit {max_ratio:g} times)",
                measured=widest / usual,
                limit=max_ratio,
                unit="times the median channel",
            )
