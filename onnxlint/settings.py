"""What one run was asked to do, as the analyses and rules see it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Struct, field
from msgspec.structs import force_setattr

from onnxlint.promises import (
    Architecture,
    Between,
    Budgets,
    Dimension,
    Provenance,
    ValuePromise,
    check_bounds,
    check_dims,
    known_dtype,
)
from onnxlint.severity import Stage
from onnxlint.toml_tables import TABLE

DEFAULT_SAMPLES = 8
"""Samples that are synthesised: two of each kind of noise, twice the least that shows variance."""

MOST_SAMPLES = 10_000_000
"""Samples that are run at most: a choice, seven times ImageNet's training set."""

LABELLED_SAMPLES = 1000
"""Samples that are run where labels are given: accuracies then vary by 1.6 points at most."""


DEFAULT_TIME_LIMIT = 300.0
"""Seconds that one model may take before it counts as hanging, with the default samples."""

LONGEST_TIME_LIMIT = 1e7
"""Seconds; no run of four months is waited for, and clocks take no more."""


LARGEST_SIDE = 16_384
"""Pixels; a side of more is a mistake."""


class InputContract(msgspec.Struct, **TABLE):
    """What is declared of an input: its type, its data, and how images are prepared for it.

    Pixels are multiplied by `scale`, then `mean` is subtracted and `std` divided by,
    a channel each. `features` are ranges by the feature's or channel's number, from 0, or
    by the column's name;
    `data_mean` and `data_std` bound mean and standard deviation of each feature in the data, and
    `normalised` says that they are near 0 and 1. `positions` is how many tokens a sequence may
    have, `set_axis` an axis along which the order of members means nothing.
    """

    dtype: str | None = None
    shape: list[Dimension] | None = None
    features: list[Between] | dict[str, Between] = {}
    normalised: bool = False
    data_mean: Between | None = None
    data_std: Between | None = None
    positions: Annotated[int, msgspec.Meta(ge=1)] | None = None
    set_axis: int | None = None
    range: tuple[float, float] | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    scale: float | None = None
    mean: list[float] = []
    std: list[float] = []
    size: tuple[int, int] | None = None
    colour: Literal["RGB", "BGR", "GREY"] = "RGB"

    def __post_init__(self) -> None:
        channels = 1 if self.colour == "GREY" else 3
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (0, 1, channels) or not all(map(isfinite, numbers)):
                raise ValueError(f"{name} must be one number, or {channels} for {self.colour}")
        if 0 in self.std:
            raise ValueError("std must not be 0: values are divided by it")
        if self.scale is not None and not (isfinite(self.scale) and self.scale):
            raise ValueError("scale must be a number other than 0")
        if self.size is not None and not all(0 < side <= LARGEST_SIDE for side in self.size):
            raise ValueError(f"size must be [height, width], each from 1 to {LARGEST_SIDE}")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("range must be [lowest, highest]")
        known_dtype(self.dtype)
        check_dims(self.shape)
        check_bounds(data_mean=self.data_mean, data_std=self.data_std)
        for name, bounds in self.feature_ranges.items():
            check_bounds(**{f"features.{name}": bounds})

    @property
    def preparation(self) -> InputContract:
        """How images are prepared, without anything that is promised."""
        return InputContract(
            layout=self.layout, scale=self.scale, mean=self.mean, std=self.std, size=self.size,
            colour=self.colour,
        )  # fmt: skip

    @property
    def element_type(self) -> str | None:
        """The dtype, as it is shown."""
        return known_dtype(self.dtype)

    @property
    def feature_ranges(self) -> dict[str, Between]:
        """The promised range of each feature, by its number or column."""
        if isinstance(self.features, dict):
            return self.features
        return {str(number): bounds for number, bounds in enumerate(self.features)}


class OutputContract(msgspec.Struct, **TABLE):
    """What is declared of an output: its type, what it holds, and its kind of head.

    `entropy` bounds the mean entropy of its predictions, in nats. `classes` are the names of its
    classes, in the order of their numbers.
    """

    dtype: str | None = None
    shape: list[Dimension] | None = None
    head: str | None = None
    range: tuple[float, float] | None = None
    sums_to_one: bool = False
    entropy: Between | None = None
    classes: list[str] = []

    def __post_init__(self) -> None:
        known_dtype(self.dtype)
        check_dims(self.shape)
        check_bounds(entropy=self.entropy)
        twice = [name for name, times in Counter(self.classes).items() if times > 1]
        if twice:
            raise ValueError(f"classes has {twice[0]!r} twice; give each class a name of its own")

    @property
    def element_type(self) -> str | None:
        """The dtype, as it is shown."""
        return known_dtype(self.dtype)


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class LabelSource(Struct, frozen=True):
    """Where labels are: a file, and the column or array in it; None where there is but one."""

    file: Path
    key: str | None = None

    @classmethod
    def of(cls, path: Path) -> LabelSource:
        """`labels.npy`, `data.npz:y`, `data.csv:column`."""
        file, colon, key = str(path).rpartition(":")
        if "/" in key and _SCHEME.match(str(path)):  # the colon is that of an address
            return cls(path)
        return cls(Path(file), key) if colon and not _exists(path) else cls(path)

    def __str__(self) -> str:
        return f"{self.file}:{self.key}" if self.key else str(self.file)


