"""PRD013 mispredicted-class."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    ConstantGuess,
    Finding,
    NotApplicable,
    Option,
    Scores,
    Severity,
    Stage,
    counted,
    listed,
    rule,
)
from onnxlint_rules.prd._misses import Miss, misses

SINGLE = 5
"""Classes that have a finding each; of more there is one for all."""

HARD = 100
"""Classes from which on it may be the task that few of them are found: a choice."""


@rule("PRD013", "mispredicted-class", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def mispredicted_class(
    scores: Scores, guess: ConstantGuess | None, *,
    min_recall: Annotated[
        float, Option("smallest share of a class's labels that are predicted", unit="fraction")
    ] = 0.3,
    min_samples: Annotated[
        int, Option("labels of a class from which on it is judged", unit="labels")
    ] = 20,
) -> Iterator[Finding]:  # fmt: skip
    """A class that the model hardly ever finds: its labels are predicted as others.

    Why: an accuracy of 95% hides that one class of twenty is never right: few or wrong labels of it
    in training, two classes that are one, a loss that ignores rare classes. A class with at least
    20 labels is reported where less than 0.3 of them are predicted right; both limits are choices:
    with 20 labels, one of which half would be found has so few in 2% of cases. The confusion matrix
    of all classes is in the report. Where more than half of the classes are so, or more than five,
    it is one finding on the model; an info where more than 100 classes are judged and most of them
    are so, as with the tokens of a language. Not reported: what other rules tell: a model that
    always answers the same (PRD002, PRD004), or that is no better than if it did (PRD016), classes
    that stand for each other (PRD012), and classes that the model does not have (PRD011).
    Fix: look at the samples of this class and of the class that it is taken for; check their labels
    in training, add samples of it, or weight the loss by class.

    Bad:
    # option: min-samples = 4
    # data: x = [[9, 0, 0], [8, 0, 0], [9, 0, 1], [7, 0, 0], [0, 9, 0], [0, 8, 0], [0, 9, 1], [0, 7, 0], [0, 3, 1], [0, 4, 0], [0, 3, 0], [0, 3, 2]]
    # labels: [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Softmax(x)
    }

    Good:
    # option: min-samples = 4
    # data: x = [[9, 0, 0], [8, 0, 0], [9, 0, 1], [7, 0, 0], [0, 9, 0], [0, 8, 0], [0, 9, 1], [0, 7, 0], [0, 3, 1], [0, 4, 9], [0, 3, 9], [0, 3, 2]]
    # labels: [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    net (float[N, 3] x) => (float[N, 3] y)
    {
        y = Softmax(x)
    }
    """  # noqa: E501
    confusion = scores.confusion
    if confusion is None:
        raise NotApplicable(f"the labels are of a {scores.task} task, not a classification")
    judged = [at for at, held in enumerate(confusion.labels.tolist()) if held >= min_samples]
    if not judged:
        raise NotApplicable(f"no class has {min_samples} labels")
    is_constant = (confusion.predicted > 0).sum() < 2
    if is_constant or (guess is not None and not guess.is_beaten and not guess.informed):
        return
    found = misses(scores, judged, min_recall)
    if len(found) > 1 and (2 * len(found) > len(judged) or len(found) > SINGLE):
        yield _of_many(scores, found, len(judged), min_recall)
        return
    for miss in found:
        yield _of_one(scores, miss, min_recall)


def _of_one(scores: Scores, miss: Miss, limit: float) -> Finding:
    return Finding(
        scores,
        f"recall of class {miss.name} is {miss.recall:.3g} (limit {limit:g}): {miss.told} of "
        f"{counted(miss.labels, 'label')}",
        measured=miss.recall,
        limit=limit,
        unit="recall",
        evidence={"class": miss.name, "labels": miss.labels, "predicted": dict(miss.taken_for)},
        hint=f"compare samples of class {miss.name} with those of class {miss.taken_for[0][0]}, "
        "and check their labels in training",
    )


def _of_many(scores: Scores, found: list[Miss], judged: int, limit: float) -> Finding:
    is_hard = judged > HARD and 2 * len(found) > judged
    lowest = listed([f"{each.name} {each.recall:.2g} ({each.told})" for each in found])
    return Finding(
        scores,
        f"recall of {len(found):,} of {judged:,} classes is below {limit:g}: {lowest}; accuracy "
        f"{scores.accuracy:.1%}",
        measured=found[0].recall,
        limit=limit,
        unit="recall",
        severity=Severity.INFO if is_hard else None,
        evidence={"recall": {each.name: each.recall for each in found}},
        hint="compare their samples with those that they are taken for, and check preprocessing",
    )
