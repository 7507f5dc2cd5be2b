"""Which sample a row of predictions belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions.outputs import tabled
from onnxlint.analyses.predictions.predictions import Prediction
from onnxlint.analyses.predictions.scores import Scores

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_SHOWN = 6
"""Samples that are shown as the worst, or the least certain."""


def rows_per_sample(prediction: Prediction, execution: Execution) -> int | None:
    """How many rows belong to each sample, in order; None where some were left out.

    Samples that fill up the last batch have rows, too: those come last.
    """
    tables = [tabled(prediction.head.value, ran) for ran in execution.runs]
    total = sum(table.size for table in tables if table is not None) // prediction.classes
    filled = 0 if execution.synthetic else execution.inputs.fed.filled
    samples = execution.samples + filled
    if total != prediction.rows or not samples or total % samples:
        return None
    return total // samples


def labelled_rows_per_sample(scores: Scores) -> int | None:
    """The same of an output beside labels, some of which may be padding."""
    count = len(scores.truths)
    return count // scores.samples if scores.samples and count % scores.samples == 0 else None


def by_sample(numbers: Array, per_sample: int) -> Array:
    """The means of each sample's rows."""
    import numpy as np

    return np.asarray(numbers.reshape(-1, per_sample).mean(axis=1))


def highest(numbers: Array) -> list[int]:
    """The numbers of the samples with the highest ones, those first; of equals in their order."""
    import numpy as np

    known = np.nan_to_num(numbers, nan=np.inf, posinf=np.inf)
    order: list[int] = (-known).argsort(kind="stable")[:MOST_SHOWN].tolist()
    return order
