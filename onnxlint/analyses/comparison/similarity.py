"""How alike the layers of two models are on the same samples: linear CKA, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.comparison.modes import Mode, is_folded, likes_of, mode_of, training_nodes
from onnxlint.analyses.comparison.reference_model import ReferenceModel
from onnxlint.analyses.comparison.shares import least_share
from onnxlint.analyses.comparison.value_pairing import ComparedModel, seen_by_readers
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, serialised
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.output_heads import differing_decisions, recognise
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.file.making import make_attribute
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed

LEAST = 32
"""Samples: of fewer than features the alignment is near 1 whatever the layers do. A choice."""

MOST_SAMPLES = 256
"""Samples that are compared, together in one run where the model takes any number."""

MOST_VALUES = 100
"""Values that are compared beside the outputs, evenly spread over the depth. A choice."""

WIDEST = 4096
"""Elements of a sample; of more, every n-th."""

ROOM = 128 * 1024 * 1024
"""Bytes that are fetched at a time, and that the largest value takes at most."""

DRAWS = 8
"""Runs whose mean is taken where a model drops units at random, so that these cancel out."""


class LayerSimilarity(Struct, frozen=True, eq=False):
    """A value beside its like in the other model; `cka` is 1 where both say the same."""

    value: Value
    like: Value
    cka: float
    is_output: bool = False

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return self.value.place


class Side(Struct, frozen=True, eq=False):
    """A model, and all samples in as few runs as it takes; `samples` are not filled up."""

    model: ComparedModel
    feeds: Sequence[Feed]
    worker: Worker
    samples: int


class Similarity:
    """The layers of the model beside those of `--reference`.

    `mode` is that of the model where the reference is the same net in the other mode: of training,
    or of inference. `changed` of `decisions` (the class with the highest score) are other ones.
    """

    def __init__(
        self, layers: Sequence[LayerSimilarity], samples: int, mode: Mode | None, *,
        synthetic: bool, changed: int = 0, decisions: int = 0,
    ) -> None:  # fmt: skip
        self.layers, self.samples, self.mode = layers, samples, mode
        self.synthetic, self.changed, self.decisions = synthetic, changed, decisions

    @classmethod
    def build(
        cls, other: ReferenceModel, graph: Graph, shapes: Shapes, weights: Weights,
        execution: Execution, settings: Settings, worker: Worker,
    ) -> Similarity:  # fmt: skip
        """Runs both models on the same samples.

        Raises:
            Unavailable: the model did not run, there are too few samples, or no layers of both.
            DataError: the reference does not take these samples.
        """
        if execution.attempt is None:
            raise Unavailable(execution.failure or "the model did not run")
        feeds, samples = _fed(execution)
        if samples < LEAST:
            told = f"too few samples to compare layers: {samples}"
            raise Unavailable(f"{told} (at least {LEAST}: --samples)")
        mine = ComparedModel(graph, shapes, weights)
        fewer = min(samples, affordable(mine), affordable(other.side))
        whole = together(feeds, execution.inputs.slots, fewer)
        parts = [pair for feed in whole for pair in other.feeds(feed)]
        sides = (
            Side(mine, [part for part, _ in parts], worker, fewer),
            Side(other.side, [part for _, part in parts], worker, fewer),
        )
        likes = likes_of(mine, other.side, other.inputs)
        outputs = _outputs(graph, other.side.graph)
        decisions = _Decisions(graph, shapes, settings)
        folded = is_folded(mine, other.side)
        layers = list(similarities(*sides, likes, outputs, decisions, folded=folded))
        if not layers:
            raise Unavailable("no layer of both models can be compared")
        mode = mode_of(mine, other.side, likes)
        return cls(layers, fewer, mode, synthetic=execution.synthetic,
                   changed=decisions.changed, decisions=decisions.count)  # fmt: skip

    @property
    def lowest(self) -> LayerSimilarity:
        """The layer that is least like its like."""
        return min(self.layers, key=lambda each: each.cka)

    @property
    def changes(self) -> float:
        """The share of decisions that changes at least, as far as these samples tell."""
        return least_share(self.changed, self.decisions)


class _Decisions:
    """Counts the decisions of the outputs that are others in the other model."""

    def __init__(self, graph: Graph, shapes: Shapes, settings: Settings) -> None:
        self._facts = graph, shapes, settings
        self.changed = self.count = 0

    def add(self, value: Value, got: Array, wanted: Array) -> None:
        graph, shapes, settings = self._facts
        head = recognise(graph, shapes, value, settings.outputs)
        if head is None or got.shape != wanted.shape or got.ndim < 2:
            return
        differ = differing_decisions(got, wanted, head)
        self.changed += int(differ.sum())
        self.count += int(differ.size)


def _fed(execution: Execution) -> tuple[list[Feed], int]:
    """What was run, and more of the user's data that was read; and how many samples they hold."""
    from onnxlint.runtime.data.batching import samples_in

    attempt, inputs = execution.attempt, execution.inputs
    assert attempt is not None
    more = [] if inputs.synthetic or inputs.given is not None else inputs.fed.more
    count = execution.samples + sum(samples_in(feed, inputs.slots) for feed in more)
    return [*attempt.feeds, *more], count


