"""Every layer of a model: what it costs, what it puts out, what its weights are."""

from __future__ import annotations

from msgspec import Struct


class Powers(Struct, frozen=True):
    """Elements counted by sign and magnitude, on a regular subset of those that are not 0.

    The first counts are of magnitudes in [2^first, 2^(first + 1)), each further one of twice that.
    """

    first: int
    negative: tuple[int, ...]
    positive: tuple[int, ...]


class Activity(Struct, frozen=True):
    """What was observed of the first output, over all elements of so many samples.

    `minimum` to `rms` are over finite elements, None where there are none; `low` and `high` are the
    magnitudes that 1 % and 99 % of the elements other than 0 do not exceed, right within a power
    of two. `dead` is the share of channels that are always 0, `saturated` that of a sigmoid's or
    tanh's outputs whose slope is 0.
    """

    samples: int
    elements: int
    nan: int
    positive_infinite: int
    negative_infinite: int
    zeros: int
    subnormal: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    rms: float | None = None
    low: float | None = None
    high: float | None = None
    dead: float = 0.0
    saturated: float = 0.0
    powers: Powers | None = None


class Limits(Struct, frozen=True):
    """What the first output can be for any input: None for an end without a limit.

    `nan`: NaN may be among the elements. `basis` is `exact`, `loose` where the ends need not be
    met, or `dtype` where they rest on an input of which only the dtype is known.
    """

    low: float | None
    high: float | None
    nan: bool
    basis: str


class Weight(Struct, frozen=True):
    """A constant that a layer reads; `bins` count a subset of its finite elements.

    They are of equal width from minimum to maximum; none of a constant that cannot be read.
    `nan`, `infinite` and `zeros` count all elements.
    """

    name: str
    type: str
    elements: int
    nan: int = 0
    infinite: int = 0
    zeros: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    rms: float | None = None
    bins: tuple[int, ...] = ()


class Layer(Struct, frozen=True):
    """One node; `number` is that of `onnxlint inspect`, `index` counts in the `scope` it stands in.

    Of costs, None is unknown; `memory` is the size of its outputs, `time` its share of what all
    nodes take, where that was measured; `within` is the number of the layer whose kernel computes
    it, where it has none of its own. `gradient` is the length of the gradient that arrives at
    it for one of length 1 at the output of the model, `gain` how much longer a small change gets
    on the way from the layer before. `trees` tells what a tree ensemble consists of, `features`
    which columns its splits look at, `classic` what other classical models consist of.
    """

    number: int
    index: int
    scope: str
    title: str
    op: str
    node: str
    output: str | None
    shape: str | None
    parameters: int = 0
    trainable: int | None = None
    macs: int | None = None
    flops: int | None = None
    memory: int | None = None
    time: float | None = None
    within: int | None = None
    reads: tuple[int, ...] = ()
    seen: Activity | None = None
    limits: Limits | None = None
    weights: tuple[Weight, ...] = ()
    gradient: float | None = None
    gain: float | None = None
    trees: str = ""
    features: str = ""
    classic: str = ""


class Layers(Struct, frozen=True):
    """All layers in the order of execution; `glue` counts the nodes that were left out.

    Costs are of a run of inputs as `costs_of` tells. `not_run`, `not_measured` and `not_counted`
    are why there are no ranges, no gradients and no costs; of `not_timed` there are no times,
    though they were asked for. `milliseconds` are those of all kernels, the median of `runs`.
    """

    layers: tuple[Layer, ...]
    glue: int = 0
    samples: int | None = None
    data: str | None = None
    not_run: str | None = None
    not_measured: str | None = None
    costs_of: str = ""
    not_counted: str | None = None
    not_timed: str | None = None
    milliseconds: float | None = None
    runs: int = 0
