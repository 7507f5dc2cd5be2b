"""What always the same answer reaches: the most frequent class, or the mean of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.labels import NO_LABELS
from onnxlint.contributions import Contributions
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.analyses.predictions.scores import Scores
    from onnxlint.types import Array

SURE = 1.645
"""Standard errors that a difference must have: 95%, one-sided."""


class ConstantGuess(Struct, frozen=True, eq=False):
    """The model beside the best answer that looks at no input.

    `answer` is the class that is always given, None in a regression, where it is the mean. `figure`
    is the accuracy that it reaches, or the RMSE. `lead` is how much more often the model is right,
    or how much smaller its squared error is, in standard errors over the samples; `informed` says
    whether predictions follow the labels all the same, beyond chance: a detector of rare events may
    give many false alarms. `correlation` is that of a regression, None where predictions are equal.
    """

    asked_by: ClassVar = ("labels", NO_LABELS)  # as the scores, which are not loaded to say so

    scores: Scores
    answer: str | None
    figure: float
    lead: float
    informed: bool
    others: int
    correlation: float | None = None

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.scores.place

    @property
    def is_beaten(self) -> bool:
        """Whether the model is better beyond chance; one without a mistake is."""
        return self.lead >= SURE or self.scores.figure == (0.0 if self.answer is None else 1.0)

    @property
    def is_missed(self) -> bool:
        """Whether the model's figure is no better, chance or not."""
        own = self.scores.figure
        return own >= self.figure if self.answer is None else own <= self.figure

    @classmethod
    def build(cls, scores: Scores) -> ConstantGuess:
        """Compares both sample by sample.

        Raises:
            Unavailable: a sample has several labels, or all labels are the same.
        """
        if scores.task == "multi-label":
            raise Unavailable("no constant answer is judged for several labels per sample")
        is_of_numbers = scores.task == "regression"
        constant = len(scores.unvaried) == scores.truths.shape[-1] if is_of_numbers else False
        if constant or (scores.truths == scores.truths[:1]).all():
            raise Unavailable("all labels are the same")
        return _of_numbers(scores) if is_of_numbers else _of_classes(scores)

    def contribute(self, report: Contributions) -> None:
        """Its figure, beside the model's."""
        if report.metrics is not None:
            report.metrics = replace(report.metrics, constant=self.figure)


def _of_classes(scores: Scores) -> ConstantGuess:
    import numpy as np

    confusion = scores.confusion
    assert confusion is not None
    most = int(confusion.labels.argmax())
    guess = confusion.classes[most]
    always = np.asarray(scores.truths == guess).reshape(-1)
    lead = _in_errors(scores, scores.right.astype(float) - always)
    informed = _is_balanced(scores) or _tells_odds(scores)
    others = len(always) - int(always.sum())
    return ConstantGuess(
        scores, scores.name_of(guess), float(always.mean()), lead, informed, others
    )


def _is_balanced(scores: Scores) -> bool:
    """Whether the mean recall of the classes is beyond that of guesses, one in so many classes."""
    import numpy as np

    confusion = scores.confusion
    assert confusion is not None
    held = confusion.labels > 0
    labels, hits = confusion.labels[held], confusion.hits[held]
    recall, likely = hits / labels, (hits + 1) / (labels + 2)
    error = np.sqrt((likely * (1 - likely) / labels).sum()) / len(labels)
    return bool(recall.mean() - 1 / len(labels) >= SURE * error)


def _tells_odds(scores: Scores) -> bool:
    """Whether probabilities meet the labels better than the frequencies of the classes."""
    import numpy as np

    losses, confusion = scores.losses, scores.confusion
    if losses is None or confusion is None:
        return False
    places = np.searchsorted(np.asarray(confusion.classes), scores.truths)
    shares = confusion.labels[places] / len(scores.truths)
    return _in_errors(scores, -np.log(shares) - losses.reshape(-1)) >= SURE


def _of_numbers(scores: Scores) -> ConstantGuess:
    import numpy as np

    truths, predicted = scores.truths, scores.predicted
    losses = scores.losses
    assert losses is not None
    constant = ((truths - truths.mean(axis=0)) ** 2).mean(axis=1)
    lead = _in_errors(scores, constant - losses)
    pairs = [np.corrcoef(truths[:, at], predicted[:, at])[0, 1] for at in _varied(scores)]
    correlation = float(np.mean(pairs)) if pairs and np.isfinite(pairs).all() else None
    informed = correlation is not None and correlation * len(truths) ** 0.5 >= 2 * SURE
    figure = float(np.sqrt(constant.mean()))
    return ConstantGuess(scores, None, figure, lead, informed, scores.truths.size, correlation)


def _varied(scores: Scores) -> list[int]:
    """The numbers of a regression that differ in both."""
    both = scores.truths, scores.predicted
    return [at for at in range(scores.truths.shape[1])
            if all((each[:, at] != each[0, at]).any() for each in both)]  # fmt: skip


def _in_errors(scores: Scores, gains: Array) -> float:
    """The mean over the samples in standard errors: tokens of one sample are not independent."""
    import numpy as np

    from onnxlint.runtime.metrics import bootstrap

    means = bootstrap.by_sample(np.asarray(gains, float), scores.samples)
    mean, error = float(means.mean()), float(means.std() / len(means) ** 0.5)
    return mean / error if error else np.sign(mean) * float("inf") if mean else 0.0
