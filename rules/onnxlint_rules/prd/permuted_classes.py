"""PRD012 permuted-classes."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Scores, Severity, counted, listed, rule

SHOWN = 5
"""Classes that the message names; the evidence has all."""


@rule("PRD012", "permuted-classes", severity=Severity.ERROR)
def permuted_classes(
    scores: Scores, *,
    min_share: Annotated[
        float, Option("share of these classes' samples that are predicted as the other class",
                      unit="fraction")
    ] = 0.6,
    min_samples: Annotated[
        int, Option("samples from which on a class is judged", unit="samples")
    ] = 5,
) -> Iterator[Finding]:  # fmt: skip
    """Predictions that match the labels one to one, but under other classes.

    Why: the network learned its task, but its class indices do not mean those of the labels: class
    names in another order, folders sorted as text, labels from 1 on, a background class that shifts
    all by one, 0 and 1 exchanged. Accuracy only shows that the result is bad. Reported where two or
    more classes with enough samples are each predicted as one other class, no two as the same, in
    this share of their samples, and where that with the other classes explains this share of all:
    by 3 standard errors better than the classes themselves do. Classes follow each other in a
    circle or a row, or most of all are moved. Both limits are choices: a network that learned
    nothing predicts many classes as the same one.
    Fix: write the classes of the labels in the order that training used, or permute the last
    layer's rows; keep the names of the classes in the model's metadata.

    Bad:
    # data: x = [[9, 1], [8, 1], [9, 2], [7, 1], [9, 3], [1, 9], [2, 8], [1, 7], [2, 9], [3, 9]]
    # labels: [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # data: x = [[9, 1], [8, 1], [9, 2], [7, 1], [9, 3], [1, 9], [2, 8], [1, 7], [2, 9], [3, 9]]
    # labels: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Good:
    # always the same class: a different fault
    # data: x = [[9, 1], [8, 1], [9, 2], [7, 1], [9, 3], [4, 3], [5, 3], [6, 3], [7, 3], [8, 3]]
    # labels: [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    """
    if scores.confusion is None:
        raise NotApplicable(f"the labels are of a {scores.task} task, not a classification")
    moved = scores.confusion.permuted(min_share, min_samples)
    if not moved:
        return
    named = {scores.name_of(truth): scores.name_of(guess) for truth, guess in moved.items()}
    told = listed([f"{truth} as {guess}" for truth, guess in named.items()], SHOWN)
    judged = counted(int((scores.confusion.labels >= min_samples).sum()), "class", "classes")
    shift = _shift(moved)
    yield Finding(
        scores,
        f"{len(named):,} of {judged} are predicted one to one as other classes: {told} "
        f"(accuracy {scores.accuracy:.1%}){f'; {shift}' if shift else ''}",
        measured=len(named),
        limit=0,
        unit="classes",
        evidence={"map": named},
        hint="bring the classes of the labels into the order that training used, or permute the "
        "rows of the last layer",
    )


def _shift(moved: Mapping[object, object]) -> str:
    """That all numbers are off by the same number, in words."""
    pairs = [(t, g) for t, g in moved.items() if isinstance(t, int) and isinstance(g, int)]
    steps = {truth - guess for truth, guess in pairs}
    if len(pairs) < len(moved) or len(steps) != 1:
        return ""
    (step,) = steps
    side = "more" if step > 0 else "less"
    return f"each of these labels is {abs(step)} {side} than the number of its class"
