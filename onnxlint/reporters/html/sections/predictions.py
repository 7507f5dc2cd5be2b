"""The section of predictions: how sure, which classes, right or wrong."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from onnxlint.portrait.predictions import Head, Judged, Labelled, Predictions, Target
from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import (
    Bars,
    Dot,
    bars,
    dot,
    percent,
    short,
    spans,
)
from onnxlint.reporters.html.sections.shown import Card, card

_KINDS = {
    "softmax": "softmax", "log-softmax": "log-softmax", "logits": "logits", "sigmoid": "sigmoid",
    "probabilities": "probabilities", "margins": "margins, which are no probabilities",
}  # fmt: skip
SHADES = 10


class Output(Struct, frozen=True):
    """A head, as the template reads it."""

    head: Head

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Entropy against that of an uninformative model, and what is predicted."""
        head = self.head
        each = " per label" if head.kind == "sigmoid" else ""
        name = "ln 2" if head.kind == "sigmoid" else f"ln {head.classes:,}"
        rows = "" if head.rows == head.samples else f" in {head.samples:,} samples"
        told = [("Head", _KINDS.get(head.kind, head.kind)), ("Predictions", f"{head.rows:,}{rows}")]
        if head.entropy is not None and head.marginal is not None:
            told += [
                (f"Mean entropy{each}", f"{head.entropy:.4g} nats, "
                 f"{_of(head.entropy, head.expected)} of {name} = {head.expected:.4g}"),
                (f"Entropy of the mean{each}", f"{head.marginal:.4g} nats, "
                 f"{_of(head.marginal, head.expected)} of {name}"),
            ]  # fmt: skip
        what = "Labels predicted" if head.is_multi_label else "Classes predicted"
        return [*told, (what, f"{head.predicted:,} of {head.classes:,}")]

    @property
    def bars(self) -> Bars | None:
        """How entropies are distributed."""
        seen = self.head.entropies
        return None if seen is None else bars(seen, "entropies")

    @property
    def top(self) -> list[tuple[str, int, float, str]]:
        """The classes that are predicted most: name, count, share."""
        rows = max(1, self.head.rows)
        return [(each.name, each.count, each.count / rows, percent(each.count / rows))
                for each in self.head.top]  # fmt: skip

    @property
    def left_out(self) -> int:
        """Classes that are predicted and not listed."""
        return self.head.predicted - len(self.head.top)

    @property
    def cards(self) -> list[Card]:
        """The least certain samples."""
        return _cards(self.head.unsure)


class Cell(Struct, frozen=True):
    """A count of the confusion; the darker the larger its share of the row."""

    text: str
    shade: int
    is_right: bool
    about: str


