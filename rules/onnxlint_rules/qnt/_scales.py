"""What is wrong with the values of constant scales."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from onnxlint import Graph, Severity, Value

SMALLEST_NORMAL = 2.0**-126
"""Of float32."""


@dataclass(frozen=True)
class Wrong:
    """One kind of wrong scales: what they are, which ones, and the first."""

    kind: str
    chosen: Any
    first: float
    severity: Severity = Severity.WARNING


class Scales:
    """What is wrong with the values of scales, each checked once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[Value, list[Wrong]] = {}

    def wrong(self, value: Value | None) -> list[Wrong]:
        """The kinds of wrong scales in a constant."""
        if value is None:
            return []
        if value not in self._known:
            self._known[value] = list(_wrong(self.graph, value))
        return self._known[value]


def _wrong(graph: Graph, value: Value) -> Iterator[Wrong]:
    import numpy as np

    constant = graph.constant(value)
    if constant is None or constant.dtype == object:
        return
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        scales = constant.astype(np.float32).reshape(-1)
    for kind, chosen, severity in (
        ("0, infinite or NaN", ~np.isfinite(scales) | (scales == 0), Severity.ERROR),
        ("negative", scales < 0, Severity.WARNING),
        ("subnormal", (np.abs(scales) < SMALLEST_NORMAL) & (scales != 0), Severity.WARNING),
    ):
        if chosen.any():
            yield Wrong(kind, chosen, float(scales[chosen][0]), severity)
