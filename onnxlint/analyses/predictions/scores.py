"""How well an output matches the labels: which output they belong to, and what to compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions import label_fitting
from onnxlint.analyses.predictions.class_names import ClassNames
from onnxlint.analyses.predictions.confusion import Confusion
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.predictions.outputs import Output, Outputs
from onnxlint.analyses.static.output_heads import Head, probabilities, recognise, spread_classes
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions, Loss
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics
from onnxlint.settings import Settings
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.types import Array


ROUNDING = 1e-6
"""Relative to the largest label: float32 rounds so far."""

FEW_CLASSES = 10
"""Classes that a hint lists; a choice, a line or two."""


class Scores(Struct, frozen=True, eq=False, dict=True):
    """One output beside its labels, row by row: a row is a sample, a token or a pixel.

    `task` is `classification`, `multi-label` or `regression`. `truths` and `predicted` are class
    numbers, or [rows, labels] of 0 and 1, or [rows, numbers]; of an output that gives the class
    itself they are as the file has them. `probabilities` is [rows, classes] where there are any.
    `names` are those of the classes; `numbered_by` says how the labels were numbered, as
    `Numbered.by` does. `is_guessed` is true where only its shape tells that an output
    holds a score for each class. `classes` is how many the output tells apart, where labels hold
    others, too: those can never be predicted, and no probabilities are kept.
    """

    output: Output
    task: str
    samples: int
    truths: Array
    predicted: Array
    probabilities: Array | None = None
    names: Sequence[str] | None = None
    is_guessed: bool = False
    numbered_by: str = "labels"
    classes: int | None = None

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.output.place

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, labels: Labels,
        execution: Execution, outputs: Outputs,
    ) -> Scores:  # fmt: skip
        """Finds the output that the labels fit.

        Raises:
            Unavailable: there are no labels, or the model did not run.
            DataError: they fit none of the outputs, or are not as many as the samples.
        """
        samples = execution.samples
        truths = labels.of(samples, are_all=samples < settings.samples)
        known = {}
        for output in outputs:
            gathered = label_fitting.gathered(output, samples, execution)
            if gathered is not None:
                known[output] = gathered
        heads = {out: recognise(graph, shapes, out.value, settings.outputs) for out in known}
        named = ClassNames(graph, settings, labels)
        found = next(_fitting(named, known, heads, truths), None)
        if found is None:
            raise DataError(label_fitting.misfit(named, truths, known, heads, outputs))
        return found

    @property
    def accuracy(self) -> float | None:
        """Share of the rows, or of all labels, that are predicted right."""
        return None if self.task == "regression" else float(self.right.mean())

    @property
    def measure(self) -> str:
        """What `figure` is: accuracy, or RMSE."""
        return "RMSE" if self.task == "regression" else "accuracy"

    @property
    def figure(self) -> float:
        """The one number to compare with another model's."""
        found = self.rmse if self.task == "regression" else self.accuracy
        return 0.0 if found is None else found

    @cached_property
    def right(self) -> Array:
        """Of each row, or label, whether it is predicted right."""
        import numpy as np

        return np.asarray(self.predicted == self.truths).reshape(-1)

    @cached_property
    def confusion(self) -> Confusion | None:
        """Which classes are predicted as which; None but for a classification."""
        is_one_of_many = self.task == "classification"
        return Confusion.of(self.truths, self.predicted) if is_one_of_many else None

    @cached_property
    def is_renamed(self) -> bool:
        """Whether predictions match classes one to one, but under other numbers or names."""
        return self.confusion is not None and bool(self.confusion.permuted())

    @cached_property
    def unvaried(self) -> list[int]:
        """The numbers of a regression that are the same in all labels, up to rounding."""
        if self.task != "regression":
            return []
        spread = self.truths.max(axis=0) - self.truths.min(axis=0)
        return list((spread <= ROUNDING * abs(self.truths).max(axis=0)).nonzero()[0].tolist())

    @cached_property
    def recall(self) -> Mapping[str, float] | None:
        """Of each class that the labels hold, the share that is found."""
        from onnxlint.runtime.metrics import scoring

        if self.task == "regression":
            return None
        if self.task == "multi-label":
            columns = zip(self.predicted.T, self.truths.T, strict=True)
            found = {at: scoring.recalls(*both).get(1) for at, both in enumerate(columns)}
            return {str(at): share for at, share in found.items() if share is not None}
        shares = scoring.recalls(self.predicted, self.truths)
        return {self.name_of(label): share for label, share in shares.items()}

    def name_of(self, label: object) -> str:
        """A class as the user calls it."""
        if self.names is None or not 0 <= int(str(label)) < len(self.names):
            return str(label)
        return self.names[int(str(label))]

    @cached_property
    def confidence(self) -> Array | None:
        """Of each row, or label, the probability of what is predicted."""
        import numpy as np

        if self.probabilities is None:
            return None
        if self.task == "multi-label" or self.probabilities.shape[1] == 1:
            p = self.probabilities.reshape(-1)
            return np.asarray(np.maximum(p, 1 - p))
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def calibration_error(self) -> float | None:
        """The expected calibration error; None without probabilities."""
        from onnxlint.runtime.metrics import scoring

        if self.confidence is None:
            return None
        return scoring.calibration_error(self.confidence, self.right)

    def calibration_by_chance(self, share: float) -> float:
        """What a perfectly calibrated model stays below on as many rows, in this share of cases."""
        from onnxlint.runtime.metrics import scoring

        assert self.confidence is not None
        return scoring.calibration_by_chance(self.confidence, share)

    @property
    def log_loss(self) -> float | None:
        """Mean of -ln of the probability of what is true; None without probabilities."""
        from onnxlint.runtime.metrics import scoring

        if self.probabilities is None:
            return None
        if self.task == "multi-label" or self.probabilities.shape[1] == 1:
            truths = self.truths.reshape(self.probabilities.shape)
            return scoring.binary_log_loss(self.probabilities, truths)
        return scoring.log_loss(self.probabilities, self.truths)

    @cached_property
    def losses(self) -> Array | None:
        """The log loss, or squared error, of each row; None where there are no probabilities."""
        import numpy as np

        from onnxlint.runtime.metrics import scoring

        if self.task == "regression":
            return np.asarray(((self.predicted - self.truths) ** 2).mean(axis=1))
        if self.probabilities is None:
            return None
        if self.task == "multi-label" or self.probabilities.shape[1] == 1:
            truths = self.truths.reshape(self.probabilities.shape)
            return np.asarray(scoring.binary_log_losses(self.probabilities, truths).mean(axis=1))
        return scoring.log_losses(self.probabilities, self.truths)

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error of a regression."""
        from onnxlint.runtime.metrics import scoring

        regression = self.task == "regression"
        return scoring.rmse(self.predicted, self.truths) if regression else None

    def contribute(self, report: Contributions) -> None:
        """How the model meets the labels."""
        before = report.metrics  # of the reconstruction of this output, which comes in any order
        report.metrics = self.metrics()
        if before is not None and before.output == report.metrics.output:
            report.metrics = replace(report.metrics, baselines=before.baselines)
        if self.numbered_by == "order" and self.names is not None:
            report.losses.append(_in_order(self.output.value.name, self.names))
        if self.is_guessed:
            name = self.output.value.name
            message = (
                f"the head of output {name!r} is not recognised; the highest score is its class"
            )
            hint = f'declare the head: [outputs."{name}"] head = "logits"'
            report.losses.append(Loss(message, "head", Severity.INFO, {"output": name}, hint))

    def metrics(self) -> Metrics:
        """All of it, for the report."""
        from onnxlint.runtime.metrics import scoring

        regression = self.task == "regression"
        return Metrics(
            output=self.output.value.name,
            task=self.task,
            samples=self.samples,
            accuracy=self.accuracy,
            recall=self.recall,
            numbered_by=self.numbered_by if self.task == "classification" else None,
            classes=None if self.names is None else tuple(self.names),
            log_loss=self.log_loss,
            calibration_error=self.calibration_error,
            rmse=self.rmse,
            r2=scoring.r2(self.predicted, self.truths) if regression else None,
            confusion=None if self.confusion is None else self.confusion.table(self.name_of),
        )


def _in_order(output: str, names: Sequence[str]) -> Loss:
    """That nothing names the classes, and how their folders were numbered."""
    from onnxlint.runtime.data.wording import listed

    message = (
        f"no names of the classes are known: the folders {listed(names)} are the classes 0 to "
        f"{len(names) - 1} of output {output!r}, in this order, as torchvision's ImageFolder has it"
    )
    listed_names = json.dumps(names, ensure_ascii=False) if len(names) <= FEW_CLASSES else "[…]"
    hint = f'list the names in the order of training: [outputs."{output}"] classes = {listed_names}'
    return Loss(message, "class names", Severity.INFO, {"output": output, "names": [*names]}, hint)


def _fitting(
    named: ClassNames, known: Mapping[Output, Array], heads: Mapping[Output, Head | None],
    truths: Array,
) -> Iterator[Scores]:  # fmt: skip
    """The outputs that labels fit: what says most of them first, what is only guessed last."""
    settled = {
        out: label_fitting.settled(head, known[out])
        for out, head in heads.items()
        if head is not None
    }
    classified = [
        found for output, head in settled.items() if head is not None
        and (found := _classified(named, output, head, known[output], truths)) is not None
    ]  # fmt: skip
    yield from (found for found in classified if found.probabilities is not None)
    chosen = (_chosen(named, output, array, truths) for output, array in known.items())
    yield from filter(None, chosen)
    yield from classified
    misnumbered = [
        found for output, head in settled.items() if head is not None
        and (found := _misnumbered(named, output, head, known[output], truths)) is not None
    ]  # fmt: skip
    yield from (found for found in misnumbered if found.classes == 2)
    yield from filter(None, (_regressed(output, array, truths) for output, array in known.items()))
    ranked = (_ranked(named, output, array, truths) for output, array in known.items())
    yield from filter(None, ranked)
    yield from misnumbered


def _classified(
    named: ClassNames, output: Output, head: Head, array: Array, labels: Array
) -> Scores | None:
    """Class numbers, names or rows of 0 and 1 beside the probabilities of a head."""
    import numpy as np

    if array.dtype.kind != "f":
        return None
    raw = spread_classes(array, head).astype(np.float64)
    p = np.nan_to_num(probabilities(raw, head.kind), nan=0.0)
    classes = p.shape[-1]
    is_matrix = labels.shape == p.shape and classes > 1 and np.isin(labels, (0, 1)).all()
    if head.kind == "sigmoid" and classes > 1:
        return _multi_label(output, p, labels) if is_matrix else None
    numbered = label_fitting.numbered(named, output, labels, classes, is_matrix=bool(is_matrix))
    if numbered is None or numbered.numbers.size * classes != p.size:
        return None
    truths = label_fitting.without_filling(numbered.numbers, max(2, classes))
    if not 0 <= truths.max() < max(2, classes) or (classes < 3 and label_fitting.are_signs(truths)):
        return None
    kept = truths.reshape(-1) >= 0  # what is below 0 is padding, as -100 is to PyTorch's losses
    truths, p = truths.reshape(-1)[kept], p.reshape(-1, classes)[kept]
    predicted = (p[:, 0] > 0.5).astype(np.int64) if classes == 1 else p.argmax(axis=1)
    told = None if head.kind == "margins" else p
    return Scores(output, "classification", len(labels), truths, predicted, told,
                  numbered.names, numbered_by=numbered.by)  # fmt: skip


def _misnumbered(
    named: ClassNames, output: Output, head: Head, array: Array, labels: Array
) -> Scores | None:
    """Class numbers some of which the head has no class for, as if counted from 1.

    Not more than twice as many as the classes, and two beside a single sigmoid: other whole numbers
    are no classes.
    """
    import numpy as np

    raw = spread_classes(array, head).astype(np.float64)
    classes = raw.shape[-1]
    count = max(2, classes)
    if labels.dtype.kind != "i" or named.of(output.value.name, classes)[1] == "model":
        return None
    kept = (
        np.full(labels.size, True) if label_fitting.are_signs(labels) else labels.reshape(-1) >= 0
    )
    numbers, most = np.unique(labels.reshape(-1)[kept]).size, 2 if classes == 1 else 2 * count
    if labels.size * classes != raw.size or not 1 < numbers <= most:
        return None
    truths, rows = labels.reshape(-1)[kept], raw.reshape(-1, classes)[kept]
    rows = np.nan_to_num(rows, nan=-np.inf)
    half = 0.0 if head.kind == "logits" else 0.5
    predicted = (rows[:, 0] > half).astype(np.int64) if classes == 1 else rows.argmax(axis=1)
    names = named.of(output.value.name, classes)[0]
    return Scores(output, "classification", len(labels), truths, predicted, names=names,
                  is_guessed=head.guessed, classes=count)  # fmt: skip


def _multi_label(output: Output, p: Array, labels: Array) -> Scores:
    import numpy as np

    truths, rows = labels.reshape(-1, p.shape[-1]), p.reshape(-1, p.shape[-1])
    predicted = (rows > 0.5).astype(np.int64)
    return Scores(output, "multi-label", len(labels), truths, predicted, rows)


def _chosen(named: ClassNames, output: Output, array: Array, labels: Array) -> Scores | None:
    """An output that gives the class itself, as a number or a name."""
    if array.size != labels.size:
        return None
    if labels.dtype.kind == "O" and array.dtype.kind in "iu":
        numbered = named.by_itself(labels, output.value.name)
        if numbered is None:
            return None
        truths, predicted = numbered.numbers.reshape(-1), array.reshape(-1)
        return Scores(output, "classification", len(labels), truths, predicted,
                      numbered_by=numbered.by)  # fmt: skip
    kinds = {"i": "iu", "O": "OU"}.get(labels.dtype.kind, "")
    if array.dtype.kind not in kinds:
        return None
    truths, predicted = labels.reshape(-1), array.reshape(-1)
    if truths.dtype.kind == "O":
        truths, predicted = label_fitting.as_texts(truths), label_fitting.as_texts(predicted)
    return Scores(output, "classification", len(labels), truths, predicted)


def _ranked(named: ClassNames, output: Output, array: Array, labels: Array) -> Scores | None:
    """Class numbers beside an output that has a number for each class, of whatever head."""
    import numpy as np

    classes = array.shape[-1] if array.ndim > 1 else 0
    if array.dtype.kind != "f" or classes < 2:
        return None
    numbered = named.numbered(labels, output.value.name, classes)
    if numbered is None:
        return None
    truths = numbered.numbers
    if truths.size * classes != array.size or truths.max() >= classes:
        return None
    kept = truths.reshape(-1) >= 0
    rows = np.nan_to_num(array.reshape(-1, classes)[kept].astype(np.float64), nan=-np.inf)
    predicted = rows.argmax(axis=1)
    return Scores(output, "classification", len(labels), truths.reshape(-1)[kept], predicted,
                  names=numbered.names, is_guessed=True, numbered_by=numbered.by)  # fmt: skip


def _regressed(output: Output, array: Array, labels: Array) -> Scores | None:
    import numpy as np

    if array.dtype.kind != "f" or labels.dtype.kind == "O" or array.size != labels.size:
        return None
    count = len(labels)
    truths = labels.reshape(count, -1).astype(np.float64)
    predicted = array.reshape(count, -1).astype(np.float64)
    return Scores(output, "regression", count, truths, predicted)
