"""How a small change of the input grows or shrinks towards the output, layer by layer.

This is the forward reading of vanishing and exploding gradients. A change v in a random direction
becomes J v, where J is the Jacobian, and grows by the ratio of their RMS. Squared and averaged over
directions that is the square sum of J over the number of its rows: as much as the squared length of
the gradient J^T u of a random u of length 1 at the output. The changes are scaled back wherever
everything passes one value, so their product follows the gradient as far down as it goes, in
float32, without running anything backwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.runtime_errors import read_refusal
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.dominators import Chain
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.perturbed_model import PerturbedModel
from onnxlint.analyses.trace.perturbed_runs import PerturbedRuns
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.place import NotApplicable, Place

if TYPE_CHECKING:
    pass

STEP = 1e-2
"""Size of the changes, as a part of what they change. Against PyTorch's gradients on thirteen
architectures 1e-1 to 1e-4 give the same within a fifth; of these it leaves float16 the most room.
"""

LARGE_STEP = 0.1
"""Size of a change that has to come through where smaller ones did not."""

DIRECTIONS = 32
"""Random directions to average over: each sample has one of its own in every run."""

LEAST_RUNS = 4
"""So many runs are made at least, if there are directions for as many: fewer tell nothing of how
much they differ."""

SETTLED = 0.25
"""Relative standard error of the gradient from which on no further run is made. Where layers have
thousands of elements, four directions give it; the limits of rules are powers of ten apart."""

READ_BYTES = 256 * 1024 * 1024
"""Runs for further directions are made while all values and weights together come to no more: by
size and not by time, so that the same model gives the same numbers on every machine."""

MAX_NODES = 20_000
"""Larger graphs are not measured: onnxruntime loads them in time that grows with their square."""

DOUBTFUL = 1e5
"""Beyond this product, and again at every hundredfold, it is measured again from the layer itself:
a change that came through all layers before it may go in an exceptional direction."""

MAX_CHECKS = 2
"""How often at most."""


class LayerGradient(Struct, frozen=True):
    """The gradient that arrives at the output of a layer, `node`.

    `gradient` is the length of the gradient at `value`, for one of length 1 and random direction
    at the output. `gain` is how much longer a small change gets on the way to `value` from the last
    one before it: `gradient` is the product of all gains behind, and no less than 1 where another
    output leaves beside the layer.
    """

    node: Node
    value: Value
    gain: float
    gradient: float

    @property
    def place(self) -> Place:
        """The layer's place."""
        return self.node.place


class Propagation:
    """The gradients at all layers for a unit gradient at `output`.

    `layers` holds them from the output to the input, of parallel ones the last; `gradient` is the
    length of the gradient at `source`.
    """

    effort: ClassVar = 101  # behind the first look at a trace: while this runs, others look at it

    def __init__(
        self, chain: Chain, gains: list[float], gradients: list[float], *, is_blank: bool
    ) -> None:
        self._is_blank = is_blank
        self.source, self.output = chain.cuts[0], chain.ends[0].value
        self.gradient = gradients[0]
        values = [*chain.cuts[1:], self.output]
        leaving = {end.after for end in chain.ends[1:]}
        least = (1.0 if number in leaving else 0.0 for number in range(len(values)))
        behind = map(max, [*gradients[1:], 1.0], least)
        reached = zip(chain.layers, values, gains, behind, strict=True)
        layers = [
            LayerGradient(layer[-1], value, gain, g) for layer, value, gain, g in reached if layer
        ]
        table = self.source.producer
        if table is not None and table.op == "Gather":  # embeddings are learned, too
            layers.insert(0, LayerGradient(table, self.source, 1.0, self.gradient))
        self.layers = layers[::-1]

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, perturbed: PerturbedModel, execution: Execution,
        worker: Worker, work: Work,
    ) -> Propagation:  # fmt: skip
        """Runs the model on the first samples, and on slightly changed numbers.

        Raises:
            NotApplicable: there is no chain of layers to measure, or it would cost too much.
            Unavailable: it cannot be measured.
        """
        attempt = execution.attempt
        if not execution.ran or attempt is None:
            raise Unavailable(execution.failure or "the model did not run")
        if len(graph.main.nodes) > MAX_NODES:
            raise Unavailable(f"the model has more than {MAX_NODES:,} nodes")
        if graph.main.opsets.get("", 0) < _oldest_opset():
            raise Unavailable(f"gradients are measured from opset {_oldest_opset()} on")
        chain = perturbed.chain
        work.check(Question.GRADIENTS)
        try:
            meter = _Meter(graph, shapes, perturbed, execution, worker)
            gains, gradients = meter.measure()
        except RunFailure as error:
            why = read_refusal(graph, str(error))
            raise Unavailable(
                f"the model does not run on slightly changed numbers: {why}"
            ) from error
        except WorkerDied as error:
            raise Unavailable(
                f"running the model on slightly changed numbers failed: {error}"
            ) from error
        return cls(chain, gains, gradients, is_blank=_is_blank(graph, chain))

    def first(self, judge: Callable[[float], bool]) -> LayerGradient | None:
        """The layer nearest to the output for whose gradient `judge` is true.

        Raises:
            NotApplicable: there is one, but training would normalise what this model does not.
        """
        found = next((layer for layer in self.layers if judge(layer.gradient)), None)
        if found is not None and self._is_blank:
            raise NotApplicable(
                "gradients in training differ: batch normalisation with the statistics of an "
                "untrained model has no effect"
            )
        return found

    def to_last(self, layer: LayerGradient) -> float:
        """The gradient at a layer by that at the last one; 1 where that has none."""
        last = self.layers[0].gradient
        return layer.gradient / last if last else 1.0

    def beyond(self, judge: Callable[[float], bool]) -> LayerGradient | None:
        """The layer nearest to the output of which `judge` is true, if it is of the first one.

        It judges the gradient by that of the last layer.

        Raises:
            NotApplicable: as `first`.
        """
        if not self.layers or not judge(self.to_last(self.layers[-1])):
            return None
        last = self.layers[0].gradient
        return self.first(lambda gradient: judge(gradient / last))

    def behind(self, layer: LayerGradient) -> list[LayerGradient]:
        """The layers between a layer and the output, from the output on."""
        return self.layers[: self.layers.index(layer)]

    def evidence(self) -> list[dict[str, object]]:
        """All layers with their gains and gradients, from the output to the input."""
        return [
            {"node": layer.node.name, "value": layer.value.name,
             "gain": layer.gain, "gradient": layer.gradient}
            for layer in self.layers
        ]  # fmt: skip


