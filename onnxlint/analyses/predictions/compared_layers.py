"""What the layers give for samples of both sets, a row a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import kept_outputs
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.user_data import Data
from onnxlint.analyses.static.output_heads import recognise, spread_classes
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import AFFINE
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed

MOST_LAYERS = 12
"""Layers that are looked at, evenly spread over the depth; a choice."""

MOST_RUN = 400
"""Samples of each set that are run: as many tell an AUC of 0.7 from chance. A choice."""

LARGEST_BATCH = 32
"""Samples that are run together where the model takes any number."""

WIDEST = 4096
"""Numbers of a sample that are kept; of more, every n-th. 800 rows then take 13 MB."""

MOST_CLASSES = 100
"""Whole numbers of an output that are classes; more are something else. A choice."""


class LayerRows(Struct, eq=False):
    """Rows of each value that was seen, training first, and the classes that were predicted."""

    rows: dict[Value, Array] = field(default_factory=dict)
    predicted: Array | None = None


class LayerRuns:
    """Runs the model on chosen samples of any set."""

    def __init__(
        self, graph: Graph, shapes: Shapes, settings: Settings, execution: Execution, worker: Worker
    ) -> None:
        self._graph, self._shapes, self._settings = graph, shapes, settings
        self._slots = execution.inputs.slots
        self._model = LoadedModel(graph, worker, execution.level)
        too_large = execution.runner.withheld if execution.runner is not None else ()
        names = [name for name in kept_outputs(graph, shapes) if name not in too_large]
        self._outputs = [value for value in graph.outputs if value.name in names]
        self._watched = _watched(graph, shapes, self._outputs)

    def of(self, sets: Sequence[tuple[Data, Array]]) -> LayerRows:
        """The rows of these samples of these sets, one after the other.

        Raises:
            Unavailable: the model cannot be run on them.
        """
        found: dict[Value, list[Array]] = {}
        classes: dict[Value, list[Array]] = {}
        for data, numbers in sets:
            for feed, count in batches(data, numbers, self._slots):
                for value, array in self._run(feed).items():
                    if array.ndim and len(array) >= count and array.dtype.kind in "fiub":
                        self._take(value, array[:count], found, classes)
        total = sum(len(numbers) for _, numbers in sets)
        return LayerRows(dict(_whole(found, total)), next(_decided(classes, total), None))

    def _run(self, feed: Feed) -> Mapping[Value, Array]:
        names = [value.name for value in (*self._outputs, *self._watched)]
        try:
            got = self._model.outputs(dict(feed), names, [value.name for value in self._watched])
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the model cannot be run on the samples of both: {error}") from error
        return {v: got[v.name] for v in (*self._outputs, *self._watched) if v.name in got}

    def _take(
        self, value: Value, array: Array, found: dict[Value, list[Array]],
        classes: dict[Value, list[Array]],
    ) -> None:  # fmt: skip
        if array.dtype.kind == "f":
            found.setdefault(value, []).append(pooled(array, channel_axis(value, array.ndim)))
        if value in self._outputs and (predicted := self._classes(value, array)) is not None:
            classes.setdefault(value, []).append(predicted)

    def _classes(self, value: Value, array: Array) -> Array | None:
        """The class of each sample, where an output tells."""
        import numpy as np

        if array.dtype.kind in "iub":
            return array.reshape(-1) if array.size == len(array) else None
        head = recognise(self._graph, self._shapes, value, self._settings.outputs)
        if head is None:
            return None
        if not np.isfinite(array).all():
            return None  # NaN is no class
        scores = spread_classes(array, head)
        scores = scores.reshape(-1, scores.shape[-1]) if scores.ndim else scores
        if len(scores) != len(array):
            return None
        if scores.shape[-1] == 1:
            limit = 0.0 if head.kind in ("logits", "margins") else 0.5
            return np.asarray(scores[:, 0] > limit)
        return np.asarray(scores.argmax(axis=-1))


def batches(data: Data, numbers: Array, slots: list[Slot]) -> Iterator[tuple[Feed, int]]:
    """Feeds of these samples of a set, and how many each holds; the last may be filled up."""
    import numpy as np

    from onnxlint.runtime.feeds.synthesis import batch_axes, fixed_batch

    axes = {name: axis for name, axis in batch_axes(slots).items() if axis is not None}
    size = fixed_batch(slots) or (LARGEST_BATCH if axes else 1)
    waiting: list[Feed] = []

    def put_together() -> tuple[Feed, int]:
        count = len(waiting)
        filled = [*waiting, *[waiting[-1]] * ((fixed_batch(slots) or count) - count)]
        feed = {name: np.concatenate([each[name] for each in filled], axes[name])
                if name in axes else array for name, array in filled[0].items()}  # fmt: skip
        waiting.clear()
        return feed, count

    for feed in _single(data, numbers, axes):
        if waiting and (len(waiting) == size or not _alike(waiting[0], feed, axes)):
            yield put_together()
        waiting.append(feed)
    if waiting:
        yield put_together()


def _single(data: Data, numbers: Array, axes: Mapping[str, int]) -> Iterator[Feed]:
    start = 0
    for run in data.runs:
        counts = [run[name].shape[axis] for name, axis in axes.items() if name in run]
        count = counts[0] if counts else 1
        for row in numbers[(numbers >= start) & (numbers < start + count)] - start:
            yield {name: array.take([row], axes[name]) if name in axes else array
                   for name, array in run.items()}  # fmt: skip
        start += count


def _alike(one: Feed, other: Feed, axes: Mapping[str, int]) -> bool:
    """Whether two samples can be run together."""
    return all(
        array.shape == other[name].shape if name in axes else array is other[name]
        for name, array in one.items()
    )


def channel_axis(value: Value, rank: int) -> int | None:
    """The axis of a layer's features, over whose other places is averaged; None: all count."""
    if rank < 3:
        return None
    node = value.producer
    return 1 if rank > 3 or (node is not None and node.op in ("Conv", "ConvTranspose")) else 2


