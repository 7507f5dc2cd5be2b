"""PRD012 permuted-classes."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Scores, Severity, listed, rule

SHOWN = 5
"""Classes that the message names; the evidence has all."""


@rule("PRD012", "permuted-classes", severity=Severity.ERROR)
def permuted_classes(
    scores: Scores, *,
    min_share: Annotated[
        float, Option("share of a class's samples that are predicted as one other class",
                      unit="fraction")
    ] = 0.8,
    min_samples: Annotated[
        int, Option("samples from which on a class is judged", unit="samples")
    ] = 5,
) -> Iterator[Finding]:  # fmt: skip
    """Predictions that match the labels one to one, but under other classes.

    Why: the network learned its task, but its class indices do not mean those of the labels: class
    names in another order, a background class that shifts all by one, 0 and 1 exchanged. Accuracy
    only shows that the result is bad. Reported where at least two classes with enough samples are
    predicted as one other class each, no two as the same, in this share of the samples. Both limits
    are choices: a network that learned nothing predicts many classes as the same one.
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
    if scores.task != "classification":
        raise NotApplicable(f"the labels are of a {scores.task} task, not a classification")
    usual = _usual(scores, min_share, min_samples)
    taken = Counter(usual.values())
    moved = {truth: guess for truth, guess in usual.items() if truth != guess and taken[guess] == 1}
    if len(moved) < 2:
        return
    named = {scores.name_of(truth): scores.name_of(guess) for truth, guess in moved.items()}
    yield Finding(
        scores,
        f"{len(named):,} of {len(usual):,} classes are predicted one to one as other classes: "
        f"{listed([f'{truth} as {guess}' for truth, guess in named.items()], SHOWN)} "
        f"(accuracy {scores.accuracy:.1%})",
        measured=len(named),
        limit=0,
        unit="classes",
        evidence={"map": named},
        hint="bring the classes of the labels into the order that training used, or permute the "
        "rows of the last layer",
    )


def _usual(scores: Scores, min_share: float, min_samples: int) -> dict[object, object]:
    """What each class with enough samples is predicted as, if that is nearly always the same.

    A class that is predicted as anything stands for none.
    """
    usual = {}
    for truth, counted in scores.guesses.items():
        guess, times = counted.most_common(1)[0]
        if counted.total() >= min_samples and times >= min_share * counted.total():
            usual[truth] = guess
    return usual
