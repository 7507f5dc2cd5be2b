"""One checkpoint as it runs: activations, entropy, gradients, and how it meets labels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.matching.layer_graph import LayerGraph
from onnxlint.analyses.predictions.predictions import Predictions
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.activations import Activations
from onnxlint.analyses.trace.gradient_propagation import Propagation
from onnxlint.analyses.trace.trace import ObservedNode, Trace
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.place import NotApplicable, Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

BEYOND = 0.95
"""A neuron of a sigmoid or tanh is saturated where its outputs are, on average, so far from the
middle, of 1 at the ends: a slope of a tenth or less of the steepest."""


class ActivationSeen(Struct, frozen=True):
    """A layer's output in one checkpoint; `layer` is its number there."""

    layer: int
    place: Place
    op: str
    rms: float
    dead: float | None = None
    saturated: float | None = None


class EntropySeen(Struct, frozen=True):
    """The predictions of an output; `output` is its number."""

    output: int
    place: Place
    expected: float
    classes: int
    entropy: float


class ScoreSeen(Struct, frozen=True):
    """How well a checkpoint meets labels; `chance` is what no input at all would reach."""

    task: str
    measure: str
    samples: int
    figure: float | None
    loss: float | None
    noise: float | None
    loss_noise: float | None
    chance: float | None
    chance_figure: float | None


class RunSeen(Struct, frozen=True):
    """All that was seen of one checkpoint; `missing` says of what could not be had why not."""

    activations: list[ActivationSeen] = field(default_factory=list)
    entropies: list[EntropySeen] = field(default_factory=list)
    gradient: float | None = None
    gradient_place: Place | None = None
    scores: dict[str, ScoreSeen] = field(default_factory=dict)
    samples: int | None = None
    data: str | None = None
    synthetic: bool = True
    missing: dict[str, str] = field(default_factory=dict)


def run_seen(analyses: Analyses) -> RunSeen:
    """Runs a checkpoint on the samples of its settings.

    Raises:
        DataError: the data or the labels cannot be used.
    """
    try:
        execution = analyses.get(Execution)
        trace = analyses.get(Trace)
    except NotApplicable as reason:
        return RunSeen(missing={"runs": str(reason)})
    missing: dict[str, str] = {}
    gradient, place = _gradient(analyses, missing)
    return RunSeen(
        [*_activations(analyses, trace)], _entropies(analyses), gradient, place,
        samples=execution.samples, data=execution.inputs.description,
        synthetic=execution.synthetic, missing=missing,
    )  # fmt: skip


def _activations(analyses: Analyses, trace: Trace) -> Iterator[ActivationSeen]:
    numbers = {layer.node: layer.index for layer in LayerGraph(analyses).layers}
    activations = analyses.get(Activations)
    told: set[Node] = set()
    for seen in trace.nodes("Relu", "Sigmoid", "Tanh"):
        node = seen.node
        if node not in numbers or node.output is None or _gates(seen, trace, activations):
            continue
        told.add(node)
        is_relu = node.op == "Relu"
        yield ActivationSeen(
            numbers[node], node.place, node.op, seen.output.statistics.rms,
            dead=_dead(seen) if is_relu else None,
            saturated=None if is_relu else _saturated(seen),
        )  # fmt: skip
    for value in activations.of_layers():
        maker = value.value.producer
        if maker is not None and maker in numbers and maker not in told:
            yield ActivationSeen(numbers[maker], maker.place, maker.op, value.statistics.rms)


def _gates(seen: ObservedNode, trace: Trace, activations: Activations) -> bool:
    """Whether a sigmoid or tanh scores or gates, which may well be at its limits."""
    node = seen.node
    if node.op == "Relu" or node.output is None:
        return False
    gates = trace.gates_itself(node) or (node.op == "Sigmoid" and activations.is_gate(node))
    return gates or activations.is_score(node.output)


def _dead(relu: ObservedNode) -> float:
    if relu.output.channels is None:
        return float(relu.output.peak == 0)
    return relu.output.channel_fraction(lambda channel: channel.maximum <= 0)


def _saturated(activation: ObservedNode) -> float:
    """The share of neurons that are far from the middle on average."""
    rows = activation.output.samples
    if rows is None:
        return 0.0
    outputs = rows[:, 1:]
    distances = abs(2 * outputs - 1 if activation.node.op == "Sigmoid" else outputs)
    return float((distances.mean(axis=0) > BEYOND).mean())


