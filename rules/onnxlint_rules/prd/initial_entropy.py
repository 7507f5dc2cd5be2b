"""PRD001 initial-entropy."""

from collections.abc import Iterator

from onnxlint import Finding, Predictions, Severity, Stage, Trace, rule


@rule("PRD001", "initial-entropy", severity=Severity.ERROR, stages=(Stage.INIT,))
def initial_entropy(
    predictions: Predictions, trace: Trace, *, max_deviation: float = 0.1
) -> Iterator[Finding]:
    """An untrained model that already prefers some classes.

    Why: before training a model knows nothing, so over k classes its predictions should have an
    entropy near ln k (ln 2 for each label of a sigmoid head) and its first loss should be as much.
    One that starts far off spends its first epochs unlearning what the initialisation made up; the
    head is too wide, or the features before it grow from layer to layer. A warning on made-up
    samples.
    Fix: initialise the last layer with a smaller standard deviation (or zero), and normalise the
    features before it. Outputs that are no classes: name them in the configuration (`outputs`).

    Bad:
    # stage: init
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 9}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }

    Good:
    # stage: init
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1}>
    {
        logits = MatMul(x, w)
        y = Softmax(logits)
    }
    """
    for prediction in predictions:
        if not prediction.is_probable:
            continue
        expected, seen = prediction.expected_entropy, prediction.entropy
        if abs(seen - expected) > max_deviation * expected:
            count = 2 if prediction.head.kind == "sigmoid" else prediction.classes
            yield Finding(
                prediction,
                f"mean entropy of {prediction.rows:,} predictions is {seen:.3f} nats; knowing "
                f"nothing gives ln {count} = {expected:.3f}, also the initial loss to expect",
                measured=seen,
                limit=expected,
                unit="nats",
                severity=trace.severity(Severity.ERROR, prediction.head.value),
            )
