"""How well an output matches the labels: which output they belong to, and what to compare."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.predictions.outputs import Output, Outputs, tabled
from onnxlint.analyses.static.output_heads import Head, probabilities, recognise, spread_classes
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions, Loss
from onnxlint.model.file.errors import DataError
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics
from onnxlint.settings import Settings
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.model.file.tensors import Tensor
    from onnxlint.types import Array

_NAMING = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
"""Attributes of ai.onnx.ml's classifiers and ZipMap that name the classes."""

_NAMED_BY = ("string", "int8", "int16", "int32", "int64")
"""The types of tables whose entries name classes."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One output beside its labels, row by row: a row is a sample, a token or a pixel.

    `task` is `classification`, `multi-label` or `regression`. `truths` and `predicted` are class
    numbers, or [rows, labels] of 0 and 1, or [rows, numbers]; of an output that gives the class
    itself they are as the file has them. `probabilities` is [rows, classes] where there are any.
    `names` are those of the classes. `is_guessed` is true where only its shape tells that an output
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
        found = next(_fitting(graph, known, heads, truths), None)
        if found is None:
            raise DataError(_misfit(graph, labels, truths, known, outputs))
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

    @property
    def rmse(self) -> float | None:
        """Root of the mean squared error of a regression."""
        from onnxlint.runtime.metrics import scoring

        regression = self.task == "regression"
        return scoring.rmse(self.predicted, self.truths) if regression else None

    def contribute(self, report: Contributions) -> None:
        """How the model meets the labels."""
        report.metrics = self.metrics()
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
            log_loss=self.log_loss,
            calibration_error=self.calibration_error,
            rmse=self.rmse,
            r2=scoring.r2(self.predicted, self.truths) if regression else None,
        )


def _fitting(
    graph: Graph, known: Mapping[Output, Array], heads: Mapping[Output, Head | None], truths: Array
) -> Iterator[Scores]:
    """The outputs that labels fit: what says most of them first, what is only guessed last."""
    settled = {out: _settled(head, known[out]) for out, head in heads.items() if head is not None}
    classified = [
        found for output, head in settled.items() if head is not None
        and (found := _classified(graph, output, head, known[output], truths)) is not None
    ]  # fmt: skip
    yield from (found for found in classified if found.probabilities is not None)
    yield from filter(None, (_named(output, array, truths) for output, array in known.items()))
    yield from classified
    yield from filter(None, (_regressed(output, array, truths) for output, array in known.items()))
    ranked = (_ranked(graph, output, array, truths) for output, array in known.items())
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
    graph: Graph, output: Output, head: Head, array: Array, labels: Array
) -> Scores | None:
    """Class numbers, names or rows of 0 and 1 beside the probabilities of a head."""
    import numpy as np

    if array.dtype.kind != "f":
        return None
    raw = spread_classes(array, head).astype(np.float64)
    p = np.nan_to_num(probabilities(raw, head.kind), nan=0.0)
    classes = p.shape[-1]
    names = _class_names(graph, classes)
    is_matrix = labels.shape == p.shape and classes > 1 and np.isin(labels, (0, 1)).all()
    if head.kind == "sigmoid" and classes > 1:
        return _multi_label(output, p, labels) if is_matrix else None
    truths = _from_rows(labels) if is_matrix else _numbered(labels, names)
    if truths is None or truths.size * classes != p.size:
        return None
    if not 0 <= truths.max() < max(2, classes):
        return None
    kept = truths.reshape(-1) >= 0  # what is below 0 is padding, as -100 is to PyTorch's losses
    truths, p = truths.reshape(-1)[kept], p.reshape(-1, classes)[kept]
    predicted = (p[:, 0] > 0.5).astype(np.int64) if classes == 1 else p.argmax(axis=1)
    told = None if head.kind == "margins" else p
    return Scores(output, "classification", len(labels), truths, predicted, told, names)


def _multi_label(output: Output, p: Array, labels: Array) -> Scores:
    import numpy as np

    truths, rows = labels.reshape(-1, p.shape[-1]), p.reshape(-1, p.shape[-1])
    predicted = (rows > 0.5).astype(np.int64)
    return Scores(output, "multi-label", len(labels), truths, predicted, rows)


def _from_rows(labels: Array) -> Array | None:
    """The classes of rows with a single 1."""
    return labels.argmax(axis=-1) if (labels.sum(axis=-1) == 1).all() else None


def _numbered(labels: Array, names: Sequence[str] | None) -> Array | None:
    """Labels as numbers of the classes; None where they cannot be."""
    import numpy as np

    if names is None:
        return labels if labels.dtype.kind == "i" else None
    number = {name: at for at, name in enumerate(names)}
    flat = [number.get(str(label)) for label in labels.reshape(-1).tolist()]
    return None if None in flat else np.array(flat, np.int64).reshape(labels.shape)


def _class_names(graph: Graph, classes: int) -> Sequence[str] | None:
    """The names that the model gives to so many classes."""
    count = max(2, classes)
    for node in graph.main.nodes:
        for attribute in _NAMING if node.domain == "ai.onnx.ml" else ():
            named = node.attribute(attribute, [])
            if len(named) == count:
                return [_text(name) for name in named]
        if node.op == "ai.onnx.ml::ArrayFeatureExtractor":
            table = graph.tensor(node.input(0))
            if table is not None and table.size == count and table.dtype in _NAMED_BY:
                return [_text(name) for name in _entries(table)] or None
    return None


def _named(output: Output, array: Array, labels: Array) -> Scores | None:
    """An output that gives the class itself, as a number or a name."""

    kinds = {"i": "iu", "O": "OU"}.get(labels.dtype.kind, "")
    if array.dtype.kind not in kinds or array.size != labels.size:
        return None
    truths, predicted = labels.reshape(-1), array.reshape(-1)
    if truths.dtype.kind == "O":
        truths, predicted = _as_texts(truths), _as_texts(predicted)
    return Scores(output, "classification", len(labels), truths, predicted)


def _ranked(graph: Graph, output: Output, array: Array, labels: Array) -> Scores | None:
    """Class numbers beside an output that has a number for each class, of whatever head."""
    import numpy as np

    classes = array.shape[-1] if array.ndim > 1 else 0
    names = _class_names(graph, classes)
    truths = _numbered(labels, names) if array.dtype.kind == "f" and classes > 1 else None
    if truths is None or truths.size * classes != array.size or truths.max() >= classes:
        return None
    kept = truths.reshape(-1) >= 0
    rows = np.nan_to_num(array.reshape(-1, classes)[kept].astype(np.float64), nan=-np.inf)
    predicted = rows.argmax(axis=1)
    return Scores(output, "classification", len(labels), truths.reshape(-1)[kept], predicted,
                  names=names, is_guessed=True)  # fmt: skip


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
    graph: Graph, labels: Labels, truths: Array, known: Mapping[Output, Array], outputs: Outputs
) -> str:
    kind = {"i": "integers", "f": "floats", "O": "names"}[truths.dtype.kind]
    told = f"{kind} of shape {list(truths.shape)}"
    if truths.dtype.kind == "i":
        told += f" from {truths.min()} to {truths.max()}"
    fitted = ", ".join(_told(output) for output in outputs)
    widths = {array.shape[-1] for array in known.values() if array.ndim > 1}
    names = next(filter(None, (_class_names(graph, width) for width in widths)), None)
    named = f"; class names: {', '.join(map(repr, names[:10]))}" if names else ""
    return f"{labels.source}: labels ({told}) match no output of the model: {fitted}{named}"


def _told(output: Output) -> str:
    name = repr(output.value.name)
    if not output.arrays:
        return f"{name} is not a tensor, or too large to be kept"
    return f"{name} is {output.arrays[0].dtype}{list(output.arrays[0].shape)} in one run"


def _entries(table: Tensor) -> list[Any]:
    try:
        return list(table.array().reshape(-1).tolist())
    except TensorError:
        return []


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