def pooled(array: Array, axis: int | None) -> Array:
    """[samples, features] in float32: means over positions, and no more than are kept."""
    import numpy as np

    if axis is not None:
        array = np.moveaxis(array, axis, -1).reshape(len(array), -1, array.shape[axis])
        with np.errstate(all="ignore"):
            array = array.mean(axis=1, dtype=np.float64)
    rows = array.reshape(len(array), -1)
    return np.asarray(rows[:, :: -(-rows.shape[1] // WIDEST) or 1], np.float32)


def _watched(graph: Graph, shapes: Shapes, outputs: Sequence[Value]) -> list[Value]:
    """Outputs of layers, the first and the last among them."""
    values = [
        node.output for node in graph.main.nodes
        if node.op in AFFINE and node in graph.varying and node.output is not None
        and node.output not in outputs and _is_float(shapes, node.output)
    ]  # fmt: skip
    if len(values) <= MOST_LAYERS:
        return values
    step = (len(values) - 1) / (MOST_LAYERS - 1)
    return [values[round(at * step)] for at in range(MOST_LAYERS)]


def _is_float(shapes: Shapes, value: Value) -> bool:
    shape = shapes.of(value)
    return shape is not None and shape.is_float


def _whole(found: Mapping[Value, list[Array]], total: int) -> Iterator[tuple[Value, Array]]:
    """Values of which every sample has a row, all of one width, in the order of the file."""
    import numpy as np

    def order(value: Value) -> int:
        return value.producer.index if value.producer is not None else -1

    for value in sorted(found, key=order):
        parts = found[value]
        if len({part.shape[1] for part in parts}) == 1 and sum(map(len, parts)) == total:
            yield value, np.concatenate(parts)


def _decided(classes: Mapping[Value, list[Array]], total: int) -> Iterator[Array]:
    """The classes of outputs that decide on few."""
    import numpy as np

    for parts in classes.values():
        found = np.concatenate(parts)
        known, rows = np.unique(found, return_inverse=True)
        if len(found) == total and 2 <= len(known) <= MOST_CLASSES:
            yield rows.reshape(-1)
