"""What one run was asked to do, as the analyses and rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from onnxlint.findings import Stage
from onnxlint.tables import TABLE

DEFAULT_SAMPLES = 8
"""Samples that are synthesised: two of each kind of noise, twice the least that shows variance."""

DEFAULT_TIME_LIMIT = 300.0
"""Seconds that running one model may take before it counts as hanging."""


class InputContract(msgspec.Struct, **TABLE):
    """What is declared of an input: its range, and how images are prepared for it.

    Pixels are multiplied by `scale`, then `mean` is subtracted and `std` divided by,
    a channel each.
    """

    range: tuple[float, float] | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    scale: float | None = None
    mean: list[float] = []
    std: list[float] = []
    size: tuple[int, int] | None = None
    colour: Literal["RGB", "BGR", "GREY"] = "RGB"


@dataclass(frozen=True, slots=True)
class Settings:
    """The run's settings; `memory_limit` in bytes, `time_limit` in seconds.

    `heads` names what an output is, where the graph does not tell: output name to `softmax`,
    `logits`, `log-softmax`, `sigmoid` or `none`. `targets` are the names of those on which the
    model is to run: `ort-cpu`, `tensorrt-10.15`. `inputs` is what is declared of inputs, by name.
    """

    stage: Stage = Stage.TRAINED
    data: Path | None = None
    samples: int = DEFAULT_SAMPLES
    seed: int = 0
    time_limit: float = DEFAULT_TIME_LIMIT
    memory_limit: int | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    inputs: Mapping[str, InputContract] = field(default_factory=dict)
