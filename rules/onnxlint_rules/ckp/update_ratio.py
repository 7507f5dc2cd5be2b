"""CKP002 update-ratio."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Annotated

from onnxlint import Finding, Option, Series, Severity, TensorCurve, counted, rule, together
from onnxlint_rules.ckp.unchanged_tensor import is_unchanged


@rule("CKP002", "update-ratio", severity=Severity.WARNING)
def update_ratio(
    series: Series, *,
    max_ratio: Annotated[
        float, Option("largest change of a weight in a step, relative to it", unit="ratio")
    ] = 0.1,
    min_ratio: Annotated[
        float, Option("smallest change of a weight in a step, relative to it", unit="ratio")
    ] = 1e-4,
) -> Iterator[Finding]:  # fmt: skip
    """A layer whose weights change far too much, or next to nothing, from step to step.

    Why: a step should change a weight by about a thousandth of its size: TheDeepChecker reports
    log10(mean|Δw| / mean|w|) above -1 or below -4. More, and what was learnt is thrown away at
    every step; less, and the layer is hardly trained. Between two checkpoints there are many steps:
    if n of them all go one way, the change is n times as large; if they go here and there, √n
    times. So it is too large only above n times the limit, or, whatever n is, where the weights
    are as good as replaced (ratio 1), in the median of all intervals but the first; too small only
    below √n times the limit in every interval. Training that ends with tiny updates, as with a
    rate that falls to 0, is so none. Where every layer changes too little it is an info, unless the
    weights still look as an initialisation draws them: the checkpoints may all be late ones. Where
    names and metadata tell no step, 100 are taken for an interval. Relative to the larger of the
    weights before and after: growth is CKP003's matter. From 3 intervals on.
    Fix: change the learning rate by the factor that is missing, or give the layer one of its own;
    with a rate that is right for others, normalise what the layer reads, or initialise it anew.

    Bad:
    # series: [0, 1, 2, 3, 4]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] + k % 2

    Bad:
    # one of two layers hardly moves
    # series: [0, 100, 200, 300]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] v = {1, 2, 3, 4}, float[2, 2] w = {1, 2, 3, 4}>
    {
        h = MatMul(x, v)
        a = Relu(h)
        y = MatMul(a, w)
    }
    >>> weights["v"] = weights["v"] + 0.05 * k
    >>> weights["w"] = weights["w"] + 0.00001 * k

    Good:
    # a rate that falls to 0
    # series: [0, 100, 200, 300, 400]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] + 1 - 0.01 ** k
    """
    if len(series.report.steps) < 4:
        return
    steps = [series.report.gap(at) or 100 for at in range(len(series.report.steps) - 1)]
    judged = [each for each in series.matrices if not is_unchanged(each)]
    slow: list[tuple[float, TensorCurve]] = []
    for tensor in judged:
        low = _largest(tensor, [min_ratio * count**0.5 for count in steps])
        fast = _median(tensor, [min(1.0, max_ratio * count) for count in steps])
        if fast is not None and fast > 1:
            yield _too_fast(tensor, steps, max_ratio)
        elif low is not None and 0 < low < 1:
            slow.append((low, tensor))
    all_slow = len(slow) == len(judged)
    is_info = all_slow and not any(each.like_initial for _, each in slow)
    yield from together(
        (_too_slow(tensor, steps, min_ratio, times, all_slow=all_slow, is_info=is_info)
         for times, tensor in slow),
        "layers",
    )  # fmt: skip


def _largest(tensor: TensorCurve, limits: list[float]) -> float | None:
    shares = _shares(tensor, limits, 0)
    return max(shares, default=None)


def _median(tensor: TensorCurve, limits: list[float]) -> float | None:
    shares = _shares(tensor, limits, 1)
    return median(shares) if len(shares) > 1 else None


def _shares(tensor: TensorCurve, limits: list[float], start: int) -> list[float]:
    """The ratios by their limits, from an interval on."""
    pairs = zip(_ratios(tensor)[start:], limits[start:], strict=True)
    return [ratio / limit for ratio, limit in pairs if ratio is not None]


def _ratios(tensor: TensorCurve) -> list[float | None]:
    """The changes relative to the larger of both sizes: growth is CKP003's matter."""
    sizes = zip(tensor.update, pairwise(tensor.mean), strict=True)
    return [
        ratio * before / max(before, after) if ratio and before and after else ratio
        for ratio, (before, after) in sizes
    ]


def _by(factor: float) -> str:
    return "by orders of magnitude" if factor > 1000 else f"by {max(2, round(factor)):,} times"


def _counted(steps: list[int]) -> str:
    return counted(round(median(steps)), "step")


def _too_fast(tensor: TensorCurve, steps: list[int], limit: float) -> Finding:
    seen = median(ratio for ratio in _ratios(tensor)[1:] if ratio is not None)
    most = min(1.0, limit * median(steps))
    return Finding(
        tensor,
        f"mean|Δw| is {seen:.2g} of mean|w| between checkpoints, the median of "
        f"{counted(len(steps) - 1, 'interval')} of {_counted(steps)} (limit {most:g})",
        measured=seen, limit=most, unit="ratio",
        hint="lower the learning rate, by ten to begin with",
    )  # fmt: skip


def _too_slow(
    tensor: TensorCurve, steps: list[int], limit: float, times: float, *, all_slow: bool,
    is_info: bool,
) -> Finding:  # fmt: skip
    seen = max(ratio for ratio in _ratios(tensor) if ratio is not None)
    least = limit * median(steps) ** 0.5
    where = "as in every layer" if all_slow else "while other layers learn"
    return Finding(
        tensor,
        f"mean|Δw| is at most {seen:.2g} of mean|w| in any interval of {_counted(steps)} "
        f"(limit {least:.2g}), {where}",
        measured=seen, limit=least, unit="ratio", severity=Severity.INFO if is_info else None,
        hint=f"raise the learning rate{'' if all_slow else ' of this layer'}, {_by(1 / times)}",
    )  # fmt: skip
