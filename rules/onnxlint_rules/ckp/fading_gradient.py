"""CKP008 fading-gradient."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from onnxlint import Finding, Option, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._curves import known


@rule("CKP008", "fading-gradient", severity=Severity.WARNING)
def fading_gradient(
    runs: SeriesRuns, *,
    min_ratio: Annotated[
        float, Option("gradient of the first layer relative to the last one's", unit="ratio")
    ] = 1e-3,
    min_fall: Annotated[float, Option("fall over the series that counts", unit="factor")] = 10.0,
) -> Iterator[Finding]:  # fmt: skip
    """A network whose first layers receive less and less of the gradient as training goes on.

    Why: the gradient at the first layer, relative to the last one's, is a product of all gains
    between them, and training changes these: activations saturate, a decay shrinks the weights.
    Below a thousandth (AUTOTRAINER's limit) the first layers stop to learn. Reported is a network
    that came there during the series: from ten times as much, and falling in most of the last
    intervals. Where it was so from the start, ACT012 `vanishing-gradient` says it of one model.
    Fix: lower the weight decay, normalise between layers, add connections that skip them, use ReLU
    or GELU.

    Bad:
    # series: [0, 10, 20, 30]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 0.2, -0.2, 1}, float[2, 2] v = {1, 0.2, -0.2, 1}>
    {
        [first] a = MatMul(x, w)
        b = Tanh(a)
        [second] c = MatMul(b, w)
        d = Tanh(c)
        [third] e = MatMul(d, w)
        f = Tanh(e)
        [fourth] y = MatMul(f, v)
    }
    >>> weights["w"] = weights["w"] * 0.2 ** k

    Good:
    # series: [0, 10, 20, 30]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 0.2, -0.2, 1}, float[2, 2] v = {1, 0.2, -0.2, 1}>
    {
        [first] a = MatMul(x, w)
        b = Tanh(a)
        [second] c = MatMul(b, w)
        d = Tanh(c)
        [third] e = MatMul(d, w)
        f = Tanh(e)
        [fourth] y = MatMul(f, v)
    }
    >>> weights["w"] = weights["w"] * 0.9 ** k
    """
    curve = runs.report.gradient
    if curve is None:
        return
    seen = known(curve.ratio)
    (at, most), (_, last) = max(seen, key=lambda each: each[1]), seen[-1]
    late = [value for _, value in seen[len(seen) // 2 :]]
    falls = sum(after < before for before, after in pairwise(late))
    if last < min_ratio and most >= min_fall * last and 2 * falls > len(late) - 1:
        yield Finding(
            curve,
            f"the gradient of the first layer is {last:.2g} of the last one's at the end (limit "
            f"{min_ratio:g}), {most:.2g} at {runs.report.named(at)}",
            measured=last, limit=min_ratio, unit="ratio",
            hint="lower the weight decay, or normalise between the layers",
        )  # fmt: skip