class _Reading(Struct, frozen=True):
    """One run, or several averaged: gains from cut to cut, and from cuts to the outputs beside."""

    gains: list[float]
    sides: list[float]

    def gradient(self, start: int) -> float:
        """The product from one cut on, by the strongest way."""
        product = 1.0
        for gain, side in zip(self.gains[start:][::-1], self.sides[start:][::-1], strict=True):
            product = max(gain * product, side)
        return product


class _Meter:
    """The perturbed model in the worker, and what it says."""

    def __init__(
        self, graph: Graph, shapes: Shapes, perturbed: PerturbedModel, execution: Execution,
        worker: Worker,
    ) -> None:  # fmt: skip
        assert execution.attempt is not None
        self._graph, self._chain = graph, perturbed.chain
        self._plan = perturbed.plan
        self._asked = PerturbedRuns(perturbed, shapes, execution, worker)
        samples = max(1, execution.attempt.samples_per_run)
        shapes_of_all = map(shapes.of, graph.main.values.values())
        size = sum(shape.nbytes(unknown=samples) for shape in shapes_of_all if shape is not None)
        self._runs = max(1, min(-(-DIRECTIONS // samples), READ_BYTES // max(1, size)))

    def measure(self) -> tuple[list[float], list[float]]:
        """The gain of every stretch and the gradient at every cut.

        Raises:
            NotApplicable: the weights of a layer are all zero.
            Unavailable: the values are not finite, or too coarse to follow a change.
        """
        readings = self._readings(0, STEP)
        means = _mean(readings)
        for gain, layers in zip(means.gains, self._chain.layers, strict=True):
            if not gain:
                self._doubt(layers)
        gradients = [_rms([reading.gradient(0) for reading in readings])]
        return means.gains, [*gradients, *self._checked(means)]

    def _doubt(self, layers: list[Node]) -> None:
        """Whether there is another reason that no change comes through."""
        if "float16" in self._plan.cuts.values():
            raise Unavailable("float16 is too coarse to measure the effect of a small change")
        if any(_is_zero(self._graph, layer) for layer in layers):
            raise NotApplicable(
                f"the weights of {layers[-1].place} are all zero: no gradient passes"
            )

    def _checked(self, means: _Reading) -> list[float]:
        """The gradients at all cuts but the first, from the output on, doubtful ones measured."""
        gradients: list[float] = []
        product, checks, doubtful = 1.0, MAX_CHECKS, DOUBTFUL
        for cut in reversed(range(1, len(means.gains))):
            before, product = product, max(means.gains[cut] * product, means.sides[cut])
            if before and not product:
                product = self._from(cut, LARGE_STEP)
            elif checks and not 1 / doubtful < product < doubtful:
                product = self._from(cut, STEP)
                checks, doubtful = checks - 1, doubtful * 100
            gradients.append(product)
        return gradients[::-1]

    def _from(self, cut: int, step: float) -> float:
        """The gradient at a cut by changes that begin there."""
        return _rms([reading.gradient(cut) for reading in self._readings(cut, step)])

    def _readings(self, start: int, step: float) -> list[_Reading]:
        readings: list[_Reading] = []
        while len(readings) < self._runs:
            for numbers in self._asked.told(start, step, self._runs - len(readings)):
                readings.append(self._read(numbers))
                if _is_settled(readings, start):  # what a run beside it tells is not needed
                    return readings
        return readings

    def _read(self, numbers: dict[str, float]) -> _Reading:
        from onnxlint.runtime.perturbed_copy import arrived, found, made

        if not all(map(math.isfinite, numbers.values())):
            raise Unavailable("some values between the layers are not finite")
        count = len(self._chain.cuts)
        sent = [numbers[made(cut)] for cut in range(count)]
        got = [numbers[found(cut)] for cut in range(1, count)] + [numbers[arrived(0)]]
        sides = [0.0] * count
        for number, end in list(enumerate(self._chain.ends))[1:]:
            gain = numbers[arrived(number)] / sent[end.after]
            sides[end.after] = max(sides[end.after], gain)
        return _Reading([one / other for one, other in zip(got, sent, strict=True)], sides)


def _is_blank(graph: Graph, chain: Chain) -> bool:
    """Whether batch normalisations look as they do before training: with mean 0 and variance 1.

    Where they were folded into convolutions, all that is left of them are biases of 0.
    """
    nodes = [vertex for vertex in chain.flow if isinstance(vertex, Node)]
    norms = [node for node in nodes if node.op == "BatchNormalization"]
    if any(_is_all(graph, n.input(3), 0) and _is_all(graph, n.input(4), 1) for n in norms):
        return True
    normalised = {norm.input(0) for norm in norms}
    convolutions = [n for n in nodes if n.op == "Conv" and n.output not in normalised]
    bare = [n for n in convolutions if n.input(2) is None or _is_all(graph, n.input(2), 0)]
    return len(bare) > len(convolutions) / 2


def _is_all(graph: Graph, value: Value | None, number: float) -> bool:
    constant = graph.constant(value)
    return constant is not None and bool((constant == number).all())


def _is_zero(graph: Graph, layer: Node) -> bool:
    """Whether the largest constant that it reads is all zero."""
    constants = (graph.constant(value) for value in layer.inputs)
    largest = max((c for c in constants if c is not None), key=lambda c: c.size, default=None)
    return largest is not None and not largest.any()


def _oldest_opset() -> int:
    from onnxlint.runtime.perturbed_copy import OLDEST_OPSET

    return OLDEST_OPSET


def _is_settled(readings: list[_Reading], start: int) -> bool:
    """Whether further directions would hardly change the gradient at a cut, or the gains to it."""
    if len(readings) < LEAST_RUNS:
        return False
    gains = zip(*(reading.gains[start:] for reading in readings), strict=True)
    sides = zip(*(reading.sides[start:] for reading in readings), strict=True)
    product = [reading.gradient(start) for reading in readings]
    along = math.hypot(*map(_relative_error, gains))
    return max(along, _relative_error(product), *map(_relative_error, sides)) <= SETTLED


def _relative_error(numbers: Sequence[float]) -> float:
    """The standard error of an RMS, as a part of it; 0 where all are 0."""
    largest, count = max(numbers), len(numbers)
    if not largest:
        return 0.0
    squares = [(number / largest) ** 2 for number in numbers]
    mean = sum(squares) / count
    spread = sum((square - mean) ** 2 for square in squares) / (count - 1)
    return math.sqrt(spread / count) / (2 * mean)


def _mean(readings: list[_Reading]) -> _Reading:
    gains = [reading.gains for reading in readings]
    sides = [reading.sides for reading in readings]
    return _Reading(list(_columns(gains)), list(_columns(sides)))


def _columns(rows: list[list[float]]) -> Iterator[float]:
    return (_rms(list(column)) for column in zip(*rows, strict=True))


def _rms(numbers: list[float]) -> float:
    """By ratios to the largest one, for their squares may be out of range."""
    largest = max(numbers)
    if not largest:
        return 0.0
    return largest * math.sqrt(sum((n / largest) ** 2 for n in numbers) / len(numbers))


Reach = LayerGradient
"""The name until 0.2, which rules of teams may import."""
