"""ACT003 dead-relu."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Ranges, Severity, Trace, rule
from onnxlint_rules._counts import all_of
from onnxlint_rules.act._dead_channels import looks, proven, rarely_active, revival


@rule("ACT003", "dead-relu", severity=Severity.WARNING, ops=("Relu",))
def dead_relu(
    trace: Trace, ranges: Ranges, *,
    max_dead_fraction: Annotated[
        float, Option("share of channels that may be zero for every sample", unit="fraction")
    ] = 0.5,
    min_activity: Annotated[
        float, Option("share of outputs that must be above zero", unit="fraction")
    ] = 0.01,
    min_samples: Annotated[
        int, Option("samples from which on min-activity is judged", unit="samples")
    ] = 200,
    min_looks: Annotated[
        int, Option("observations of each channel (samples times positions) that make a channel "
                    "dead", unit="observations")
    ] = 32,
) -> Iterator[Finding]:  # fmt: skip
    """A ReLU in which most channels are zero for every sample.

    Why: a channel that is never positive passes no gradient and carries no information: the layer
    costs width that it does not use. A large learning rate or a strongly negative bias kills units
    permanently, and the model still trains and exports without a complaint. The limit of 50%
    tolerates sparsity from regularisation and from small samples. Synthetic samples are noise, for
    which a sparse layer may be silent: an info there, unless weights and bounds prove the channels
    zero for every input. On the user's data a warning where no channel is left, or each was
    observed `min-looks` times (samples, times the positions of a convolution): a unit that one
    observation in ten activates, as in a detector of a rare event, is silent on 8 samples in 43% of
    cases, on 32 in 3%. From `min-samples` on, fewer than 1% of outputs above zero is an info too,
    as SageMaker's rule for dead ReLUs counts them.
    Fix: lower the learning rate, raise the bias before this layer, normalise its input, or use a
    LeakyReLU; then train again. If the sparsity is intended, raise `max-dead-fraction`.

    Bad:
    # for every input
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 1, 1, 1, 1, 1}, float[2] b = {-99, -99}>
    {
        bounded = Sigmoid(x)
        h = Gemm(bounded, w, b)
        y = Relu(h)
    }

    Bad:
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, 1, 1, 1, 1, 1}, float[2] b = {-99, -99}>
    {
        h = Gemm(x, w, b)
        y = Relu(h)
    }

    Good:
    net (float[N, 3] x) => (float[N, 2] y)
    <float[3, 2] w = {1, -1, 1, -1, 1, -1}, float[2] b = {0, 0}>
    {
        h = Gemm(x, w, b)
        y = Relu(h)
    }
    """
    for relu in trace.nodes("Relu"):
        if relu.output.of_samples < trace.samples:
            continue  # the others may wake it
        dead = relu.output.channel_fraction(lambda channel: channel.maximum <= 0)
        if relu.output.channels is None:
            dead = float(relu.output.peak == 0)
        if dead <= max_dead_fraction:
            if not trace.synthetic and trace.samples >= min_samples:
                yield from rarely_active(relu, min_activity)
            continue
        is_proven = proven(relu.node, ranges) > max_dead_fraction
        is_open = trace.synthetic or (dead < 1 and looks(relu) < min_looks)
        samples = all_of(trace.samples, f"{'synthetic ' * trace.synthetic}sample")
        yield Finding(
            relu,
            f"{dead:.0%} of channels are zero on {samples} (limit {max_dead_fraction:.0%})"
            + ("; weights and bounds prove this for every input" if is_proven else ""),
            measured=dead,
            limit=max_dead_fraction,
            unit="fraction of channels",
            severity=Severity.INFO if is_open and not is_proven else None,
            hint=revival(relu.node, is_open=is_open and not is_proven),
        )
