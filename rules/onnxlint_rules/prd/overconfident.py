"""PRD006 overconfident."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Predictions, Severity, Stage, Trace, rule


@rule("PRD006", "overconfident", severity=Severity.INFO, stages=(Stage.TRAINED,))
def overconfident(
    predictions: Predictions, trace: Trace, *,
    max_confidence: float = 0.999, min_spread: float = 0.001,
) -> Iterator[Finding]:  # fmt: skip
    """A classifier that is sure of what it sees in pure noise.

    Why: noise shows no class, so a probability of 0.999 for one says little of the input: on data
    unlike the training's the model will be just as sure, and no threshold on its probabilities
    will catch that. Often the logits are far too large, or the inputs are scaled otherwise than in
    training. Noise is synthesised, so with data of the user there is nothing to judge; scores of
    a last dense layer are taken for logits.
    Fix: check the scale of the inputs; train with weight decay or label smoothing; calibrate by a
    temperature on held-out data (`--labels` measures the calibration).

    Bad:
    net (float[N, 4] x) => (float[N, 3] y)
    <float[4, 3] w = {99, 0, 0, 0, 990, 0, 0, 0, 9900, 999, 99, 0}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }

    Good:
    net (float[N, 4] x) => (float[N, 3] y)
    <float[4, 3] w = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    """
    if not trace.is_noise:
        raise NotApplicable("only pure noise tells, and the model was fed something else")
    for prediction in filter(lambda each: each.is_probable, predictions):
        confidence = float(prediction.confidence.mean())
        if prediction.is_multi_label or prediction.spread < min_spread:
            continue
        if confidence > max_confidence:
            yield Finding(
                prediction,
                f"the mean probability of the winning class is {confidence:.5f} on noise, more "
                f"than {max_confidence:g}",
                measured=confidence,
                limit=max_confidence,
                unit="probability",
            )
