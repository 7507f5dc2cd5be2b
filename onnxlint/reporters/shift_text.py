"""How the training samples and the others differ, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

import click

from onnxlint.safety.printable import printable
from onnxlint.shift_report import SMALL_PSI, FeatureShift, ShiftReport, size_of

SHOWN = 5
"""Features that are shown; the others are counted. A choice: what a reader looks at."""

NAME = 34
"""Columns of a name; a choice."""


def shift_lines(shift: ShiftReport, *, all_of_them: bool = False) -> Iterator[str]:
    """What was compared, the features that differ most, and the layer that differs most."""
    yield f"  {shift.verdict}"
    told = shift.features if all_of_them else [*filter(_differs, shift.features)]
    shown = told if all_of_them else told[:SHOWN]
    for feature in shown:
        yield f"    {_short(feature.name)} PSI {feature.excess:.2f} ({size_of(feature)}): " + (
            printable(feature.told)
        )
    if len(shown) < len(told):
        yield click.style(f"    … and {len(told) - len(shown):,} more (-v shows all)", dim=True)
    layers = shift.layers if all_of_them else sorted(
        filter(lambda each: each.is_beyond_chance, shift.layers), key=lambda each: -each.auc
    )[:1]  # fmt: skip
    for layer in layers:
        what = layer.op_type or "together"
        yield f"    {_short(layer.value)} AUC {layer.auc:.2f} ({what}), p ≤ {layer.p:.2g}"
    if shift.not_compared is not None:
        yield click.style(f"    layers not compared: {printable(shift.not_compared)}", dim=True)


def _differs(feature: FeatureShift) -> bool:
    return feature.is_beyond_chance and feature.excess > SMALL_PSI


def _short(name: str) -> str:
    told = printable(name)
    return f"{told if len(told) <= NAME else '…' + told[-NAME + 1 :]:<{NAME}}"
