"""PRD011 head-cannot-reach-labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint import Finding, Ranges, Scores, Severity, counted, rule

if TYPE_CHECKING:
    from onnxlint import Range
    from onnxlint.types import Array

ROUNDING = 1e-5
"""Relative to the label: files of labels round, and a bound is rounded outwards."""


@rule("PRD011", "head-cannot-reach-labels", severity=Severity.ERROR)
def head_cannot_reach_labels(scores: Scores, ranges: Ranges) -> Iterator[Finding]:
    """Labels outside of what the output can give for any input.

    Why: a sigmoid ends at 1, a tanh at ±1, a ReLU begins at 0, trees give sums of their leaves: no
    training and no input brings the output beyond. The labels were not scaled as in training, or
    the last activation does not belong there. The bounds are proven from the weights and operators
    between the inputs and the output. Of a regression alone: a class is a number among those that
    the output has scores for.
    Fix: scale the labels as in training (or the output back), or take the last activation away.

    Bad:
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [21.5, 3.25, 17.75, 30.5]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Sigmoid(h)
    }

    Good:
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [21.5, 3.25, 17.75, 30.5]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Good:
    # labels between 0 and 1
    # data: x = [[1.5, 2.0], [0.5, 1.0], [2.5, 0.0], [3.0, 1.0]]
    # labels: [0.5, 0.25, 1.0, 0.125]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 1] w = {1, 2}>
    {
        h = MatMul(x, w)
        y = Sigmoid(h)
    }
    """
    if scores.task != "regression":
        return
    proven = ranges.of(scores.output.value)
    beyond = _beyond(scores.truths, proven)
    if not beyond.any():
        return
    worst = float(scores.truths[beyond][abs(scores.truths[beyond]).argmax()])
    share = float(beyond.mean())
    yield Finding(
        scores,
        f"output {scores.output.value.name!r} is from {proven.least:.4g} to {proven.most:.4g} for "
        f"every input, but {counted(int(beyond.sum()), 'label')} ({share:.0%}) lie outside, "
        f"such as {worst:.4g}",
        measured=share,
        limit=0.0,
        unit="fraction of labels",
        hint="scale the labels as in training, or take the last activation away",
    )


def _beyond(truths: Array, proven: Range) -> Array:
    """Which labels lie outside, each of the bounds of its own number where these are told apart."""
    import numpy as np

    low, high = proven.low, proven.high
    if low.ndim and low.shape[-1] in (1, truths.shape[-1]) and low.size == low.shape[-1]:
        low, high = low.reshape(-1), high.reshape(-1)
    else:
        low, high = np.asarray(proven.least), np.asarray(proven.most)
    slack = ROUNDING * np.abs(truths)
    return np.asarray((truths < low - slack) | (truths > high + slack))