def affordable(side: ComparedModel) -> int:
    """Samples whose largest value can still be fetched."""
    values = (node.output for node in side.graph.main.nodes if node.output is not None)
    known = filter(None, map(side.shapes.of, values))
    largest = max((shape.nbytes(unknown=1) for shape in known), default=1)
    return max(LEAST, min(MOST_SAMPLES, ROOM // max(1, largest)))


def together(feeds: Sequence[Feed], slots: list[Slot], samples: int) -> list[Feed]:
    """The first samples in one run where the model takes any number, else in its own."""
    import numpy as np

    from onnxlint.runtime.data.batching import samples_in
    from onnxlint.runtime.feeds.synthesis import batch_axes

    free = {slot.name: axis for slot in slots
            if (axis := batch_axes(slots)[slot.name]) is not None
            and isinstance(slot.dims[axis], str)}  # fmt: skip
    chosen, count = [], 0
    for feed in feeds:
        if count >= samples:
            break
        chosen.append(feed)
        count += samples_in(feed, slots)
    if not free or not all(_fits(chosen[0], feed, free) for feed in chosen):
        return chosen
    whole = {
        name: np.concatenate([feed[name] for feed in chosen], free[name]).take(
            range(min(samples, count)), free[name]
        )
        if name in free else array
        for name, array in chosen[0].items()
    }  # fmt: skip
    return [whole]


def similarities(
    one: Side, other: Side, likes: Mapping[Value, Value], outputs: Mapping[Value, Value],
    decisions: _Decisions | None = None, *, folded: bool = False,
) -> Iterator[LayerSimilarity]:  # fmt: skip
    """The alignment of each pair that can be fetched, in the order of the file; outputs last.

    With `folded` a layer gives what the batch normalisation behind it does.

    Raises:
        Unavailable: one of the models cannot be run.
    """
    from onnxlint.runtime.metrics.cka import linear_cka

    wanted = {value: like for value, like in likes.items() if value not in outputs}
    pairs = [*_spread(wanted, one.model, other.model), *outputs.items()]
    for group in _grouped(pairs, one, other):
        mine_of = _Rows(one, [value for value, _ in group], folded).means()
        theirs_of = _Rows(other, [like for _, like in group], folded).means()
        for value, like in group:
            mine, theirs = mine_of.get(value), theirs_of.get(like)
            if mine is None or theirs is None or len(mine) != len(theirs):
                continue
            if value in outputs and decisions is not None:
                decisions.add(value, mine, theirs)
            cka = linear_cka(_flat(mine), _flat(theirs))
            if cka is not None:
                yield LayerSimilarity(value, like, cka, value in outputs)


class _Rows:
    """What a model gives for values, the mean of several runs where it drops units at random."""

    def __init__(self, side: Side, values: Sequence[Value], folded: bool) -> None:
        self._side = side
        self._names = {value: _fetched(value, folded).name for value in values}
        drops = any(node.op == "Dropout" for node in training_nodes(side.model.graph))
        self._draws = DRAWS if drops else 1

    def means(self) -> dict[Value, Array]:
        import numpy as np

        self._load()
        found: dict[Value, list[Array]] = {value: [] for value in self._names}
        for feed in self._side.feeds:
            sums = self._run(feed)
            for _ in range(self._draws - 1):
                sums = {name: sums[name] + again for name, again in self._run(feed).items()}
            for value, name in self._names.items():
                if name in sums:
                    found[value].append(sums[name] / self._draws)
        count = self._side.samples
        return {value: np.concatenate(parts)[:count] for value, parts in found.items()
                if parts and len({part.shape[1:] for part in parts}) == 1
                and count <= sum(map(len, parts)) < count + len(parts[-1])}  # fmt: skip

    def _run(self, feed: Feed) -> dict[str, Array]:
        import numpy as np

        from onnxlint.runtime.protocol import Run

        names = list(dict.fromkeys(self._names.values()))
        try:
            outputs = self._side.worker.run(Run(dict(feed), [], names)).outputs
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"a model cannot be run to compare layers: {error}") from error
        return {name: array.astype(np.float64) for name, array in outputs.items()
                if array.dtype.kind == "f" and array.ndim}  # fmt: skip

    def _load(self) -> None:
        """As it is written, for nothing may be fused; what is drawn is drawn by a fixed seed."""
        from onnx import ModelProto

        model = self._side.model.graph.model
        proto = ModelProto()
        proto.CopyFrom(model.proto)
        _seed(proto)
        watched = list(dict.fromkeys(self._names.values()))
        try:
            data, folder = serialised(proto, model.files, watched, synthetic=False)
            self._side.worker.load(data, folder, AS_WRITTEN)
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"a model cannot be loaded to compare layers: {error}") from error


