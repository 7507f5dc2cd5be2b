"""PRD009 miscalibrated."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Scores, Severity, Stage, rule


@rule("PRD009", "miscalibrated", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def miscalibrated(
    scores: Scores, *, max_error: float = 0.1, min_samples: int = 50, by_chance: float = 0.99
) -> Iterator[Finding]:
    """Probabilities that are not how often the model is right.

    Why: whoever sets a threshold, weighs costs or shows a percentage relies on it that of the
    predictions with probability 0.8 about 80% are right. Measured is the expected calibration
    error over 15 bins of confidence (Guo et al., On Calibration of Modern Neural Networks, 2017,
    who find 0.04 to 0.16 on image classifiers before they mend it). Few samples make bins differ
    by themselves, so the error must also exceed what a perfectly calibrated model stays below in
    99% of cases.
    Fix: divide the logits by one temperature, fitted on held-out data, and export that with the
    model; check that the output is behind the softmax that the training used.

    Bad:
    # option: min-samples = 12
    # data: x = [[9.5, 0], [9.5, 0], [9.5, 0], [0, 9.5], [0, 9.5], [0, 9.5], [9.5, 0], [0, 9.5], [9.5, 0], [0, 9.5], [9.5, 0], [0, 9.5]]
    # labels: [0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # option: min-samples = 12
    # data: x = [[9.5, 0], [9.5, 0], [9.5, 0], [0, 9.5], [0, 9.5], [0, 9.5], [9.5, 0], [0, 9.5], [9.5, 0], [0, 9.5], [9.5, 0], [0, 9.5]]
    # labels: [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    """  # noqa: E501
    error = scores.calibration_error
    if error is None or scores.accuracy is None or scores.confidence is None:
        raise NotApplicable("the output that the labels fit gives no probabilities")
    if scores.right.size < min_samples:
        raise NotApplicable(f"{scores.right.size} labels are too few; {min_samples} are needed")
    limit = max(max_error, scores.calibration_by_chance(by_chance))
    if error > limit:
        confidence = float(scores.confidence.mean())
        yield Finding(
            scores,
            f"the expected calibration error is {error:.3f}: it is right in {scores.accuracy:.1%} "
            f"of {scores.right.size:,} predictions, and says {confidence:.1%}",
            measured=error,
            limit=limit,
            unit="probability",
        )
