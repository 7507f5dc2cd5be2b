"""What was seen over a series of checkpoints: plain curves, for rules, formats and dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Literal

from msgspec import Struct, field

from onnxlint.model.graph.place import Place

Curve = tuple[float | None, ...]
"""A number a checkpoint, or an interval between two; None where there is none."""


class TensorCurve(Struct, frozen=True):
    """One weight, bias or scale, wherever it is stored; `place` is its layer in the last model.

    A number a checkpoint: `mean` and `rms` of its magnitudes, `tiny` the share of its elements
    below a hundred-thousandth of that mean. A number an interval: `update` is mean|Δw| / mean|w|,
    `changed` the share of elements that are not the same to the last bit. A number an interval from
    the second on: `turn` is the cosine between its change and the one before. `like_initial` says
    that the last numbers look freshly drawn, not trained; `folded` that a normalisation was folded
    into it in some checkpoint. `depth` is the place of its layer on the way from the input.
    """

    place: Place
    parameter: str
    shape: tuple[int, ...]
    depth: int
    mean: Curve
    rms: Curve
    tiny: Curve
    update: Curve
    changed: Curve
    turn: Curve
    like_initial: bool = False
    folded: bool = False

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def is_matrix(self) -> bool:
        """Whether it is what a layer multiplies with, and no bias, scale or statistic."""
        return self.parameter.endswith("weight") and len(self.shape) > 1

    @property
    def is_table(self) -> bool:
        """Whether it is a table of embeddings that the model looks rows up in."""
        return self.place.op_type == "Gather" and len(self.shape) == 2

    @property
    def inputs(self) -> int:
        """How many numbers a layer adds up with it."""
        from onnxlint.model.graph.operators import RECURRENT

        kept = self.shape[2:] if self.place.op_type in RECURRENT else self.shape[1:]
        return prod(kept)


class ActivationCurve(Struct, frozen=True):
    """The output of a layer or activation, a number a checkpoint.

    `rms` is over all elements; `dead` is the share of channels of a ReLU that are never above zero,
    `saturated` the share of outputs of a sigmoid or tanh whose slope is 0 in their precision.
    """

    place: Place
    op: str
    depth: int
    rms: Curve
    dead: Curve = ()
    saturated: Curve = ()


class EntropyCurve(Struct, frozen=True):
    """The mean entropy of an output's predictions in nats; `expected` is that of pure guessing."""

    place: Place
    expected: float
    classes: int
    entropy: Curve


class GradientCurve(Struct, frozen=True):
    """The gradient at the first layer, `place`, relative to the last one's."""

    place: Place
    ratio: Curve


class ScoreCurve(Struct, frozen=True):
    """How well the checkpoints meet the labels of one data set.

    `measure` is what `figure` is, `accuracy` or `RMSE`; `loss` is the mean log loss or squared
    error, None where an output has no probabilities. `noise` is the standard error of the figure,
    `loss_noise` that of the loss, at each checkpoint. `chance_loss` and `chance_figure` are what
    the best constant prediction reaches.
    """

    data: Literal["data", "train"]
    task: str
    measure: str
    samples: int
    figure: Curve
    loss: Curve
    noise: Curve
    loss_noise: Curve
    chance_loss: float | None = None
    chance_figure: float | None = None

    @property
    def option(self) -> str:
        """The option that gave the data."""
        return "--train-data" if self.data == "train" else "--data"

    @property
    def has_loss(self) -> bool:
        """Whether the loss is known."""
        return any(value is not None for value in self.loss)

    @property
    def judged(self) -> Curve:
        """What falls while a training succeeds: the loss; without it the error."""
        if self.has_loss:
            return self.loss
        if self.measure == "RMSE":
            return self.figure
        return tuple(None if value is None else 1 - value for value in self.figure)

    @property
    def judged_noise(self) -> Curve:
        """The standard error of that."""
        return self.loss_noise if self.has_loss else self.noise

    @property
    def judged_chance(self) -> float | None:
        """What the best constant prediction reaches of it."""
        if self.has_loss or self.measure == "RMSE":
            return self.chance_loss if self.has_loss else self.chance_figure
        return None if self.chance_figure is None else 1 - self.chance_figure

    @property
    def judged_as(self) -> str:
        """What that is called."""
        if self.has_loss:
            return "loss"
        return "RMSE" if self.measure == "RMSE" else "error rate"


class SeriesReport(Struct, frozen=True):
    """All checkpoints of one training run in their order; every curve has a number for each.

    `steps` count in `unit`: training steps, epochs, or, where nothing tells, checkpoints.
    `steps_from` says where they were read. Fields of runs are empty where nothing was run;
    `not_measured` says of what could not be had why not.
    """

    files: tuple[str, ...]
    steps: tuple[int, ...]
    unit: str = "checkpoint"
    steps_from: str = "order"
    tensors: tuple[TensorCurve, ...] = ()
    activations: tuple[ActivationCurve, ...] = ()
    entropies: tuple[EntropyCurve, ...] = ()
    gradient: GradientCurve | None = None
    scores: tuple[ScoreCurve, ...] = ()
    samples: int | None = None
    data: str | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)

    def named(self, at: int) -> str:
        """A checkpoint as a sentence calls it: "step 300"."""
        return f"{self.unit} {self.steps[at]:,}"

    def gap(self, interval: int) -> int | None:
        """Training steps in an interval; None where nothing tells."""
        if self.unit != "step":
            return None
        return max(1, self.steps[interval + 1] - self.steps[interval])

    def scalars(self) -> Iterator[tuple[str, Curve]]:
        """The curves of the whole model by name, `train/loss`: a dashboard's, a step each."""
        for score in self.scores:
            if score.has_loss:
                yield f"{score.data}/loss", score.loss
            yield f"{score.data}/{score.measure}", score.figure
        for curve in self.entropies:
            yield f"entropy/{curve.place.value or ''}", curve.entropy
        if self.gradient is not None:
            yield "gradient/first to last layer", self.gradient.ratio


def sparkline(curve: Curve, *, logarithmic: bool = False) -> str:
    """A curve in one line of text, a character a number: its lowest ▁, its highest █."""
    from math import isfinite, log10

    numbers = [
        None if value is None or not isfinite(value) or (logarithmic and value <= 0)
        else log10(value) if logarithmic else value
        for value in curve
    ]  # fmt: skip
    known = [number for number in numbers if number is not None]
    if not known:
        return "·" * len(curve)
    low, high = min(known), max(known)
    scale = 0.0 if high == low else (len(_BARS) - 1) / (high - low)
    return "".join(
        "·" if number is None else _BARS[round((number - low) * scale)] if scale else _BARS[3]
        for number in numbers
    )


_BARS = "▁▂▃▄▅▆▇█"
