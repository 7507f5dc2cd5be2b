"""CKP006 saturating-layer."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, SeriesRuns, Severity, rule
from onnxlint_rules.ckp._rising import rise


@rule("CKP006", "saturating-layer", severity=Severity.WARNING)
def saturating_layer(
    runs: SeriesRuns, *,
    max_saturated: Annotated[
        float, Option("share of saturated neurons at the end", unit="fraction of neurons")
    ] = 0.5,
    min_rise: Annotated[float, Option("rise of the share over the series", unit="fraction")] = 0.25,
) -> Iterator[Finding]:  # fmt: skip
    """A hidden sigmoid or tanh that saturates while the network is trained.

    Why: at its ends a sigmoid or tanh is flat: neurons that drift there stop to learn, and what is
    before them, too. A neuron counts where its outputs are on average 95% of the way from the
    middle to an end, where the slope is a tenth of the steepest or less; more than half of the
    neurons are too many (TheDeepChecker, DeepDiagnosis), if a quarter more than at the best
    checkpoint. Outputs, gates and attention do not count. On synthetic inputs an info.
    Fix: lower the learning rate, add weight decay, normalise what the layer reads, or use ReLU or
    GELU.

    Bad:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 3.0], [3.0, 1.0], [0.5, 1.5], [1.0, 1.2]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 4] w = {0.1, -0.1, 0.2, 0.1, 0.1, 0.2, -0.1, 0.1}, float[4, 1] v = {1, 1, 1, 1}>
    {
        h = MatMul(x, w)
        a = Tanh(h)
        y = MatMul(a, v)
    }
    >>> weights["w"] = weights["w"] * 10 ** k

    Good:
    # series: [0, 10, 20, 30]
    # data: x = [[1.0, 3.0], [3.0, 1.0], [0.5, 1.5], [1.0, 1.2]]
    net (float[N, 2] x) => (float[N, 1] y)
    <float[2, 4] w = {0.1, -0.1, 0.2, 0.1, 0.1, 0.2, -0.1, 0.1}, float[4, 1] v = {1, 1, 1, 1}>
    {
        h = MatMul(x, w)
        a = Tanh(h)
        y = MatMul(a, v)
    }
    >>> weights["w"] = weights["w"] * (1 + k)
    """
    for activation in runs.report.activations:
        rose = rise(activation.saturated, max_saturated, min_rise)
        if rose is not None:
            yield Finding(
                activation,
                f"{rose.end:.0%} of neurons are saturated at the end (limit {max_saturated:.0%}), "
                f"{rose.start:.0%} at {runs.report.named(rose.at)}",
                measured=rose.end, limit=max_saturated, unit="fraction of neurons",
                severity=Severity.INFO if runs.synthetic else None,
                hint="lower the learning rate, or normalise before the activation",
            )  # fmt: skip
