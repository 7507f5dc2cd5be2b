"""Tells what a model predicts: how sure it is, which classes, and how that meets the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.predictions.predictions import Prediction
from onnxlint.model.graph.place import NotApplicable, shortened
from onnxlint.portrait.numbers import Histogram
from onnxlint.portrait.predictions import Count, Head, Judged, Predictions
from onnxlint.portraying.distributions import BINS
from onnxlint.portraying.feeds import Feeds
from onnxlint.portraying.labelled import labelled
from onnxlint.portraying.naming import class_names, judged, predicted
from onnxlint.portraying.rows import by_sample, highest, rows_per_sample
from onnxlint.portraying.subject import Subject

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_CLASSES = 20
"""Classes whose predictions are counted on the page, the most frequent ones."""

SAID_CLASSES = 3
"""Classes that are told of an uncertain sample."""


def predictions(subject: Subject) -> Predictions | None:
    """All heads, and the output with labels; None where the model is not to be run.

    Raises:
        NotApplicable: it did not run, or no output predicts.
    """
    if not subject.runs:
        return None
    feeds = Feeds(subject)
    scores, found = judged(subject), predicted(subject)
    if scores is None and not found:
        remedy = 'declare one: [outputs.NAME] head = "logits"'
        raise NotApplicable(f"no output is recognised as a prediction of classes; {remedy}")
    told = None if scores is None else labelled(feeds, scores)
    heads = (_head(subject, feeds, each, tells_unsure=scores is None) for each in found)
    return Predictions(tuple(heads), told, feeds.synthetic)


def _head(subject: Subject, feeds: Feeds, seen: Prediction, *, tells_unsure: bool) -> Head:
    names = class_names(subject, seen)
    counts = _counts(seen)
    order = sorted(range(len(counts)), key=lambda at: (-counts[at], at))[:MOST_CLASSES]
    unsure = _unsure(feeds, seen, names) if tells_unsure and seen.is_probable else ()
    probable = seen.is_probable
    return Head(
        output=shortened(seen.head.value.name), kind=seen.head.kind, rows=seen.rows,
        samples=feeds.count, classes=len(counts), predicted=sum(map(bool, counts)),
        is_multi_label=seen.is_multi_label,
        entropy=seen.entropy if probable else None,
        marginal=seen.marginal_entropy if probable else None,
        expected=seen.expected_entropy,
        entropies=_entropies(seen) if probable else None,
        top=tuple(Count(name_of(names, at), counts[at]) for at in order if counts[at]),
        unsure=unsure,
    )  # fmt: skip


def name_of(names: Sequence[str] | None, at: int) -> str:
    """A class as it is called, else its number."""
    return str(at) if names is None else shortened(names[at])


def _counts(seen: Prediction) -> list[int]:
    """How often each class is predicted; of several labels, how often each holds."""
    import numpy as np

    if seen.is_multi_label:
        return [int(count) for count in (seen.probabilities > 0.5).sum(axis=0)]
    return [int(count) for count in np.bincount(seen.winners, minlength=max(2, seen.classes))]


def _entropies(seen: Prediction) -> Histogram:
    """From 0 to that of an uninformative model, beyond which only rounding leads."""
    import numpy as np

    high = seen.expected_entropy
    counts, _ = np.histogram(np.clip(seen.entropies, 0, high), BINS, (0, high))
    return Histogram(0.0, high, tuple(counts.tolist()))


def _unsure(feeds: Feeds, seen: Prediction, names: Sequence[str] | None) -> tuple[Judged, ...]:
    """The samples with the highest entropy."""
    per_sample = rows_per_sample(seen, feeds.execution)
    if per_sample is None:
        return ()
    entropies = by_sample(seen.entropies, per_sample)[: feeds.count]
    found = []
    for number in highest(entropies):
        told = [("Entropy", f"{entropies[number]:.4g} nats")]
        if per_sample == 1:
            told.insert(0, ("Predicted", _likeliest(seen.probabilities[number], names)))
        found.append(Judged(feeds.sample(number), tuple(told)))
    return tuple(found)


def _likeliest(probabilities: Array, names: Sequence[str] | None) -> str:
    if len(probabilities) == 1:
        return f"{name_of(names, 1)} ({probabilities[0]:.3f})"
    order = (-probabilities).argsort(kind="stable")[:SAID_CLASSES].tolist()
    return ", ".join(f"{name_of(names, at)} ({probabilities[at]:.3f})" for at in order)
