"""How far the outputs are from another model's on the same samples, and where that begins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses import Unavailable
from onnxlint.analyses.comparison.broken_channels import BrokenChannels, ChannelComparison
from onnxlint.analyses.comparison.first_divergence import FirstDivergence, LayerDifferences
from onnxlint.analyses.comparison.modes import likes_of, mode_of, training_nodes
from onnxlint.analyses.comparison.reference_model import ComparedModels, ReferenceModel, names_of
from onnxlint.analyses.comparison.shares import least_share
from onnxlint.analyses.comparison.value_pairing import ComparedModel
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.input_semantics import FEEDABLE
from onnxlint.analyses.static.decisions import Decided
from onnxlint.analyses.static.output_heads import Head, differing_decisions, recognise
from onnxlint.analyses.static.precision import Distance, Rounding
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import DECIDING
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array, Outputs


class OutputDifference(Struct, eq=False):
    """An output beside its like in the reference, over all samples.

    Of `decisions` (the class with the highest score, the labels beyond one half; every element of
    an output that holds no floats) `changed` are others. `misfit` says why it cannot be compared.
    """

    value: Value
    like: Value
    head: Head | None = None
    misfit: str = ""
    changed: int = 0
    decisions: int = 0
    distances: list[Distance] = field(default_factory=list)
    changed_by_run: list[int] = field(default_factory=list)
    channels: ChannelComparison = field(default_factory=ChannelComparison)

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.value.place

    @property
    def error(self) -> float:
        """Relative L2 error; of what holds no floats, the share of elements that differs."""
        if not self.distances:
            return self.changed / max(1, self.decisions)
        return sum(self.distances, Distance()).relative

    @property
    def worst_run(self) -> int:
        """The run in which it is farthest."""
        errors: list[float] = [distance.relative for distance in self.distances]
        if self.misfit or not errors:
            errors = [float(changed) for changed in self.changed_by_run]
        return max(range(len(errors)), key=errors.__getitem__, default=0)

    @property
    def changes(self) -> float:
        """The share of decisions that changes at least, as far as these samples tell."""
        return least_share(self.changed, self.decisions)

    def add(self, got: Array, wanted: Array) -> None:
        """Compares one run."""
        before = self.changed
        self._add(got, wanted)
        self.changed_by_run.append(got.size if self.misfit else self.changed - before)

    def _add(self, got: Array, wanted: Array) -> None:
        if got.shape != wanted.shape:
            self.misfit = f"has shape {list(got.shape)}, the reference {list(wanted.shape)}"
        elif (got.dtype.kind == "f") != (wanted.dtype.kind == "f"):
            self.misfit = f"has dtype {got.dtype}, the reference {wanted.dtype}"
        elif got.dtype.kind == "f":
            self.distances.append(Distance.between(got, wanted))
            self.channels.add(got, wanted)
            self._count_decisions(got, wanted)
        else:
            self.changed += int((got != wanted).sum())
            self.decisions += got.size

    def _count_decisions(self, got: Array, wanted: Array) -> None:
        if self.head is None or not got.ndim or not got.size:
            return
        differ = differing_decisions(got, wanted, self.head)
        self.changed += int(differ.sum())
        self.decisions += int(differ.size)


class Reference:
    """The outputs beside those of another model, and where they part.

    All samples are run for the outputs. Layers are compared on the run in which the outputs are
    farthest, and only when a rule asks. Both models run as they ship, optimised. `epsilon` is the
    coarser spacing of their floats; `noise` says that what was fed is none that calibration saw.
    """

    def __init__(
        self, mine: ComparedModel, other: ReferenceModel, execution: Execution, rounding: Rounding,
        worker: Worker,
    ) -> None:  # fmt: skip
        assert execution.attempt is not None
        self.synthetic = execution.synthetic
        self.noise = execution.inputs.is_noise
        self.samples = execution.samples
        self.epsilon = max(rounding.epsilon, other.rounding.epsilon)
        self.quantised = rounding.quantised or other.rounding.quantised
        self.outputs: list[OutputDifference] = []
        """The outputs that both models have, in the order of this one."""
        self._other = other
        self._decided = Decided(mine.graph)
        self._compared_layers: dict[int, LayerDifferences] = {}
        self._both = ComparedModels(mine, other, execution.attempt.feeds, worker)

    @classmethod
    def build(
        cls, other: ReferenceModel, graph: Graph, shapes: Shapes, weights: Weights,
        execution: Execution, rounding: Rounding, settings: Settings, worker: Worker,
    ) -> Reference:  # fmt: skip
        """Runs the reference on all samples, and this model where its outputs were not kept.

        Raises:
            Unavailable: the model did not run, or no output can be compared.
            DataError: the reference does not run on these samples, or has other outputs.
        """
        if execution.attempt is None:
            raise Unavailable(execution.failure or "the model did not run")
        reference = cls(ComparedModel(graph, shapes, weights), other, execution, rounding, worker)
        reference.outputs = [
            OutputDifference(mine, like, reference._head(mine, like, settings))
            for mine, like in reference._pairs()
            if not (rounding.drawn_by(mine) or other.rounding.drawn_by(like))
        ]
        if not reference.outputs:
            raise Unavailable("no output is a deterministic tensor that can be compared")
        reference._compare([ran.outputs for ran in execution.runs])
        return reference

    @property
    def is_other_mode(self) -> bool:
        """Whether one is the export for training of the net that the other one is."""
        mine, theirs = self._both.mine, self._both.theirs
        if not training_nodes(mine.graph) and not training_nodes(theirs.graph):
            return False
        likes = likes_of(mine, theirs, self._both.inputs)
        return mode_of(mine, theirs, likes) is not None

    def first_divergent(
        self, outputs: list[OutputDifference], limit: float
    ) -> FirstDivergence | None:
        """Where the outputs begin to differ by more than rounding, which does at most `limit`.

        None where no layer differs, or none can be compared.
        """
        run = max(outputs, key=lambda output: output.error).worst_run
        layers = self._layers(run)
        epsilon = math.inf if self.quantised else self.epsilon
        return layers.first([output.value for output in outputs], limit, epsilon)

    def layers(self, limit: float) -> list[tuple[Value, Value, float]]:
        """Every value that both models have, with its like in the reference and its relative error.

        On the run in which the outputs are farthest, in the order of the file; empty where none
        can be watched.
        """
        worst = max(self.outputs, key=lambda output: output.error)
        return self._layers(worst.worst_run).all(limit)

    def broken_channels(self, output: OutputDifference) -> BrokenChannels | None:
        """The channels of an output of which nothing is left, though others agree."""
        if output.misfit or not output.distances:
            return None
        return output.channels.broken(self.epsilon, quantised=self.quantised)

    def tie(self, output: OutputDifference, limit: float) -> Node | None:
        """The node that makes an output differ by deciding between what agrees within the limit."""
        if self._decided.behind(output.value) is None:
            return None
        layers = self._layers(output.worst_run)

        def agrees(value: Value) -> bool | None:
            error = layers.error(value, limit)
            if error is None:  # integers are not compared: a decision is taken for another one
                return False if value.producer and value.producer.op in DECIDING else None
            return error <= limit

        return self._decided.tie(output.value, agrees)

    def _layers(self, run: int) -> LayerDifferences:
        if run not in self._compared_layers:
            likes = {output.value: output.like for output in self.outputs}
            self._compared_layers[run] = LayerDifferences(self._both, run, likes)
        return self._compared_layers[run]

    def _head(self, value: Value, like: Value, settings: Settings) -> Head | None:
        """What an output predicts, as one of the models tells: a quantised one may not."""
        mine, theirs = self._both.mine, self._both.theirs
        return recognise(mine.graph, mine.shapes, value, settings.outputs) or recognise(
            theirs.graph, theirs.shapes, like, settings.outputs
        )

    def _pairs(self) -> Iterator[tuple[Value, Value]]:
        """Outputs that numpy can hold, each with the reference's: by name, the others by order.

        Raises:
            DataError: there is no pair.
        """
        mine, theirs = self._both.mine, self._both.theirs
        outputs = mine.graph.outputs
        named = {value.name: value for value in theirs.graph.outputs}
        pairs = {value: named.pop(value.name) for value in outputs if value.name in named}
        rest = [value for value in outputs if value not in pairs]
        if len(rest) == len(named):
            pairs |= zip(rest, named.values(), strict=True)
        if not pairs:
            told = f"{names_of(theirs.graph.outputs)}, the model {names_of(outputs)}"
            remedy = "use a model with the same outputs"
            raise DataError(f"{self._other.name} has outputs {told}; {remedy}")
        for value in outputs:
            like = pairs.get(value)
            if like and _holds(mine, value) and _holds(theirs, like):
                yield value, like

    def _compare(self, known: list[Outputs]) -> None:
        """Compares the outputs of every run; `known` are those of this model, as far as kept."""
        names = [(output.value.name, output.like.name) for output in self.outputs]
        is_known = all(name in outputs for outputs in known for name, _ in names)
        known = known if is_known and not self._both.cut else []
        jobs = [(run, names) for run in range(len(self._both.feeds))]
        try:
            for got, wanted in self._both.run(jobs, known=known):
                for output in self.outputs:
                    output.add(got[output.value.name], wanted[output.like.name])
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the second run of the model failed: {error}") from error


def _holds(side: ComparedModel, value: Value) -> bool:
    shape = side.shapes.of(value)
    return shape is not None and shape.dtype in FEEDABLE
