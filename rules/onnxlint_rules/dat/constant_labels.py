"""DAT011 constant-labels."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Scores, Severity, counted, listed, rule


@rule("DAT011", "constant-labels", severity=Severity.WARNING)
def constant_labels(
    scores: Scores, *,
    min_samples: Annotated[
        int, Option("labels from which on the rule applies", unit="samples")
    ] = 20,
) -> Iterator[Finding]:  # fmt: skip
    """Labels that are all the same: targets of one number, or samples of one class.

    Why: whatever is measured on them says nothing: a constant reaches an error of 0, an accuracy of
    100%. The wrong column was read, the file holds one class only because it is sorted and was cut,
    or a target was never filled in. Judged are the labels of the samples that are run; a regression
    of several numbers is reported where one of them is constant (a standard deviation of 0, as in
    TheDeepChecker). From 20 labels on, a choice.
    Fix: name the column of the labels (`--labels FILE:COLUMN`), shuffle the samples before they are
    cut, or leave a constant target out of the model.

    Bad:
    # option: min-samples = 4
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [2.5, 2.5, 2.5, 2.5]
    net (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }

    Bad:
    # option: min-samples = 4
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [1, 1, 1, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # option: min-samples = 4
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [2.5, 2.5, 2.5, 2.25]
    net (float[N, 2] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}>
    {
        y = MatMul(x, w)
    }
    """
    if scores.task == "multi-label":
        raise NotApplicable("several labels per sample may each be absent from all samples")
    if scores.samples < min_samples:
        raise NotApplicable(f"too few labels: {scores.samples} (at least {min_samples})")
    told = _targets(scores) if scores.task == "regression" else _class(scores)
    if told is not None:
        yield Finding(
            scores,
            told,
            measured=1,
            limit=2,
            unit="different labels",
            hint="check which column holds the labels, and shuffle samples before they are cut",
        )


def _class(scores: Scores) -> str | None:
    first = scores.truths[0]
    if not (scores.truths == first).all():
        return None
    return (
        f"all {counted(len(scores.truths), 'label')} are of class {scores.name_of(first)}: "
        "accuracy and recall say nothing of other classes"
    )


def _targets(scores: Scores) -> str | None:
    truths, constant = scores.truths, scores.unvaried
    if not constant:
        return None
    named = listed([f"{float(truths[0, at]):.6g}" for at in constant])
    if truths.shape[1] == 1:
        return f"all {counted(len(truths), 'label')} are {named}: no input explains a constant"
    return (
        f"{len(constant):,} of {truths.shape[1]:,} targets are constant in all "
        f"{counted(len(truths), 'sample')}: {listed([str(at) for at in constant])} (values {named})"
    )
