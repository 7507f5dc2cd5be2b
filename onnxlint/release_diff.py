"""What changed between two releases of a model, as the reporters see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from onnxlint.findings import Diagnostic

NO_CHANGE = ("bytes", "peak memory")
"""Sizes that may differ while the model is the same."""


class Release(Struct, frozen=True):
    """One of the two models; `bytes` are those of the file and of its external data.

    `macs` are the multiplications with an addition of one run, `peak_memory` the bytes of weights
    and of what is alive at once, with one sample; None where they cannot be counted.
    """

    path: str
    sha256: str
    bytes: int
    parameters: int
    nodes: int
    macs: int | None = None
    peak_memory: int | None = None


class FactChange(Struct, frozen=True):
    """A fact that is another one now; None where it is absent."""

    what: str
    old: str | None
    new: str | None


class PortChange(Struct, frozen=True):
    """An input or output of the model that changed; types are None on the side that lacks it."""

    kind: Literal["input", "output"]
    change: Literal["added", "removed", "renamed", "changed", "reordered"]
    old: str | None = None
    new: str | None = None
    old_type: str | None = None
    new_type: str | None = None


class LayerRef(Struct, frozen=True):
    """A layer as its model names it; `shape` is that of its weight, else of its output."""

    op: str
    module: str | None
    node: str
    output: str
    shape: str | None = None
    scope: str = ""

    @property
    def label(self) -> str:
        """What people call it: its module, else the node, else the output."""
        own = self.module or self.node or self.output
        return f"{self.scope} {own}" if self.scope else own


class LayerChange(Struct, frozen=True):
    """A layer that changed.

    `retyped` has another operator at the same place, `moved` stands elsewhere, `rewired` reads
    other layers, `changed` has other attributes or sizes. `folded` is a batch normalisation that is
    now part of the weights of the layer `into`, or an activation that is an attribute of it;
    `unfolded` is a normalisation that was part of weights and is a node now.
    """

    change: Literal[
        "added", "removed", "moved", "retyped", "rewired", "changed", "folded", "unfolded"
    ]
    old: LayerRef | None = None
    new: LayerRef | None = None
    details: tuple[FactChange, ...] = ()
    into: str | None = None

    @property
    def layer(self) -> LayerRef:
        """The layer as the new model names it, else as the old one does."""
        found = self.new or self.old
        assert found is not None
        return found


class OperatorCount(Struct, frozen=True):
    """How many nodes of an operator there were and are."""

    op: str
    old: int
    new: int


OTHER_SHAPE = "other shape"
"""The note of a weight whose size changed."""


class WeightChange(Struct, frozen=True):
    """A constant of a layer that changed.

    `distance` is ‖new - old‖ / ‖old‖, `largest` the largest absolute change of an element; both are
    None where `note` says why they cannot be told. Quantised weights are compared as the numbers
    that they stand for, and those behind a folded normalisation with it.
    """

    layer: LayerRef
    name: str
    old_dtype: str
    new_dtype: str
    old_shape: tuple[int, ...]
    new_shape: tuple[int, ...]
    distance: float | None = None
    largest: float | None = None
    note: str | None = None


class Observation(Struct, frozen=True):
    """What was observed of one value over all samples; None where no element was finite."""

    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    nan: int = 0
    infinite: int = 0


class RangeChange(Struct, frozen=True):
    """A value that both models compute, and that was observed in another range.

    `moved` is the largest change of minimum, maximum or mean relative to the width of the old
    range; None where NaN or infinities came or went, or where that range has no width.
    """

    layer: LayerRef
    old: Observation
    new: Observation
    moved: float | None = None


class OutputChange(Struct, frozen=True):
    """An output beside the old one on the same samples.

    `same` is the share of predictions (classes of highest score, sets of labels, or elements that
    are no floats) that are equal, of `rows`; None for plain numbers. `distance` is ‖new - old‖ /
    ‖old‖. `divergence` is the mean Kullback-Leibler divergence of the new probabilities from the
    old ones, in nats. `note` says why the two cannot be compared, or not in full.
    """

    old: str
    new: str
    rows: int = 0
    same: float | None = None
    largest: float | None = None
    distance: float | None = None
    largest_probability: float | None = None
    divergence: float | None = None
    note: str | None = None


class ScoreChange(Struct, frozen=True):
    """How well both meet the labels of the same samples.

    `measure` is accuracy or RMSE. `to_wrong` and `to_right` number the predictions that were right
    and are wrong now, and the other way round; None for a regression. `files` are those of their
    samples, by these numbers, where each sample is a file.
    """

    output: str
    measure: str
    samples: int
    old: float
    new: float
    to_wrong: tuple[int, ...] | None = None
    to_right: tuple[int, ...] | None = None
    files: Mapping[str, str] = field(default_factory=dict)


class ReleaseDiff(Struct, frozen=True):
    """What changed from one model to another.

    `weights_compared` constants were compared, of which `weights_unchanged` are the same to the
    last bit. `values_compared` values were observed in both. `not_compared` says, by section, why
    something was not looked at; `incomplete` what kept the linter from doing its whole job.
    """

    old: Release
    new: Release
    facts: tuple[FactChange, ...] = ()
    ports: tuple[PortChange, ...] = ()
    layers: tuple[LayerChange, ...] = ()
    layers_matched: int = 0
    operators: tuple[OperatorCount, ...] = ()
    weights: tuple[WeightChange, ...] = ()
    weights_compared: int = 0
    weights_unchanged: int = 0
    ranges: tuple[RangeChange, ...] = ()
    values_compared: int = 0
    predictions: tuple[OutputChange, ...] = ()
    outputs_compared: int = 0
    score: ScoreChange | None = None
    findings_new: tuple[Diagnostic, ...] = ()
    findings_gone: tuple[Diagnostic, ...] = ()
    findings_kept: int = 0
    samples: int | None = None
    data: str | None = None
    not_compared: Mapping[str, str] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[FactChange, ...]:
        """Size and cost, where they differ."""
        pairs = {
            "bytes": (self.old.bytes, self.new.bytes),
            "parameters": (self.old.parameters, self.new.parameters),
            "nodes": (self.old.nodes, self.new.nodes),
            "macs": (self.old.macs, self.new.macs),
            "peak memory": (self.old.peak_memory, self.new.peak_memory),
        }
        return tuple(
            FactChange(what, str(old), str(new))
            for what, (old, new) in pairs.items() if None not in (old, new) and old != new
        )  # fmt: skip

    @property
    def score_differs(self) -> bool:
        """Whether the labels tell the two apart."""
        score = self.score
        return score is not None and bool(
            score.old != score.new or score.to_wrong or score.to_right
        )

    @property
    def differs(self) -> bool:
        """Whether anything that was looked at changed.

        Names of nodes and values, the bytes that they take in the file, and what the order of nodes
        makes of the memory, are no change.
        """
        return bool(
            self.facts or self.ports or self.layers or self.operators or self.weights
            or self.ranges or self.predictions or self.score_differs or self.findings_new
            or self.findings_gone or any(size.what not in NO_CHANGE for size in self.sizes)
        )  # fmt: skip
