"""What a model predicts, and how that meets the labels."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.portrait.numbers import Histogram, Sample


class Count(Struct, frozen=True):
    """How often a class was predicted."""

    name: str
    count: int


class Judged(Struct, frozen=True):
    """A sample and its prediction; `told` has title and text of what is to be said of it."""

    sample: Sample
    told: tuple[tuple[str, str], ...]


class Head(Struct, frozen=True):
    """An output as predictions of `rows` samples, tokens or pixels.

    Entropies are in nats, means over rows; None where there are no probabilities. `expected` is
    that of an uninformative model. `top` are the classes by how often each is predicted, `classes`
    counts all, `predicted` those that are predicted at all. `unsure` are the least certain samples.
    """

    output: str
    kind: str
    rows: int
    samples: int
    classes: int
    predicted: int
    is_multi_label: bool = False
    entropy: float | None = None
    marginal: float | None = None
    expected: float = 0.0
    entropies: Histogram | None = None
    top: tuple[Count, ...] = ()
    unsure: tuple[Judged, ...] = ()


class ClassScore(Struct, frozen=True):
    """A class, or label: how often it is true and predicted; shares are None where undefined."""

    name: str
    truths: int
    predicted: int
    recall: float | None
    precision: float | None


class Pair(Struct, frozen=True):
    """A class that was predicted as another one."""

    truth: str
    guess: str
    count: int


class Bin(Struct, frozen=True):
    """Rows whose confidence lies between `low` and `high`; means are None without rows."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


class Target(Struct, frozen=True):
    """A number that was predicted: points are (true, predicted), residuals predicted - true."""

    name: str
    points: tuple[tuple[float, float], ...]
    residuals: Histogram | None
    rmse: float
    mean: float
    worst: float


class Labelled(Struct, frozen=True):
    """An output beside its labels; `classes` counts all of them, of which `scores` has some.

    `confusion` has a row for each class of `names`, true ones down and predicted ones across; it is
    empty where classes are many, and `pairs` are those confused most. `targets` of a regression are
    `of_targets` at most. `worst` are the samples with the highest loss, or error.
    """

    output: str
    task: str
    rows: int
    classes: int = 0
    names: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    scores: tuple[ClassScore, ...] = ()
    pairs: tuple[Pair, ...] = ()
    bins: tuple[Bin, ...] = ()
    calibration_error: float | None = None
    targets: tuple[Target, ...] = ()
    of_targets: int = 0
    worst: tuple[Judged, ...] = ()
    worst_by: str = ""


class Predictions(Struct, frozen=True):
    """All outputs that predict, and the one with labels; `synthetic` says what was fed."""

    heads: tuple[Head, ...]
    labelled: Labelled | None = None
    synthetic: bool = True
