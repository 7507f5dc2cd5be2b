"""PRD009 miscalibrated."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Scores, Severity, Stage, rule


@rule("PRD009", "miscalibrated", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def miscalibrated(
    scores: Scores, *,
    max_error: Annotated[
        float, Option("largest expected calibration error", unit="probability")
    ] = 0.1,
    min_samples: Annotated[
        int, Option("labels from which on the rule applies", unit="labels")
    ] = 50,
    by_chance: Annotated[
        float, Option("share of perfectly calibrated models whose error by chance is tolerated",
                      unit="fraction")
    ] = 0.99,
) -> Iterator[Finding]:  # fmt: skip
    """Miscalibrated probabilities: confidence does not match accuracy.

    Why: whoever sets a threshold, weighs costs or shows a percentage relies on about 80% of the
    predictions with probability 0.8 being right. The expected calibration error is measured over 15
    bins of confidence (Guo et al., On Calibration of Modern Neural Networks, 2017, arXiv
    1706.04599, who find 0.04 to 0.16 on image classifiers before recalibration). With few samples
    bins differ by chance, so the error must also exceed what a perfectly calibrated model stays
    below in 99% of cases.
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
        raise NotApplicable("the output that the labels belong to is not a probability")
    if scores.is_renamed:
        raise NotApplicable("predictions match the labels under other classes (PRD012)")
    if scores.right.size < min_samples:
        raise NotApplicable(f"too few labels: {scores.right.size} (at least {min_samples})")
    limit = max(max_error, scores.calibration_by_chance(by_chance))
    if error > limit:
        confidence = float(scores.confidence.mean())
        yield Finding(
            scores,
            f"expected calibration error {error:.3f} (limit {limit:.3g}): accuracy "
            f"{scores.accuracy:.1%}, mean confidence {confidence:.1%} ({scores.right.size:,} "
            "predictions)",
            measured=error,
            limit=limit,
            unit="probability",
            hint="divide the logits by a temperature above 1, fitted on held-out data"
            if confidence > scores.accuracy
            else "divide the logits by a temperature below 1, fitted on held-out data",
        )
