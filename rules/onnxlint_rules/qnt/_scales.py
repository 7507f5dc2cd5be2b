"""What is wrong with the values of constant scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint import Severity

if TYPE_CHECKING:
    from onnxlint.types import Array

SMALLEST_NORMAL = 2.0**-126
"""Of float32."""


class Wrong(Struct, frozen=True):
    """One kind of wrong scales: what they are, which ones, and the first."""

    kind: str
    chosen: Array
    first: float
    severity: Severity = Severity.WARNING


def wrong_scales(constant: Array) -> list[Wrong]:
    """The kinds of wrong scales in a constant, for `Graph.ask`."""
    import numpy as np

    if constant.dtype == object:
        return []
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        scales = constant.astype(np.float32).reshape(-1)
    kinds = (
        ("0, infinite or NaN", ~np.isfinite(scales) | (scales == 0), Severity.ERROR),
        ("negative", scales < 0, Severity.WARNING),
        ("subnormal", (np.abs(scales) < SMALLEST_NORMAL) & (scales != 0), Severity.WARNING),
    )
    return [
        Wrong(kind, chosen, float(scales[chosen][0]), severity)
        for kind, chosen, severity in kinds
        if chosen.any()
    ]
