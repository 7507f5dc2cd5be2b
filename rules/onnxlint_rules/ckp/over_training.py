"""CKP012 over-training."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, ScoreCurve, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import LEAST_POINTS, is_diverged, known, lowest


@rule("CKP012", "over-training", severity=Severity.WARNING)
def over_training(
    runs: SeriesRuns, *,
    patience: Annotated[
        int, Option("checkpoints behind the best one that are waited for", unit="checkpoints")
    ] = 3,
    min_loss: Annotated[
        float, Option("rise of the loss above its lowest that counts", unit="fraction of the loss")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """A training that went on too long: the best checkpoint is long past.

    Why: on samples that were kept out of training, the loss falls, and rises again once the network
    learns its training samples by heart. The last checkpoint is then not the one to ship. Reported
    from three checkpoints behind the best one on, where the loss is a tenth above its lowest
    (SageMaker's limit) and by more than three standard errors of it. Where the accuracy is no lower
    than at the lowest loss, as with networks that only grow overconfident, it is an info. Judged
    on --data; needs labels.
    Fix: ship the checkpoint that the finding names, or stop there (early stopping); weight decay,
    dropout, augmentation or more samples move the optimum.

    Bad:
    # series: [0, 10, 20, 30, 40, 50, 60]
    # data: x = [[1.0], [-1.0], [1.0], [-1.0]]
    # labels: [1.0, -1.0, 1.0, -1.0]
    net (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }
    >>> weights["w"][:] = (0, 0.5, 0.9, 1.2, 1.3, 1.4, 1.5)[k]

    Good:
    # series: [0, 10, 20, 30, 40, 50, 60]
    # data: x = [[1.0], [-1.0], [1.0], [-1.0]]
    # labels: [1.0, -1.0, 1.0, -1.0]
    net (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }
    >>> weights["w"][:] = (0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.91)[k]
    """
    score = runs.score("data")
    if score is None:
        raise NotApplicable("requires --labels together with --data")
    best, last = lowest(score.judged), score.judged[-1]
    if best is None or last is None or len(known(score.judged)) < LEAST_POINTS:
        return
    at, value = best
    past = len(score.judged) - 1 - at
    if past < patience or last - value <= _limit(score, at, min_loss) or _is_diverged(runs, score):
        return
    kept = score.measure != "RMSE" and _kept(score, at)
    figure = "" if score.measure == "RMSE" else _accuracies(score, at)
    file = runs.report.files[at]
    yield Finding(
        runs,
        f"{score.judged_as} on {score.option} is lowest at {runs.report.named(at)}, {value:.4g}, "
        f"and {last:.4g} at the end, {past} checkpoints later{figure}",
        measured=last, limit=value + _limit(score, at, min_loss), unit=score.judged_as,
        severity=Severity.INFO if kept else None,
        evidence={"best": file, "curve": [*score.judged]},
        hint=f"ship {file!r}" + ("; or calibrate the last checkpoint" if kept else ""),
    )  # fmt: skip


def _is_diverged(runs: SeriesRuns, score: ScoreCurve) -> bool:
    """Whether CKP010 reports it."""
    return is_diverged(runs.score("train") or score)


def _limit(score: ScoreCurve, at: int, share: float) -> float:
    """What the loss may rise: a share of it, and what may be chance in the choice of samples."""
    error = score.judged_noise[-1] or 0.0
    low = score.judged[at] or 0.0
    return max(share * low, 3 * error)


def _kept(score: ScoreCurve, at: int) -> bool:
    before, after = score.figure[at], score.figure[-1]
    return before is not None and after is not None and after >= before


def _accuracies(score: ScoreCurve, at: int) -> str:
    before, after = score.figure[at], score.figure[-1]
    return "" if before is None or after is None else f"; accuracy {before:.3g}, then {after:.3g}"