def _entropies(analyses: Analyses) -> list[EntropySeen]:
    try:
        predictions = analyses.get(Predictions)
    except NotApplicable:
        return []
    outputs = {value: at for at, value in enumerate(analyses.get(Graph).outputs)}
    return [
        EntropySeen(outputs[each.head.value], each.place, each.expected_entropy,
                    2 if each.head.kind == "sigmoid" else each.classes, each.entropy)
        for each in predictions
        if each.is_probable and each.head.value in outputs and math.isfinite(each.entropy)
    ]  # fmt: skip


def _gradient(analyses: Analyses, missing: dict[str, str]) -> tuple[float | None, Place | None]:
    try:
        propagation = analyses.get(Propagation)
    except NotApplicable as reason:
        missing["gradients"] = str(reason)
        return None, None
    if len(propagation.layers) < 2:
        return None, None
    first = propagation.layers[-1]
    return propagation.to_last(first), first.place


def score_seen(analyses: Analyses, settings: Settings) -> ScoreSeen | str:
    """How well the model meets the labels of other settings; or why that is not known.

    Raises:
        DataError: the labels fit none of the outputs, or are not as many as the samples.
    """
    try:
        scores = _with(analyses, settings).get(Scores)
    except NotApplicable as reason:
        return str(reason)
    losses = _losses(scores)
    figure = scores.figure if math.isfinite(scores.figure) else None
    chance, chance_figure = _chance(scores)
    return ScoreSeen(
        scores.task, scores.measure, scores.samples, figure, _mean(losses), _figure_noise(scores),
        _error(losses), chance, chance_figure,
    )  # fmt: skip


def _with(analyses: Analyses, settings: Settings) -> Analyses:
    """Analyses of the same model under other settings; they have nothing to close."""
    if settings is analyses.get(Settings):
        return analyses
    from onnxlint.model.file.load import Model
    from onnxlint.safety.limits import Budget

    return Analyses(settings, *map(analyses.get, (Model, Budget, Graph, Shapes, Worker)))


def _losses(scores: Scores) -> Array | None:
    """The loss of each row: squared error, or -ln of the probability of what is true."""
    import numpy as np

    if scores.task == "regression":
        return np.asarray(((scores.predicted - scores.truths) ** 2).mean(axis=1))
    p = scores.probabilities
    if p is None:
        return None
    least = float(np.finfo(np.float32).eps)
    if scores.task == "multi-label" or p.shape[1] == 1:
        truths = scores.truths.reshape(p.shape)
        chosen = np.clip(np.where(truths == 1, p, 1 - p), least, 1)
        return np.asarray(-np.log(chosen).mean(axis=1))
    rows = np.arange(len(scores.truths))
    return np.asarray(-np.log(np.clip(p[rows, scores.truths], least, 1)))


def _mean(losses: Array | None) -> float | None:
    mean = None if losses is None else float(losses.mean())
    return mean if mean is not None and math.isfinite(mean) else None


def _error(losses: Array | None) -> float | None:
    """The standard error of their mean."""
    if losses is None or len(losses) < 2:
        return None
    error = float(losses.std() / len(losses) ** 0.5)
    return error if math.isfinite(error) else None


def _figure_noise(scores: Scores) -> float | None:
    """The standard error of the accuracy, or of the RMSE."""
    if scores.task == "regression":
        error = _error(_losses(scores))
        return None if error is None or not scores.figure else error / (2 * scores.figure)
    share = scores.figure
    return math.sqrt(max(share * (1 - share), 0.0) / max(1, scores.right.size))


def _chance(scores: Scores) -> tuple[float | None, float | None]:
    """Loss and figure of the best constant prediction: class frequencies, or the mean."""
    import numpy as np

    if scores.task == "regression":
        variance = float(scores.truths.var(axis=0).mean())
        return variance, variance**0.5
    if scores.task == "multi-label":
        shares = np.asarray(scores.truths.mean(axis=0), np.float64)
        both = np.stack([shares, 1 - shares])
        entropy = -(both * np.log(np.where(both > 0, both, 1))).sum(axis=0).mean()
        return float(entropy), float(both.max(axis=0).mean())
    _, counts = np.unique(scores.truths, return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum()), float(shares.max())


def as_trained_on(settings: Settings) -> Settings | None:
    """The settings for the data that the run was trained on; None where that is not given."""
    if settings.train_data is None or settings.train_labels is None:
        return None
    return replace(settings, data=settings.train_data, labels=settings.train_labels)
