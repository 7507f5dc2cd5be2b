"""CKP003 growing-weights."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from onnxlint import Finding, Option, Series, Severity, TensorCurve, rule, together


@rule("CKP003", "growing-weights", severity=Severity.WARNING)
def growing_weights(
    series: Series, *,
    factor: Annotated[
        float, Option("growth from one checkpoint to the next that counts", unit="factor")
    ] = 2.0,
    times: Annotated[int, Option("intervals in a row in which it grows so", unit="intervals")] = 5,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose weights double from checkpoint to checkpoint.

    Why: weights that double five times in a row diverge (TheDeepChecker's limit, of mean|w|): the
    learning rate is too high, or a penalty has the wrong sign. Growth from next to nothing is none,
    as of layers that start at 0: at the end the weights must be three times as large as Kaiming's
    initialisation draws them, √(2 / inputs). Weights that are not finite any more count, too.
    Fix: lower the learning rate, clip gradients, and look at the sign of penalties; weight decay
    keeps weights small.

    Bad:
    # series: [0, 10, 20, 30, 40, 50]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] * 2.5 ** k

    Good:
    # from next to nothing to a usual size
    # series: [0, 10, 20, 30, 40, 50]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.001, 0.002, 0.003, 0.004}>
    {
        y = MatMul(x, w)
    }
    >>> weights["w"] = weights["w"] * 2.5 ** k
    """
    yield from together(filter(None, (_broken(series, each) for each in series.matrices)), "layers")
    grown = (_grown(series, each, factor, times) for each in series.matrices)
    yield from together(filter(None, grown), "layers")


def _broken(series: Series, tensor: TensorCurve) -> Finding | None:
    lost = _lost(tensor)
    if lost is None:
        return None
    return Finding(
        tensor, f"{tensor.parameter} is not finite any more at {series.report.named(lost)}",
        hint=f"ship {series.report.files[lost - 1]!r}, or a checkpoint before it",
    )  # fmt: skip


def _grown(series: Series, tensor: TensorCurve, factor: float, times: int) -> Finding | None:
    start = _doubling(tensor, factor, times)
    usual = (2 / max(1, tensor.inputs)) ** 0.5
    if start is None or (tensor.rms[-1] or 0) <= 3 * usual:
        return None
    first, last = tensor.mean[start], tensor.mean[start + times]
    return Finding(
        tensor,
        f"mean|w| grows from {first:.3g} to {last:.3g} from {series.report.named(start)} "
        f"to {series.report.named(start + times)}, by {factor:g} or more in each of "
        f"{times} intervals",
        measured=(last or 0) / (first or 1), limit=factor**times, unit="factor",
        hint="lower the learning rate, clip gradients, or add weight decay",
    )  # fmt: skip


def _lost(tensor: TensorCurve) -> int | None:
    """The first checkpoint whose weights are not finite, after one whose weights are."""
    for at, (before, after) in enumerate(pairwise(tensor.mean)):
        if before is not None and after is None and tensor.mean[-1] is None:
            return at + 1
    return None


def _doubling(tensor: TensorCurve, factor: float, times: int) -> int | None:
    """The checkpoint from which on it grows so often in a row, the last such run."""
    grows = [bool(before and after and after >= factor * before)
             for before, after in pairwise(tensor.mean)]  # fmt: skip
    starts = [at for at in range(len(grows) - times + 1) if all(grows[at : at + times])]
    return starts[-1] if starts else None
