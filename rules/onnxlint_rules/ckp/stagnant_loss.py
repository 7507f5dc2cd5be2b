"""CKP009 stagnant-loss."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import (
    LEAST_POINTS,
    beats_guessing,
    is_beyond_chance,
    known,
    lowest,
)


@rule("CKP009", "stagnant-loss", severity=Severity.WARNING)
def stagnant_loss(
    runs: SeriesRuns, *,
    min_checkpoints: Annotated[
        int, Option("fewest checkpoints", unit="checkpoints")
    ] = LEAST_POINTS,
) -> Iterator[Finding]:  # fmt: skip
    """A training that never beats guessing: the loss stays at that of a constant prediction.

    Why: who predicts each class by its frequency, or the mean of the targets, has a loss without
    looking at any input. A model that is 5% below it at no checkpoint (TheDeepChecker's fall of
    the loss in 5 periods) learnt next to nothing: the labels do not belong to the samples, no
    gradient arrives, or the rate is far too high or low. Where it is below by more than three
    standard errors all the same, the task may be nearly all chance, and it is an info. A loss that
    stays where it is low is a plateau, which CKP014 tells. Judged on --train-data, else
    on --data; needs labels.
    Fix: see whether the network learns ten samples by heart; check that samples and labels are
    shuffled together, the loss fits the head, and every layer gets a gradient.

    Bad:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * -0.01 * k

    Good:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * k
    """
    score = runs.score("train", "data")
    if score is None:
        raise NotApplicable("requires --labels together with --data")
    seen, best = known(score.judged), lowest(score.judged)
    if len(seen) < min_checkpoints or best is None or beats_guessing(score):
        return
    chance = score.judged_chance or 0.0
    at, value = best
    yield Finding(
        runs,
        f"{score.judged_as} on {score.option} is {value:.4g} at best, at {runs.report.named(at)}; "
        f"a constant prediction has {chance:.4g} (limit {0.95 * chance:.4g})",
        measured=value, limit=0.95 * chance, unit=score.judged_as,
        severity=Severity.INFO if is_beyond_chance(score) else None,
        evidence={"curve": [*score.judged]},
        hint="see whether the network learns ten samples by heart, and whether the labels belong "
        "to the samples",
    )  # fmt: skip
