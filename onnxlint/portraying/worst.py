"""The labelled samples that a model is farthest off at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint.analyses.predictions.scores import Scores
from onnxlint.model.graph.place import shortened
from onnxlint.portrait.predictions import Judged
from onnxlint.portraying.feeds import Feeds
from onnxlint.portraying.rows import by_sample, highest, labelled_rows_per_sample

if TYPE_CHECKING:
    from onnxlint.types import Array

SAID_LABELS = 5
"""Labels that are told of a sample that may have several."""


def worst(feeds: Feeds, scores: Scores) -> tuple[tuple[Judged, ...], str]:
    """The samples with the highest loss, and what that is; none where rows were left out."""
    per_sample = labelled_rows_per_sample(scores)
    if per_sample is None:
        return (), ""
    losses, by = _losses(scores)
    means = by_sample(losses, per_sample)
    chosen = [at for at in highest(means) if means[at] != 0]
    said = (tuple(_told(scores, at, per_sample, float(means[at]), by)) for at in chosen)
    told = tuple(map(Judged, map(feeds.sample, chosen), said))
    return told, by


def _losses(scores: Scores) -> tuple[Array, str]:
    """A number for each row, and what it is."""
    import numpy as np

    least = float(np.finfo(np.float32).eps)  # as the mean log loss has it
    p = scores.probabilities
    if scores.task == "regression":
        return np.sqrt(((scores.predicted - scores.truths) ** 2).mean(axis=1)), "error"
    if p is None:
        return (scores.predicted != scores.truths).astype(np.float64).reshape(-1), "mistakes"
    if scores.task == "multi-label" or p.shape[1] == 1:
        truths, shares = scores.truths.reshape(p.shape), np.clip(p, least, 1 - least)
        return -np.where(truths == 1, np.log(shares), np.log1p(-shares)).mean(axis=1), "loss"
    chosen = p[np.arange(len(p)), scores.truths]
    return -np.log(np.clip(chosen, least, 1)), "loss"


def _told(
    scores: Scores, at: int, per_sample: int, loss: float, by: str
) -> Iterator[tuple[str, str]]:
    if per_sample > 1:
        rows = slice(at * per_sample, (at + 1) * per_sample)
        wrong = int((scores.predicted[rows] != scores.truths[rows]).sum())
        yield "Wrong", f"{wrong:,} of {per_sample:,} tokens or pixels"
        yield f"Mean {by}", f"{loss:.4g}"
        return
    if scores.task == "regression":
        yield "Label", _numbers(scores.truths[at])
        yield "Predicted", _numbers(scores.predicted[at])
    elif scores.task == "multi-label":
        yield from _labels(scores, at)
    else:
        yield "Label", shortened(scores.name_of(scores.truths[at]))
        confidence = scores.confidence
        sure = "" if confidence is None else f" ({confidence[at]:.3f})"
        yield "Predicted", f"{shortened(scores.name_of(scores.predicted[at]))}{sure}"
    if by != "mistakes":
        yield by.capitalize(), f"{loss:.4g}"


def _labels(scores: Scores, at: int) -> Iterator[tuple[str, str]]:
    """Which labels are wrong of a sample."""
    truths, guesses = scores.truths[at], scores.predicted[at]
    for title, wrong in (("Missed", (truths == 1) & (guesses == 0)),
                         ("Wrongly predicted", (truths == 0) & (guesses == 1))):  # fmt: skip
        numbers = wrong.nonzero()[0].tolist()
        names = ", ".join(shortened(scores.name_of(each)) for each in numbers[:SAID_LABELS])
        if numbers:
            more = f" and {len(numbers) - SAID_LABELS:,} more" if len(numbers) > SAID_LABELS else ""
            yield title, f"{names}{more}"


def _numbers(row: Array) -> str:
    texts = [f"{each:.5g}" for each in row[:SAID_LABELS].tolist()]
    return ", ".join([*texts, *(["…"] if len(row) > SAID_LABELS else [])])
