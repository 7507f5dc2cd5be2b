"""PRD016 constant-not-beaten."""

import math
from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Baselines,
    Collapses,
    ConstantGuess,
    Finding,
    NotApplicable,
    Option,
    Predictions,
    Reachable,
    Severity,
    Stage,
    Trace,
    rule,
)
from onnxlint_rules.prd._constants import is_told
from onnxlint_rules.prd._out_of_reach import severity_of

SCALED = 0.5
"""A correlation from which on an error as large as that of the mean is a matter of scale."""


@rule("PRD016", "constant-not-beaten", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def constant_not_beaten(
    guess: ConstantGuess, reachable: Reachable, baselines: Baselines | None,
    predictions: Predictions | None, collapses: Collapses | None, trace: Trace, *,
    min_samples: Annotated[
        int, Option("labels from which on the rule applies", unit="samples")
    ] = 50,
    min_others: Annotated[
        int, Option("labels of other classes that make it a warning", unit="labels")
    ] = 20,
) -> Iterator[Finding]:  # fmt: skip
    """A model that is no better than always giving the same answer.

    Why: whoever answers the most frequent class, or the mean of all labels, looks at no input. A
    model that does not beat that has learnt nothing, or the labels or the preprocessing do not
    belong to it. Compared sample by sample: the model must be right more often, or have smaller
    squared errors, by more than 1.645 standard errors (95%, one-sided). An info, where it is no
    better and its predictions still follow the labels beyond chance: the mean recall of the classes
    is above that of guesses, or the log loss below that of the class frequencies, as with a
    detector of rare events that gives many false alarms; and where fewer than 20 labels are of
    other classes. From 50 labels on, without scikit-learn and `--compare-simple`. Not reported:
    what other rules tell: predictions that are all the same (PRD002, PRD004), labels that the
    output cannot give (PRD011), permuted classes (PRD012), and CMP001's majority class and mean.
    Fix: check that samples and labels belong together and are preprocessed as in training; overfit
    a few samples to see that the network can learn.

    Bad:
    # option: min-samples = 8
    # option: min-others = 4
    # data: x = [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    # labels: [0, 0, 1, 1, 0, 0, 1, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }

    Bad:
    # a regression in other units
    # option: min-samples = 8
    # data: x = [[1], [2], [3], [4], [5], [6], [7], [8]]
    # labels: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08]
    net (float[N, 1] x) => (float[N, 1] y) <float[1, 1] w = {1}>
    {
        y = MatMul(x, w)
    }

    Good:
    # option: min-samples = 8
    # data: x = [[1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]
    # labels: [0, 1, 0, 1, 0, 1, 0, 0]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Softmax(x)
    }
    """
    scores = guess.scores
    if scores.samples < min_samples:
        raise NotApplicable(f"too few labels: {scores.samples} (at least {min_samples})")
    if guess.is_beaten or not math.isfinite(scores.figure):
        return
    name = "mean" if guess.answer is None else "majority class"
    is_of_others = severity_of(reachable) is Severity.ERROR or scores.is_renamed
    if is_of_others or (baselines is not None and name in baselines.unbeaten):
        return
    if _follows(guess) and not guess.is_missed:
        return
    if is_told(scores, predictions, collapses, trace):
        return
    is_rare = guess.answer is not None and guess.others < min_others
    yield Finding(
        scores,
        f"{scores.measure} {scores.figure:.4g} on {scores.samples:,} samples is "
        f"{'no' if guess.is_missed else 'not significantly'} better than that of always answering "
        f"{_answer(guess)} ({guess.figure:.4g}){_beside(guess)}",
        measured=scores.figure,
        limit=guess.figure,
        unit=scores.measure,
        severity=Severity.INFO if is_rare or _follows(guess) else None,
        hint=_hint(guess),
    )


def _answer(guess: ConstantGuess) -> str:
    return "the mean of the labels" if guess.answer is None else f"class {guess.answer}"


def _follows(guess: ConstantGuess) -> bool:
    """Whether the predicted classes follow the labels all the same."""
    return guess.answer is not None and guess.informed


def _beside(guess: ConstantGuess) -> str:
    """That predictions follow the labels all the same."""
    if _follows(guess):
        return ", although predictions follow the labels beyond chance"
    if guess.answer is None and _is_scaled(guess):
        return f", although predictions correlate with labels ({guess.correlation:.2f})"
    return ""


def _is_scaled(guess: ConstantGuess) -> bool:
    return guess.correlation is not None and abs(guess.correlation) >= SCALED


def _hint(guess: ConstantGuess) -> str:
    if _follows(guess):
        return "judge it by the recall of each class, and choose the threshold for its use"
    if guess.answer is None and _is_scaled(guess):
        return "bring labels and output to the same unit: undo the scaling of the targets"
    return "check that labels and preprocessing are those of training, and overfit a few samples"
