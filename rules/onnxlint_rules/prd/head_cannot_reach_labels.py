"""PRD011 head-cannot-reach-labels."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Reachable, Severity, counted, listed, rule
from onnxlint_rules.prd._out_of_reach import severity_of


@rule("PRD011", "head-cannot-reach-labels", severity=Severity.ERROR)
def head_cannot_reach_labels(
    reachable: Reachable, *,
    min_share: Annotated[
        float, Option("share of labels beyond a regression from which on it is an error",
                      unit="fraction of labels")
    ] = 0.05,
) -> Iterator[Finding]:  # fmt: skip
    """Labels outside of what the output can give for any input.

    Why: a sigmoid ends at 1, a tanh at ±1, a ReLU begins at 0, trees give sums of their leaves: no
    training and no input brings the output beyond. The labels were not scaled as in training, or
    the last activation does not belong there. The bounds are proven from the weights and operators
    between the inputs and the output. Classes that the output does not have are as far beyond: the
    number 10 beside ten scores, which are the classes 0 to 9, or a name that a classifier does not
    know. Where predictions match such labels one to one, PRD012 names the map instead. Some numbers
    beyond, fewer than 5%, are outliers, and an info. Leaves of trees are means, which labels exceed
    on both sides: reported where half of the labels do, or 5% by more than the trees' whole range.
    These limits are choices.
    Fix: scale the labels as in training (or the output back), or take the last activation away;
    number classes from 0 on.

    Bad:
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [21.5, 3.25, 17.75, 30.5]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Sigmoid(h)
    }

    Bad:
    # class 3 beside three scores
    # data: x = [[1.5, 2, 0], [0.5, 1, 0], [2.5, 0, 0], [3, 1, 5]]
    # labels: [1, 3, 0, 2]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Softmax(x)
    }

    Good:
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [21.5, 3.25, 17.75, 30.5]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Good:
    # labels between 0 and 1
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [0.5, 0.25, 1.0, 0.125]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Sigmoid(h)
    }
    """
    severity = severity_of(reachable, min_share)
    if severity is None:
        return
    is_of_numbers = reachable.scores.task == "regression"
    yield Finding(
        reachable,
        _told_of_numbers(reachable) if is_of_numbers else _told_of_classes(reachable),
        measured=reachable.share,
        limit=0.0,
        unit="fraction of labels",
        severity=severity,
        hint="scale the labels as in training, or take the last activation away"
        if is_of_numbers
        else "number and name the classes of the labels as in training, from 0 on",
    )


def _told_of_numbers(reachable: Reachable) -> str:
    outside = reachable.scores.truths[reachable.beyond]
    worst = float(outside[abs(outside).argmax()])
    return (
        f"{_output(reachable)} is from {reachable.low:.4g} to {reachable.high:.4g} for every "
        f"input, but {_labels(reachable)} outside, such as {worst:.4g}"
    )


def _told_of_classes(reachable: Reachable) -> str:
    if reachable.known is None:
        classes = f"classes {reachable.low:.0f} to {reachable.high:.0f}"
    else:
        classes = f"classes {listed(list(reachable.known))}"
    strange = listed([str(each) for each in reachable.strangers])
    return f"{_output(reachable)} gives {classes}, but {_labels(reachable)} outside: {strange}"


def _labels(reachable: Reachable) -> str:
    number = int(reachable.beyond.sum())
    return f"{counted(number, 'label')} ({reachable.share:.0%}) {'lies' if number == 1 else 'lie'}"


def _output(reachable: Reachable) -> str:
    return f"output {reachable.scores.output.value.name!r}"
