"""CKP005 dying-layer."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Series, SeriesReport, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._rising import rise


@rule("CKP005", "dying-layer", severity=Severity.WARNING)
def dying_layer(
    series: Series, runs: SeriesRuns | None, *,
    max_dead: Annotated[
        float, Option("share of dead channels at the end", unit="fraction of channels")
    ] = 0.5,
    max_tiny: Annotated[
        float, Option("share of weights below 1e-5 at the end", unit="fraction of weights")
    ] = 0.95,
    min_rise: Annotated[float, Option("rise of the share over the series", unit="fraction")] = 0.25,
) -> Iterator[Finding]:  # fmt: skip
    """A layer that dies while the network is trained: its ReLUs, or its weights, go to 0.

    Why: a ReLU that is zero for every sample passes no gradient, and stays so; training that kills
    more and more of them has too high a learning rate, or a bias that drifts. More than half of the
    channels (TheDeepChecker's limit), and a quarter more than at the best checkpoint. Weights die
    by a decay that is too strong: 95% below 1e-5 (TheDeepChecker); exact zeros of pruning do not
    count. On synthetic inputs dead channels are an info: real ones may reach them.
    Fix: lower the learning rate, use LeakyReLU or GELU, normalise before the activation; lower the
    weight decay.

    Bad:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 2.0], [2.0, 1.0], [0.5, 0.5], [1.0, 1.0]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 4] w = {1, 1, 1, 1, 1, 1, 1, 1}, float[4] b = {0, 0, 0, 0},
     float[4, 1] v = {1, 1, 1, 1}>
    {
        h = Gemm(x, w, b)
        a = Relu(h)
        y = MatMul(a, v)
    }
    >>> weights["b"][:k] = -9

    Bad:
    # a decay that is too strong
    # series: [0, 10, 20, 30]
    net (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = MatMul(x, w) }
    >>> weights["w"] = weights["w"] * 0.01 ** k

    Good:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 2.0], [2.0, 1.0], [0.5, 0.5], [1.0, 1.0]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 4] w = {1, 1, 1, 1, 1, 1, 1, 1}, float[4] b = {0, 0, 0, 0},
     float[4, 1] v = {1, 1, 1, 1}>
    {
        h = Gemm(x, w, b)
        a = Relu(h)
        y = MatMul(a, v)
    }
    >>> weights["b"][:1] = -3 * k
    """
    for tensor in series.matrices:
        rose = rise(tensor.tiny, max_tiny, min_rise)
        if rose is not None:
            yield Finding(
                tensor, f"{rose.end:.0%} of weights are below 1e-5 at the end (limit "
                f"{max_tiny:.0%}), {rose.start:.0%} at {series.report.named(rose.at)}",
                measured=rose.end, limit=max_tiny, unit="fraction of weights",
                hint="lower the weight decay of this layer",
            )  # fmt: skip
    if runs is not None:
        yield from _dead(runs.report, max_dead, min_rise, synthetic=runs.synthetic)


def _dead(
    report: SeriesReport, limit: float, least: float, *, synthetic: bool
) -> Iterator[Finding]:
    for activation in report.activations:
        rose = rise(activation.dead, limit, least)
        if rose is not None:
            yield Finding(
                activation,
                f"{rose.end:.0%} of channels are zero on all samples at the end (limit "
                f"{limit:.0%}), {rose.start:.0%} at {report.named(rose.at)}",
                measured=rose.end, limit=limit, unit="fraction of channels",
                severity=Severity.INFO if synthetic else None,
                hint="lower the learning rate, or use LeakyRelu",
            )  # fmt: skip
