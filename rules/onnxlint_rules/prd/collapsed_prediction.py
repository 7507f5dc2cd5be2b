"""PRD002 collapsed-prediction."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Predictions, Severity, Stage, rule


@rule("PRD002", "collapsed-prediction", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def collapsed_prediction(
    predictions: Predictions, *, min_spread: float = 0.001
) -> Iterator[Finding]:
    """A trained model that predicts nearly the same for every sample.

    Why: the prediction does not depend on the input, be it always one class or always all alike:
    training collapsed, the weights were never loaded, or a layer on the way is constant. The
    spread is the largest difference between two samples, relative to the largest output; float32
    rounding makes 0.000001 of it and any model that looks at its input far more than the limit.
    Fix: compare with the framework's own output for two inputs; look for dead and all-zero layers
    (ACT003, WGT002) before the head.

    Bad:
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0, 0, 0, 0, 0, 0}, float[3] b = {1, 2, 3}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }

    Good:
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {0, 0, 0, 0.1, 0, 0}, float[3] b = {1, 2, 3}>
    {
        logits = Gemm(x, w, b)
        y = Softmax(logits)
    }
    """
    judged = [prediction for prediction in predictions if prediction.rows > 1]
    if not judged:
        raise NotApplicable("a single prediction cannot be compared with another")
    for prediction in judged:
        if prediction.spread < min_spread:
            yield Finding(
                prediction,
                f"all {prediction.rows:,} predictions are nearly the same: they differ by "
                f"{prediction.spread:.2g} of the largest value, less than {min_spread:g}",
                measured=prediction.spread,
                limit=min_spread,
                unit="fraction of the largest value",
            )