def _exists(path: Path) -> bool:
    """Whether there is such a file; a name that none can have is not there."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


class CheckpointFiles(Struct, frozen=True):
    """The exports of one training run, the last one the model itself; in the order of `steps`.

    `unit` and `steps_from` say what the steps count and where they were read. `jobs` checkpoints
    are looked at in parallel, which changes nothing that is seen.
    """

    files: tuple[Path, ...]
    steps: tuple[int, ...]
    unit: str = "checkpoint"
    steps_from: str = "order"
    jobs: int = 1


class Settings(Struct, frozen=True):
    """The run's settings; `memory_limit` in bytes, `time_limit` in seconds.

    `budget` is what runs of the model may cost, in seconds of a usual core, which are counted in
    operations; None leaves it to what a run costs.

    `labels` tell what should come out of `data`, sample by sample; with `compare_simple` simple
    models are fitted to them, to compare with; `baselines` are ONNX files, or `module:function`, to
    compare with, too.
    `targets` are the names of those on which the model is to run: `ort-cpu`, `tensorrt-10.15`.
    `full_trace` watches every float value instead of those where fused kernels end, and integers;
    `integers` watches these without the others. `sample` is the only one that is run, of as many as
    there are, counted from 0. `witnesses` is the folder for inputs that show where NaN or infinity
    comes from. `reference` is the model to compare with. `inputs` and `outputs` are what is
    declared of them, by name; `architecture`, `values` (by name, module or glob), `budgets` and
    `provenance` are the rest of what is promised.
    `layer` is the node, or value, whose numbers a page shows as points, a point a sample: empty for
    the input of the last dense layer, None where no page is made; with `tsne` also by t-SNE. With
    `timed` a page shows how long the kernels of each layer take.
    `series` are the checkpoints that led to the model; `train_data` and `train_labels` are what it
    was trained on, beside `data` and `labels`, which it was not.
    """

    stage: Stage = Stage.TRAINED
    data: Path | None = None
    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    time_limit: float = DEFAULT_TIME_LIMIT
    memory_limit: int | None = None
    budget: float | None = None
    targets: tuple[str, ...] = ()
    full_trace: bool = False
    integers: bool = False
    sample: int | None = None
    witnesses: Path | None = None
    reference: Path | None = None
    inputs: Mapping[str, InputContract] = field(default_factory=dict)
    outputs: Mapping[str, OutputContract] = field(default_factory=dict)
    labels: LabelSource | None = None
    compare_simple: bool = False
    baselines: tuple[Path, ...] = ()
    architecture: Architecture = field(default_factory=Architecture)
    values: Mapping[str, ValuePromise] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)
    provenance: Provenance = field(default_factory=Provenance)
    series: CheckpointFiles | None = None
    train_data: Path | None = None
    train_labels: LabelSource | None = None
    layer: str | None = None
    tsne: bool = False
    timed: bool = False

    def __post_init__(self) -> None:
        for name in ("data", "witnesses", "reference", "train_data"):
            given = getattr(self, name)
            if isinstance(given, str):  # as people write paths
                force_setattr(self, name, Path(given))
        force_setattr(self, "baselines", tuple(map(Path, self.baselines)))
        for name in ("labels", "train_labels"):
            given = getattr(self, name)
            if isinstance(given, str | Path):
                force_setattr(self, name, LabelSource.of(Path(given)))

    @property
    def promises(self) -> tuple[object, ...] | None:
        """What is promised of the model, table by table; None where nothing is."""
        tables = (self.architecture, self.budgets, self.provenance)
        declared = (self.inputs, self.outputs, self.values)
        is_silent = tables == (Architecture(), Budgets(), Provenance()) and not any(declared)
        return None if is_silent else (*tables, *declared)

    @property
    def label_in_data(self) -> str | None:
        """The column, or array, of the labels where they stand beside the features in one file."""
        beside = self.labels is not None and self.labels.file == self.data
        return self.labels.key if self.labels is not None and beside else None
