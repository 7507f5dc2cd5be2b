"""What layers, and a whole model, cost: as it is shown and as the JSON holds it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Cost(Struct, frozen=True):
    """What a layer costs in one run of one sample; None for what is not known.

    `trainable` counts the parameters that are stored as floats. `macs` and `flops` count all
    `rounds` of a loop and all calls of a function; `activation_bytes` are those of its outputs in
    one round, `weight_bytes` those of the constants that no layer before has read.
    """

    trainable: int = 0
    macs: int | None = None
    flops: int | None = None
    activation_bytes: int | None = None
    weight_bytes: int = 0
    rounds: int | None = None


class Timed(Struct, frozen=True):
    """What the kernels of a layer took: the median of some runs, and its share in all kernels.

    `kernels` are the operators that onnxruntime ran for it, `covers` the numbers of the layers that
    these compute besides. A layer that another one's kernel computes has `within`, its number, and
    no time of its own.
    """

    milliseconds: float | None = None
    share: float | None = None
    kernels: tuple[str, ...] = ()
    covers: tuple[int, ...] = ()
    within: int | None = None


class Totals(Struct, frozen=True):
    """What the whole model costs in one run of one sample, with inputs `at` these sizes.

    `macs` and `flops` leave out the nodes of the operators in `uncounted`, `peak_activations` the
    values that those in `unsized` put out: their sizes, or what they do, are not known. `problem`
    says why nothing was counted.
    """

    parameters: int = 0
    trainable: int = 0
    weight_bytes: int = 0
    macs: int | None = None
    flops: int | None = None
    peak_activations: int | None = None
    at: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    unsized: tuple[str, ...] = ()
    problem: str | None = None


class Profiled(Struct, frozen=True):
    """The kernels of so many runs of a feed: medians, in milliseconds.

    `other` is what kernels took that belong to no layer, as one that changes a layout.
    """

    runs: int
    milliseconds: float
    other: float = 0.0
    at: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
