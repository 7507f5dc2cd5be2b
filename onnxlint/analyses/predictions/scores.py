"""How well an output matches the labels: which output they belong to, and what to compare."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions.class_names import ClassNames, Numbered
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.predictions.outputs import Output, Outputs, tabled
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


FEW_CLASSES = 10
"""Classes that a hint lists; a choice, a line or two."""


class Scores(Struct, frozen=True, eq=False, dict=True):
    """One output beside its labels, row by row: a row is a sample, a token or a pixel.

    `task` is `classification`, `multi-label` or `regression`. `truths` and `predicted` are class
    numbers, or [rows, labels] of 0 and 1, or [rows, numbers]; of an output that gives the class
    itself they are as the file has them. `probabilities` is [rows, classes] where there are any.
    `names` are those of the classes; `numbered_by` says how the labels were numbered, as
    `Numbered.by` does. `is_guessed` is true where only its shape tells that an output
    holds a score for each class.
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
            gathered = _gathered(output, samples, execution)
            if gathered is not None:
                known[output] = gathered
        heads = {out: recognise(graph, shapes, out.value, settings.outputs) for out in known}
        named = ClassNames(graph, settings, labels)
        found = next(_fitting(named, known, heads, truths), None)
        if found is None:
            raise DataError(_misfit(named, truths, known, heads, outputs))
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
    def guesses(self) -> Mapping[object, Counter[object]]:
        """How often each class is predicted as which one; empty but for a classification."""
        found: dict[object, Counter[object]] = defaultdict(Counter)
        if self.task != "classification":
            return found
        for truth, guess in zip(self.truths.tolist(), self.predicted.tolist(), strict=True):
            found[truth][guess] += 1
        return found

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
        return str(label) if self.names is None else self.names[int(str(label))]

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
        report.metrics = self.metrics()
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
    settled = {out: _settled(head, known[out]) for out, head in heads.items() if head is not None}
    classified = [
        found for output, head in settled.items() if head is not None
        and (found := _classified(named, output, head, known[output], truths)) is not None
    ]  # fmt: skip
    yield from (found for found in classified if found.probabilities is not None)
    chosen = (_chosen(named, output, array, truths) for output, array in known.items())
    yield from filter(None, chosen)
    yield from classified
    yield from filter(None, (_regressed(output, array, truths) for output, array in known.items()))
    ranked = (_ranked(named, output, array, truths) for output, array in known.items())
    yield from filter(None, ranked)


def _gathered(output: Output, samples: int, execution: Execution) -> Array | None:
    """An output over all samples, which lie along its first axis; None where they do not."""
    import numpy as np

    tables = (tabled(output.value, ran) for ran in execution.runs)
    arrays = [array for array in tables if array is not None and array.ndim]
    if not arrays or len({array.shape[1:] for array in arrays}) != 1:
        return None
    together = np.concatenate(arrays)
    return together[:samples] if len(together) >= samples else None


def _settled(head: Head, array: Array) -> Head | None:
    """The head as its numbers show it; None where it is none, after all."""
    return head.settled(spread_classes(array, head)) if array.dtype.kind == "f" else None


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
    numbered = _numbered(named, output, labels, classes, is_matrix=bool(is_matrix))
    if numbered is None or numbered.numbers.size * classes != p.size:
        return None
    truths = numbered.numbers
    if not 0 <= truths.max() < max(2, classes):
        return None
    kept = truths.reshape(-1) >= 0  # what is below 0 is padding, as -100 is to PyTorch's losses
    truths, p = truths.reshape(-1)[kept], p.reshape(-1, classes)[kept]
    predicted = (p[:, 0] > 0.5).astype(np.int64) if classes == 1 else p.argmax(axis=1)
    told = None if head.kind == "margins" else p
    return Scores(output, "classification", len(labels), truths, predicted, told,
                  numbered.names, numbered_by=numbered.by)  # fmt: skip


def _multi_label(output: Output, p: Array, labels: Array) -> Scores:
    import numpy as np

    truths, rows = labels.reshape(-1, p.shape[-1]), p.reshape(-1, p.shape[-1])
    predicted = (rows > 0.5).astype(np.int64)
    return Scores(output, "multi-label", len(labels), truths, predicted, rows)


def _numbered(
    named: ClassNames, output: Output, labels: Array, classes: int, *, is_matrix: bool
) -> Numbered | None:
    """Labels as class numbers; of rows where the 1 stands, if each has one."""
    if not is_matrix:
        return named.numbered(labels, output.value.name, classes)
    if not (labels.sum(axis=-1) == 1).all():
        return None
    names, _ = named.of(output.value.name, classes)
    return Numbered(labels.argmax(axis=-1), names, "labels")


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
        truths, predicted = _as_texts(truths), _as_texts(predicted)
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


def _as_texts(labels: Array) -> Array:
    """As objects: numpy's own texts are all as long as the longest."""
    import numpy as np

    return np.array([str(label) for label in labels.tolist()], object)


def _regressed(output: Output, array: Array, labels: Array) -> Scores | None:
    import numpy as np

    if array.dtype.kind != "f" or labels.dtype.kind == "O" or array.size != labels.size:
        return None
    count = len(labels)
    truths = labels.reshape(count, -1).astype(np.float64)
    predicted = array.reshape(count, -1).astype(np.float64)
    return Scores(output, "regression", count, truths, predicted)


def _misfit(
    named: ClassNames, truths: Array, known: Mapping[Output, Array],
    heads: Mapping[Output, Head | None], outputs: Outputs,
) -> str:  # fmt: skip
    widths = {out: array.shape[-1] for out, array in known.items() if array.ndim > 1}
    ranked = sorted(widths, key=lambda out: heads[out] is None)
    told = named.misfit({out.value.name: widths[out] for out in ranked})
    if told is not None:
        return told
    kind = {"i": "integers", "f": "floats", "O": "names"}[truths.dtype.kind]
    told = f"{kind} of shape {list(truths.shape)}"
    if truths.dtype.kind == "i":
        told += f" from {truths.min()} to {truths.max()}"
    fitted = ", ".join(_told(output) for output in outputs)
    names = next(filter(None, (named.of(out.value.name, widths[out])[0] for out in widths)), None)
    called = f"; class names: {', '.join(map(repr, names[:10]))}" if names else ""
    source = named.labels.source
    return f"{source}: labels ({told}) match no output of the model: {fitted}{called}"


def _told(output: Output) -> str:
    name = repr(output.value.name)
    if not output.arrays:
        return f"{name} is not a tensor, or too large to be kept"
    return f"{name} is {output.arrays[0].dtype}{list(output.arrays[0].shape)} in one run"
