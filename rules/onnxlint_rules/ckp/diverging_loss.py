"""CKP010 diverging-loss."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import is_diverged, lowest


@rule("CKP010", "diverging-loss", severity=Severity.WARNING)
def diverging_loss(runs: SeriesRuns) -> Iterator[Finding]:
    """A training that learnt, and then lost it: the last checkpoint is worse than guessing.

    Why: a loss of twice the lowest one (TheDeepChecker's factor) that is above that of a constant
    prediction means that the training blew up: the learning rate is too high for where it came to,
    or a bad batch threw it off. A classifier must have lost half of the accuracy that it had beyond
    guessing, too: where the loss rises more than that, it grows overconfident, which CKP012
    `over-training` reports.
    Outputs that are no numbers any more count, too. Judged on --train-data, else on --data; needs
    labels.
    Fix: ship the best checkpoint, which the finding names; lower the learning rate or clip
    gradients before going on from it.

    Bad:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {3, 0, 0, 3}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * (1, 2, 1, -1)[k]

    Good:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {3, 0, 0, 3}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * (1, 2, 1, 1)[k]
    """
    score = runs.score("train", "data")
    if score is None:
        raise NotApplicable("requires --labels together with --data")
    best = lowest(score.judged)
    if best is None or not is_diverged(score):
        return
    (at, value), last = best, score.judged[-1]
    now = "not a number" if last is None else f"{last:.4g}"
    yield Finding(
        runs,
        f"{score.judged_as} on {score.option} is {now} at the end, {value:.4g} at "
        f"{runs.report.named(at)} (limit {2 * value:.4g})",
        measured=last, limit=2 * value, unit=score.judged_as,
        evidence={"best": runs.report.files[at], "curve": [*score.judged]},
        hint=f"ship {runs.report.files[at]!r}; lower the learning rate before going on from it",
    )  # fmt: skip
