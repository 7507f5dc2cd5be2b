"""PRD006 overconfident."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Predictions, Severity, Stage, Trace, rule


@rule("PRD006", "overconfident", severity=Severity.INFO, stages=(Stage.TRAINED,))
def overconfident(
    predictions: Predictions, trace: Trace, *,
    max_confidence: Annotated[
        float, Option("largest mean top-1 probability on noise", unit="probability")
    ] = 0.999,
    min_spread: Annotated[
        float, Option("difference between predictions below which PRD002 reports them",
                      unit="fraction of the largest value")
    ] = 0.001,
) -> Iterator[Finding]:  # fmt: skip
    """A classifier that is overconfident on pure noise.

    Why: noise belongs to no class, so a probability of 0.999 for one says little about the input:
    on data unlike the training data the model will be just as confident, and no threshold on its
    probabilities detects that. Often the logits are far too large, or the inputs are scaled
    differently from training. Only synthetic samples are noise, so user data is not judged; scores
    of a last dense layer are taken for logits.
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
        raise NotApplicable("only judged on pure noise: the samples are not")
    for prediction in filter(lambda each: each.is_probable, predictions):
        confidence = float(prediction.confidence.mean())
        if prediction.is_multi_label or prediction.spread < min_spread:
            continue
        if confidence > max_confidence:
            yield Finding(
                prediction,
                f"mean top-1 probability on noise is {confidence:.5f} (limit {max_confidence:g})",
                measured=confidence,
                limit=max_confidence,
                unit="probability",
                hint="check the scale of the inputs, and calibrate by a temperature (--labels "
                "measures the calibration)",
            )
