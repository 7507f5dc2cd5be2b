"""The layers of a model as CSV: a row for each, with all its facts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from onnxlint.inspection.facts import FACTS
from onnxlint.inspection.inspected import Layer
from onnxlint.safety.printable import printable

BESIDE = ("inputs", "outputs", "weights")
"""What a layer has beside its facts."""

FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula: a name is none, whoever chose it."""


def csv_text(layers: Sequence[Layer]) -> str:
    """A line of names, then a line for each layer; what is not known is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*FACTS, *BESIDE])
    for layer in layers:
        lists = (
            [each.name for each in layer.inputs],
            layer.outputs,
            [each.name for each in layer.weights],
        )
        facts = [_cell(fact.of(layer)) for fact in FACTS.values()]
        writer.writerow([*facts, *(_cell(" ".join(names)) for names in lists)])
    return file.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return _cell(" ".join("?" if each is None else str(each) for each in value))
    if isinstance(value, str):
        shown = printable(value)
        return f"'{shown}" if shown.startswith(FORMULA) else shown
    return repr(value)
