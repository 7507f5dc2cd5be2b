"""CKP014 loss-plateau."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import beats_guessing, known


@rule("CKP014", "loss-plateau", severity=Severity.INFO)
def loss_plateau(
    runs: SeriesRuns, *,
    max_change: Annotated[
        float, Option("change from one checkpoint to the next that is none",
                      unit="fraction of the whole fall")
    ] = 0.02,
    patience: Annotated[
        int, Option("intervals in a row without a change", unit="intervals")
    ] = 3,
    min_drop: Annotated[
        float, Option("fall behind a plateau that counts", unit="fraction of the whole fall")
    ] = 0.2,
) -> Iterator[Finding]:  # fmt: skip
    """A stretch without progress: one that ended in a drop, or the one at the end.

    Why: a loss that stands still is no fault by itself. Networks learn in steps, and what looks
    like the end may be a plateau before a sudden drop: patience is the last step of finding faults
    in a training, not the first. This rule says where the plateaus were, so that the next run is
    not stopped on one; and that nothing came of the last checkpoints, where that is so. Judged on
    --train-data, else on --data; needs labels. A loss that never leaves that of guessing is CKP009.
    Fix: nothing needs to be fixed. Give early stopping more patience than the longest plateau;
    where the last checkpoints brought nothing, stop earlier or lower the learning rate there.

    Bad:
    # series: [0, 10, 20, 30, 40, 50]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * (0, 0.01, 0.02, 0.03, 3, 6)[k]

    Good:
    # series: [0, 10, 20, 30, 40, 50]
    # data: x = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    # labels: [0, 1, 0, 1]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        y = Softmax(h)
    }
    >>> weights["w"] = weights["w"] * 0.5 * k
    """
    score = runs.score("train", "data")
    if score is None:
        raise NotApplicable("requires --labels together with --data")
    seen = known(score.judged)
    values = [value for _, value in seen]
    fall = max(values, default=0.0) - min(values, default=0.0)
    if not fall or not beats_guessing(score):
        return
    for start, end in _flat(values, max_change * fall, patience):
        first, last = seen[start][0], seen[end][0]
        where = f"from {runs.report.named(first)} to {runs.report.named(last)}"
        drop = values[end] - min(values[end:])
        if end < len(values) - 1 and drop >= min_drop * fall:
            told = f"then it falls by {drop:.3g}: a plateau, and no fault"
        elif end == len(values) - 1:
            told = "to the end"
        else:
            continue
        yield Finding(
            runs,
            f"{score.judged_as} on {score.option} stands at {values[end]:.4g} {where}, {told}",
            measured=end - start, limit=patience, unit="intervals",
            evidence={"curve": [*score.judged]},
        )  # fmt: skip


def _flat(values: list[float], most: float, patience: int) -> Iterator[tuple[int, int]]:
    """The stretches of at least so many intervals in which nothing changes by more."""
    start = 0
    for at, (before, after) in enumerate(pairwise(values)):
        if abs(after - before) > most:
            if at - start >= patience:
                yield start, at
            start = at + 1
    if len(values) - 1 - start >= patience:
        yield start, len(values) - 1
