"""What a series of checkpoints shows, as lines of text: curves, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import click

from onnxlint.safety.printable import printable
from onnxlint.series_report import Curve, SeriesReport, TensorCurve, sparkline

SHOWN = 12
"""Layers that are shown; the others are counted. A choice: what a screen holds."""

NAME = 34
"""Columns of a name; a choice."""


def series_lines(series: SeriesReport, *, all_of_them: bool = False) -> Iterator[str]:
    """The whole model first, then how fast the weights of each layer moved."""
    first, last = series.named(0), series.named(len(series.steps) - 1)
    counted = f"{len(series.files):,} checkpoints, {first} to {last} (by {series.steps_from})"
    yield f"  {counted}"
    for name, curve in series.scalars():
        yield _line(name, curve)
    matrices = [each for each in series.tensors if each.is_matrix]
    if matrices:
        yield click.style("  mean|Δw| / mean|w| between checkpoints, log scale", dim=True)
    shown = matrices if all_of_them else matrices[:SHOWN]
    for tensor in shown:
        yield _line(name_of(tensor), tensor.update, logarithmic=True)
    if len(shown) < len(matrices):
        yield click.style(f"    … and {len(matrices) - len(shown):,} more (-v shows all)", dim=True)
    for reason, count in Counter(series.not_measured.values()).items():
        where = f"in {count:,} of {len(series.files):,} checkpoints"
        yield click.style(f"  not measured {where}: {printable(reason)}", dim=True)


def name_of(tensor: TensorCurve) -> str:
    """A tensor by its layer; what is not a plain weight is named, too."""
    what = "" if tensor.parameter == "weight" else f" {tensor.parameter}"
    return f"{tensor.place}{what}"


def _line(name: str, curve: Curve, *, logarithmic: bool = False) -> str:
    told = printable(name)
    if len(told) > NAME:
        told = f"…{told[-NAME + 1 :]}"
    known = [value for value in curve if value is not None]
    ends = f"{known[0]:.3g} → {known[-1]:.3g}" if known else "unknown"
    return f"    {told:<{NAME}} {sparkline(curve, logarithmic=logarithmic)}  {ends}"
