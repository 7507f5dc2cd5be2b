"""The predictions and labels that there are of a model, and the names of classes."""

from __future__ import annotations

from collections.abc import Sequence

from onnxlint.analyses.predictions.class_names import names_of
from onnxlint.analyses.predictions.predictions import Prediction, Predictions
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.place import NotApplicable
from onnxlint.portraying.subject import Subject
from onnxlint.settings import Settings


def judged(subject: Subject) -> Scores | None:
    """The output that labels belong to; None without, or where they do not fit: the report says."""
    if subject.analyses.get(Settings).labels is None:
        return None
    try:
        return subject.analyses.get(Scores)
    except (NotApplicable, DataError):
        return None


def predicted(subject: Subject) -> list[Prediction]:
    """The outputs that are recognised as predictions."""
    try:
        return [*subject.analyses.get(Predictions)]
    except NotApplicable:
        return []


def class_names(subject: Subject, head: Prediction) -> Sequence[str] | None:
    """What the configuration, the model or its metadata calls the classes; None where unknown."""
    settings = subject.analyses.get(Settings)
    try:
        return names_of(subject.graph, settings, head.head.value.name, head.classes)[0]
    except DataError:
        return None
