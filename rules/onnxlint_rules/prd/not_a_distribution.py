"""PRD003 not-a-distribution."""

from collections.abc import Iterator

from onnxlint import Finding, Predictions, Severity, Trace, rule


@rule("PRD003", "not-a-distribution", severity=Severity.ERROR)
def not_a_distribution(
    predictions: Predictions, trace: Trace, *, tolerance: float = 0.01
) -> Iterator[Finding]:
    """Probabilities that leave [0, 1], or whose sum over the classes is not 1.

    Why: thresholds, calibration and every loss on logarithms take them for probabilities. The
    softmax runs over the batch instead of the classes, or arithmetic after it (smoothing, weights
    of classes) forgot to normalise. The tolerance covers a float16 softmax over thousands of
    classes; quantised probabilities are rounded further, and left alone. An error where every
    prediction is off or the data is the user's, else a warning.
    Fix: give the softmax the axis of the classes; divide by the sum after arithmetic. An output
    that is no distribution: name it in the configuration (`outputs`).

    Bad:
    # smoothing that adds probability
    net (float[N, 4] x) => (float[N, 4] y)
    <float extra = {0.1}>
    {
        p = Softmax(x)
        y = Add(p, extra)
    }

    Bad:
    # over the batch
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Softmax <axis = 0> (x)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <float keep = {0.6}, float extra = {0.1}>
    {
        p = Softmax(x)
        kept = Mul(p, keep)
        y = Add(kept, extra)
    }
    """
    for prediction in predictions:
        off = prediction.deviations > tolerance
        if off.any() and not prediction.head.quantised:
            worst = float(prediction.deviations.max())
            yield Finding(
                prediction,
                f"{off.sum():,} of {off.size:,} predictions are no distribution: they are off by "
                f"up to {worst:.3g}, and {tolerance:g} is tolerated",
                measured=worst,
                limit=tolerance,
                unit="probability",
                severity=None if off.all() else trace.severity(Severity.ERROR),
            )
