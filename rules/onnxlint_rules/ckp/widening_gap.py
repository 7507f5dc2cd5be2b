"""CKP013 widening-gap."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, ScoreCurve, SeriesRuns, Severity, rule


@rule("CKP013", "widening-gap", severity=Severity.WARNING)
def widening_gap(
    runs: SeriesRuns, *,
    max_gap: Annotated[
        float, Option("lead on training samples over others, in accuracy or R²", unit="fraction")
    ] = 0.1,
    max_gap_above: Annotated[
        float, Option("the same where nine tenths of training samples are right", unit="fraction")
    ] = 0.07,
) -> Iterator[Finding]:  # fmt: skip
    """Over-fitting: from checkpoint to checkpoint better on training samples than on others.

    Why: a network that learns its samples by heart is right on them and not on those that it will
    meet. Reported is a lead of 10 points of accuracy at the end, or of 7 where the accuracy on
    training samples is above 90% (AUTOTRAINER), if it is beyond chance by three standard errors of
    both and at least half of it came during the series, or the first checkpoint is trained already.
    Of regressions it is a lead of 0.1 in the share of the variance that is explained. Needs
    --train-data and --train-labels beside --data and --labels.
    Fix: more samples, augmentation, weight decay, dropout, a smaller network; CKP012
    `over-training` says whether an earlier checkpoint is better.

    Bad:
    # series: [0, 10, 20, 30]
    # train: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # train-labels: [0, 1, 0, 1]
    # data: x = [[0.9, 0.0], [0.0, 0.9], [0.9, 0.0], [0.0, 0.9]]
    # labels: [1, 0, 1, 0]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * k

    Good:
    # series: [0, 10, 20, 30]
    # train: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # train-labels: [0, 1, 0, 1]
    # data: x = [[1.0, 0.5], [0.5, 1.0], [1.0, 0.5], [0.5, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * k
    """
    train, other = runs.score("train"), runs.score("data")
    if train is None or other is None:
        raise NotApplicable("requires --train-data and --train-labels beside --data and --labels")
    gaps = [_gap(train, other, at) for at in range(len(runs.report.steps))]
    known = [gap for gap in gaps if gap is not None]
    share = _share(train, -1)
    if not known or gaps[-1] is None or share is None:
        return
    last = gaps[-1]
    limit = max_gap_above if train.measure != "RMSE" and share > 0.9 else max_gap
    came = last - min(known) >= last / 2 or _is_trained(train, limit)
    if last >= limit and last > _noise(train, other) and came:
        what = "R²" if train.measure == "RMSE" else "accuracy"
        yield Finding(
            runs,
            f"{what} is {share:.3g} on --train-data and {share - last:.3g} on --data at the end, "
            f"{last:.2g} apart (limit {limit:g}); {known[0]:.2g} at {runs.report.named(0)}",
            measured=last, limit=limit, unit=what, evidence={"curve": gaps},
            hint="more samples, augmentation or weight decay; see whether an earlier checkpoint "
            "is better on --data",
        )  # fmt: skip


def _is_trained(train: ScoreCurve, lead: float) -> bool:
    """Whether the first checkpoint is no start: it knows more than guessing."""
    first = _share(train, 0)
    chance = 0.0 if train.measure == "RMSE" else train.chance_figure or 0.0
    return first is not None and first > chance + lead


def _share(score: ScoreCurve, at: int) -> float | None:
    """The accuracy, or the share of the variance that is explained."""
    if score.measure != "RMSE":
        return score.figure[at]
    loss, variance = score.loss[at], score.chance_loss
    return None if loss is None or not variance else 1 - loss / variance


def _gap(train: ScoreCurve, other: ScoreCurve, at: int) -> float | None:
    one, two = _share(train, at), _share(other, at)
    return None if one is None or two is None else one - two


def _noise(train: ScoreCurve, other: ScoreCurve) -> float:
    """Three standard errors of the difference at the end."""
    errors = []
    for score in (train, other):
        if score.measure == "RMSE":
            errors.append((score.loss_noise[-1] or 0.0) / (score.chance_loss or 1.0))
        else:
            errors.append(score.noise[-1] or 0.0)
    return 3 * float((errors[0] ** 2 + errors[1] ** 2) ** 0.5)