def _seed(proto: object) -> None:
    from onnx import ModelProto

    assert isinstance(proto, ModelProto)
    for number, node in enumerate(proto.graph.node):
        if node.op_type == "Dropout" and not any(each.name == "seed" for each in node.attribute):
            node.attribute.append(make_attribute("seed", number))


def _outputs(one: Graph, other: Graph) -> dict[Value, Value]:
    """Outputs by name, the others by order where there are as many."""
    named = {value.name: value for value in other.outputs}
    pairs = {value: named.pop(value.name) for value in one.outputs if value.name in named}
    rest = [value for value in one.outputs if value not in pairs]
    if len(rest) == len(named):
        pairs |= zip(rest, named.values(), strict=True)
    return pairs


def _fits(one: Feed, other: Feed, axes: Mapping[str, int]) -> bool:
    """Whether two feeds can be put together."""
    import numpy as np

    for name, array in one.items():
        if name not in axes:
            if array is not other[name] and not np.array_equal(array, other[name]):
                return False
            continue
        shapes = [[*each.shape] for each in (array, other[name])]
        for shape in shapes:
            shape[axes[name]] = 0
        if shapes[0] != shapes[1]:
            return False
    return True


def _spread(
    likes: Mapping[Value, Value], one: ComparedModel, other: ComparedModel
) -> list[tuple[Value, Value]]:
    """Pairs of floats in the order of the file, not more than are compared."""
    pairs = [(value, like) for value, like in likes.items()
             if _is_float(one, value) and _is_float(other, like)]  # fmt: skip
    pairs.sort(key=lambda pair: pair[0].producer.index if pair[0].producer else -1)
    step = max(1.0, len(pairs) / MOST_VALUES)
    return [pairs[int(at * step)] for at in range(min(len(pairs), MOST_VALUES))]


def _is_float(side: ComparedModel, value: Value) -> bool:
    shape = side.shapes.of(value)
    return shape is not None and shape.is_float


def _grouped(
    pairs: Sequence[tuple[Value, Value]], one: Side, other: Side
) -> Iterator[list[tuple[Value, Value]]]:
    """Pairs that are fetched at once."""
    group: list[tuple[Value, Value]] = []
    taken = 0
    for value, like in pairs:
        shapes = one.model.shapes.of(value), other.model.shapes.of(like)
        sizes = [shape.nbytes(unknown=1) for shape in shapes if shape is not None]
        size = max(sizes, default=1) * one.samples
        if group and taken + size > ROOM:
            yield group
            group, taken = [], 0
        group.append((value, like))
        taken += size
    if group:
        yield group


def _fetched(value: Value, folded: bool) -> Value:
    """What others read of a value: behind a normalisation, if another model has it folded."""
    seen = seen_by_readers(value)
    if not folded:
        return seen
    node = seen.producer
    readers = list(seen.consumers)
    if node is not None and node.op in ("Conv", "Gemm", "MatMul") and len(readers) == 1:
        behind = readers[0]
        if behind.op == "BatchNormalization" and behind.output is not None:
            return behind.output
    return seen


def _flat(rows: Array) -> Array:
    wide = rows.reshape(len(rows), -1)
    return wide[:, :: math.ceil(wide.shape[1] / WIDEST) or 1]