class Regressed(Struct, frozen=True):
    """A number that was predicted, drawn."""

    target: Target

    @property
    def dots(self) -> list[Dot]:
        """Predicted over true."""
        axes = spans(self.target.points, same=True) if self.target.points else None
        if axes is None:
            return []
        return [dot(each, axes, f"label {short(each[0])}, predicted {short(each[1])}")
                for each in self.target.points]  # fmt: skip

    @property
    def ends(self) -> str:
        """What both axes span."""
        return spans(self.target.points, same=True)[0].text if self.target.points else ""

    @property
    def bars(self) -> Bars | None:
        """How residuals are distributed."""
        seen = self.target.residuals
        return None if seen is None else bars(seen, "residuals")

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Its errors."""
        seen = self.target
        return [("RMSE", short(seen.rmse)), ("Mean residual", short(seen.mean)),
                ("Largest error", short(seen.worst))]  # fmt: skip


class Against(Struct, frozen=True):
    """An output beside its labels, as the template reads it."""

    seen: Labelled

    @property
    def confusion(self) -> list[tuple[str, list[Cell]]]:
        """A row for each true class."""
        found = []
        for at, counts in enumerate(self.seen.confusion):
            total, name = max(1, sum(counts)), self.seen.names[at]
            cells = [
                Cell(f"{count:,}" if count else "", _shade(count / total), at == column,
                     f"{count:,} of {sum(counts):,} {name} predicted as {self.seen.names[column]}")
                for column, count in enumerate(counts)
            ]  # fmt: skip
            found.append((name, cells))
        return found

    @property
    def what(self) -> str:
        """What a row of scores is."""
        return "Label" if self.seen.task == "multi-label" else "Class"

    @property
    def scores(self) -> list[tuple[str, list[str], float | None]]:
        """By class: name, labels, predictions, recall, precision."""
        return [
            (each.name, [f"{each.truths:,}", f"{each.predicted:,}", percent(each.recall),
                         percent(each.precision)], each.recall)
            for each in self.seen.scores
        ]  # fmt: skip

    @property
    def left_out(self) -> int:
        """Classes that are not listed."""
        return self.seen.classes - len(self.seen.scores)

    @property
    def bins(self) -> list[list[str]]:
        """The reliability diagram as numbers."""
        return [
            [f"{each.low:.3f} to {each.high:.3f}", f"{each.count:,}", percent(each.confidence),
             percent(each.accuracy)]
            for each in self.seen.bins if each.count
        ]  # fmt: skip

    @property
    def reliability(self) -> str:
        """Its bars: accuracy over confidence, from 0 to 1 both."""
        parts = []
        for each in self.seen.bins:
            if each.count:
                left, right = each.low * 300 + 1, each.high * 300 - 1
                top = 300 - (each.accuracy or 0) * 300
                parts.append(f"M{left:.4g} 300V{min(top, 299):.4g}H{right:.4g}V300Z")
        return "".join(parts)

    @property
    def trust(self) -> str:
        """A line for each bin where accuracy should be: at its mean confidence."""
        return "".join(
            f"M{each.low * 300 + 1:.4g} {300 - (each.confidence or 0) * 300:.4g}"
            f"H{each.high * 300 - 1:.4g}"
            for each in self.seen.bins if each.count
        )  # fmt: skip

    @property
    def calibration(self) -> str:
        """The calibration error, and which way it goes."""
        filled = [each for each in self.seen.bins if each.count]
        rows = sum(each.count for each in filled)
        gap = sum(((each.confidence or 0) - (each.accuracy or 0)) * each.count for each in filled)
        way = "overconfident" if gap > 0 else "underconfident"
        return (
            f"Expected calibration error {short(self.seen.calibration_error)} over "
            f"{len(self.seen.bins)} bins; {way} by {abs(gap) / max(1, rows):.1%} on average."
        )

    @property
    def targets(self) -> list[Regressed]:
        """The numbers of a regression."""
        return [Regressed(each) for each in self.seen.targets]

    @property
    def worst_title(self) -> str:
        """What the worst samples are."""
        told = {"mistakes": "First mistakes", "error": "Samples with the largest error"}
        return told.get(self.seen.worst_by, "Samples with the highest loss")

    @property
    def cards(self) -> list[Card]:
        """The worst samples."""
        return _cards(self.seen.worst)


class View(Struct, frozen=True, dict=True):
    """What the template reads."""

    part: Predictions
    report: ModelReport

    @cached_property
    def outputs(self) -> list[Output]:
        """All heads."""
        return [Output(each) for each in self.part.heads]

    @cached_property
    def against(self) -> Against | None:
        """The output with labels."""
        return None if self.part.labelled is None else Against(self.part.labelled)


def _of(value: float, whole: float) -> str:
    return percent(value / whole if whole else None)


def _shade(share: float) -> int:
    """From 0 for nothing to the darkest; what is not 0 can be seen."""
    return min(SHADES, int(share * SHADES) + 1) if share else 0


def _cards(judged: tuple[Judged, ...]) -> list[Card]:
    return [card(each.sample, each.told) for each in judged]
