"""PRD014 over-fitting."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from msgspec.structs import replace

from onnxlint import Finding, NotApplicable, Option, Severity, Stage, TrainScores, TreeFit, rule

if TYPE_CHECKING:
    from onnxlint import Gap, Scores

HIGH = 0.9
"""Accuracy on training samples above which the smaller gap holds (AUTOTRAINER)."""

LEAST_LOSS = 0.02
"""Nats, or share of the variance, that a loss must differ by: of 0.001 and 0.002 nobody learns."""

OVERFITTED = "train with more samples, augmentation, weight decay or early stopping"
LEAKED = (
    "check that --train-data and --data are not exchanged, that no held-out sample was trained on, "
    "and that training samples are given without augmentation"
)

GROWN = (
    "; trees fit what they are grown on: only the second figure tells how good they are together"
)
FOREST = (
    "judge a forest on other samples, or out of bag; fewer leaves (min_samples_leaf, max_depth) "
    "help where that figure rises, whatever the first one does"
)
NO_STAGE = "; with fewer of its trees the loss on the others is not lower"
BOOSTED = (
    "boosting fits its samples ever closer, and stopping earlier would not help here; try a lower "
    "learning rate, smaller trees or subsampling where other samples tell the difference"
)
PRUNE = (
    "prune the tree (max_depth, min_samples_leaf, ccp_alpha), give more samples, or grow a forest"
)
STOP = "stop earlier (early_stopping, n_estimators), or lower the learning rate or the depth"


@rule("PRD014", "over-fitting", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def over_fitting(
    both: TrainScores, fit: TreeFit, *,
    max_gap: Annotated[
        float, Option("lead on training samples over others, in accuracy or R²", unit="fraction")
    ] = 0.1,
    max_gap_above: Annotated[
        float, Option("the same where nine tenths of training samples are right", unit="fraction")
    ] = 0.07,
    max_loss_gap: Annotated[
        float, Option("how much larger the loss may be on other samples", unit="fraction")
    ] = 0.1,
    max_reverse: Annotated[
        float, Option("lead on other samples over those of training", unit="fraction")
    ] = 0.05,
    min_samples: Annotated[
        int, Option("labels of each set from which on the rule applies", unit="samples")
    ] = 50,
) -> Iterator[Finding]:  # fmt: skip
    """Over-fitting: much better on the samples of training than on others, or the reverse.

    Why: a network that learns its samples by heart is right on them and not on those that it will
    meet. Reported is a lead of 10 points of accuracy on the training samples, or of 7 where more
    than 90% of these are right (AUTOTRAINER, ICSE 2021); in a regression, of 0.1 in R². A loss that
    is more than 10% larger on other samples is an info (SageMaker Debugger's rule Overfit): of
    nearly every trained network it is so. The reverse, 5 points better on samples that training did
    not see, is no luck, but files that are exchanged, or samples of one set in the other; 5 is
    ours. All differences must be beyond chance: outside of what 99% of 1000 bootstrap samples of
    both sets show, drawn with `--seed`. Needs `--train-data` and `--train-labels` beside `--data`
    and `--labels`.
    Trees fit their samples by construction. A lead of a forest, whose trees are averaged, is an
    info, and so is that of boosted trees, unless fewer of its trees have a loss on other samples
    that is lower by a tenth, beyond chance: then training went on for too long. A single tree, and
    an ensemble that is no better than a constant on other samples, are judged as networks are.
    Fix: more samples, augmentation, weight decay, dropout, early stopping, or a smaller network.

    Bad:
    # option: min-samples = 12
    # train: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 8]]
    # train-labels: [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    # data: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9]]
    # labels: [0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # option: min-samples = 12
    # train: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 8]]
    # train-labels: [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    # data: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9]]
    # labels: [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # one mistake of twelve: by chance
    # option: min-samples = 12
    # train: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 8]]
    # train-labels: [0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    # data: x = [[9, 0], [9, 0], [0, 9], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9], [9, 0], [0, 9]]
    # labels: [1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    """  # noqa: E501
    fewest = min(both.train.samples, both.held_out.samples)
    if fewest < min_samples:
        raise NotApplicable(f"too few labels of a set: {fewest} (at least {min_samples})")
    gap, measure = both.accuracy or both.explained, "accuracy" if both.accuracy else "R²"
    if gap is None:
        raise NotApplicable("the labels of a set are all the same number")
    limit = max_gap_above if both.accuracy and gap.train > HIGH else max_gap
    if gap.size >= limit and gap.low > 0:
        yield _over_fitted(both, fit, _told(both, gap, measure, limit, _hint(fit),
                                            f"{measure} falls"), max_loss_gap)  # fmt: skip
    elif -gap.size > max_reverse and gap.high < 0:
        yield _told(both, gap, measure, max_reverse, LEAKED, f"{measure} rises")
    elif (
        (loss := both.loss) is not None
        and fit.kind != "forest"
        and (_is_larger(both, loss, max_loss_gap))
    ):
        name = "log loss" if both.accuracy else "mean squared error"
        yield _told(both, loss, name, max_loss_gap, _hint(fit), f"{name} rises", Severity.INFO)


def _over_fitted(
    both: TrainScores, fit: TreeFit, told: Finding, max_loss_gap: float
) -> Finding:  # fmt: skip
    """The finding as it is of trees, which fit the samples of training by construction."""
    if fit.kind in (None, "tree") or not _is_better_than_constant(both.held_out):
        return told
    if fit.kind == "forest":
        return replace(told, severity=Severity.INFO, message=told.message + GROWN, hint=FOREST)
    stage = fit.better_stage(LEAST_LOSS * _scale(both), max_loss_gap)
    if stage is None:
        return replace(told, severity=Severity.INFO, message=told.message + NO_STAGE, hint=BOOSTED)
    name = "log loss" if both.accuracy else "mean squared error"
    better = (
        f"; with the first {stage.trees:,} of {stage.of:,} trees the {name} on the others is "
        f"{stage.loss:.3g} instead of {stage.full:.3g}"
    )
    return replace(told, message=told.message + better, hint=STOP)


def _hint(fit: TreeFit) -> str:
    return {"tree": PRUNE, "forest": FOREST, "boosted": STOP}.get(fit.kind or "", OVERFITTED)


def _is_better_than_constant(scores: "Scores") -> bool:
    """Whether it meets labels that it has not seen better than the most frequent one, or a mean."""
    if scores.task == "regression":
        return (scores.rmse or 0.0) ** 2 < float(scores.truths.var(axis=0).mean())
    counts = Counter(map(str, scores.truths.reshape(-1).tolist()))
    return scores.figure > max(counts.values()) / counts.total()


def _scale(both: TrainScores) -> float:
    return 1.0 if both.accuracy else float(both.train.truths.var(axis=0).mean())


def _is_larger(both: TrainScores, loss: "Gap", max_loss_gap: float) -> bool:
    """Whether a loss is larger on other samples, by more than the limit, chance and nothing."""
    least = LEAST_LOSS * _scale(both)
    return -loss.size > max(max_loss_gap * loss.train, least) and loss.high < 0


def _told(
    both: TrainScores, gap: "Gap", measure: str, limit: float, hint: str, moves: str,
    severity: Severity | None = None,
) -> Finding:  # fmt: skip
    is_loss = severity is not None
    size = -gap.size / gap.train if is_loss and gap.train else abs(gap.size)
    told = f"{size:.0%}, " if is_loss and gap.train else f"{size:.3g}, "
    return Finding(
        both,
        f"{moves} from {gap.train:.4g} on {both.train.samples:,} training samples to "
        f"{gap.held_out:.4g} on {both.held_out.samples:,} others: {told}limit {limit:g}, 99% "
        f"interval of the change {-gap.high:.3g} to {-gap.low:.3g} (seed {both.seed})",
        measured=size,
        limit=limit,
        unit=f"fraction of the {measure}" if is_loss else measure,
        severity=severity,
        hint=hint,
    )
