"""ACT003 dead-relu."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Bounds, Finding, Node, ObservedNode, Option, Severity, Trace, rule
from onnxlint_rules.act._counts import all_of, counted


@rule("ACT003", "dead-relu", severity=Severity.WARNING, ops=("Relu",))
def dead_relu(
    trace: Trace, bounds: Bounds, *,
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
                yield from _rarely_active(relu, min_activity)
            continue
        proven = _proven(relu.node, bounds) > max_dead_fraction
        is_open = trace.synthetic or (dead < 1 and _looks(relu) < min_looks)
        samples = all_of(trace.samples, f"{'synthetic ' * trace.synthetic}sample")
        yield Finding(
            relu,
            f"{dead:.0%} of channels are zero on {samples} (limit {max_dead_fraction:.0%})"
            + ("; weights and bounds prove this for every input" if proven else ""),
            measured=dead,
            limit=max_dead_fraction,
            unit="fraction of channels",
            severity=Severity.INFO if is_open and not proven else None,
            hint=_hint(relu.node, is_open=is_open and not proven),
        )


def _hint(relu: Node, *, is_open: bool) -> str:
    """What to do; more samples first where they may show that the channels are alive."""
    read = relu.input(0)
    before = f"the bias of {read.name!r}" if read is not None else "the bias before Relu"
    revive = f"raise {before}, lower the learning rate or use LeakyRelu, and train again"
    return (
        f"run with more of your own samples (--data); if still dead, {revive}"
        if is_open
        else revive
    )


def _looks(relu: ObservedNode) -> float:
    """How often each channel was observed: samples, times positions within them."""
    seen = relu.output
    channels = len(seen.channels.maximum) if seen.channels is not None else 1
    return seen.statistics.finite / channels


def _proven(relu: Node, bounds: Bounds) -> float:
    """The fraction of channels that no input can make positive."""
    read = relu.input(0)
    return float((bounds.of(read).high <= 0).mean()) if read is not None else 0.0


def _rarely_active(relu: ObservedNode, least: float) -> Iterator[Finding]:
    """A layer that is silent for all but a few samples or places."""
    seen = relu.output.statistics
    active = 1 - seen.zeros / max(1, seen.finite)
    if seen.finite and active < least:
        yield Finding(
            relu,
            f"{active:.2%} of outputs are above zero on "
            f"{counted(relu.output.of_samples, 'sample')} (limit {least:.0%})",
            measured=active,
            limit=least,
            unit="fraction of outputs",
            severity=Severity.INFO,
            hint=_hint(relu.node, is_open=False),
        )
