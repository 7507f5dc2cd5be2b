"""CKP011 swinging-loss."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, ScoreCurve, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import known


@rule("CKP011", "swinging-loss", severity=Severity.WARNING)
def swinging_loss(
    runs: SeriesRuns, *,
    min_swing: Annotated[
        float, Option("rise of the error that counts, of accuracies", unit="fraction")
    ] = 0.03,
    min_loss_swing: Annotated[
        float, Option("rise of the loss that counts, without accuracies", unit="fraction of chance")
    ] = 0.1,
    max_share: Annotated[
        float, Option("share of checkpoints that may be worse than the one before",
                      unit="fraction of checkpoints")
    ] = 0.2,
    min_swings: Annotated[int, Option("fewest such checkpoints", unit="checkpoints")] = 3,
) -> Iterator[Finding]:  # fmt: skip
    """Checkpoints that are now better, now worse, by much: which one is shipped is chance.

    Why: with a learning rate that is too high, or batches that are too small, the training jumps
    over the optimum again and again. Reported are at least three falls of the accuracy by 3 points
    or more, each made up for afterwards, in a fifth of the checkpoints or more (AUTOTRAINER); of
    regressions, rises of the loss by a tenth of that of a constant prediction. Of few
    samples a handful at the border of two classes flips all the time: a fall must be one and a half
    standard errors of the accuracy, too. Judged on --train-data, else on --data; needs labels.
    Fix: lower the learning rate over time, raise the batch size, or ship averaged weights; choose
    the checkpoint by data that was kept out of training.

    Bad:
    # series: [0, 10, 20, 30, 40, 50, 60, 70]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"][1] = weights["w"][1] * (-1) ** k

    Good:
    # series: [0, 10, 20, 30, 40, 50, 60, 70]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"][1] = weights["w"][1] * (2 + (-1) ** k)
    """
    score = runs.score("train", "data")
    if score is None:
        raise NotApplicable("requires --labels together with --data")
    curve, unit = _error(score)
    least = max(min_swing, _grain(score)) if unit == "accuracy" else min_loss_swing
    falls = _swings([value for _, value in known(curve)], least)
    count = len(known(curve))
    if len(falls) < max(min_swings, max_share * count):
        return
    yield Finding(
        runs,
        f"{unit} on {score.option} swings {len(falls)} times in {count} checkpoints by {least:.2g} "
        f"or more, by {max(falls):.2g} at most (limit {max_share:.0%} of checkpoints)",
        measured=len(falls) / count, limit=max_share, unit="fraction of checkpoints",
        evidence={"curve": [*curve]},
        hint="lower the learning rate towards the end, or ship averaged weights",
    )  # fmt: skip


def _grain(score: ScoreCurve) -> float:
    """What a handful of samples at the border of two classes make of an accuracy."""
    return 1.5 * max((error for error in score.noise if error is not None), default=0.0)


def _error(score: ScoreCurve) -> tuple[list[float | None], str]:
    """What falls as the model gets better: errors, or a loss by that of a constant prediction."""
    if score.measure != "RMSE":
        return [None if value is None else 1 - value for value in score.figure], "accuracy"
    chance = score.chance_loss or 1.0
    return [None if value is None else value / chance for value in score.loss], "loss"


def _swings(curve: list[float], least: float) -> list[float]:
    """The rises of a curve by as much, from a low to a high that a fall as large follows."""
    found: list[float] = []
    low = high = curve[0] if curve else 0.0
    for value in curve[1:]:
        if value < low and high == low:
            low = high = value
        high = max(high, value)
        if high - low >= least and high - value >= least:
            found.append(high - low)
            low = high = value
        elif value <= low:
            low = high = value
    return found
