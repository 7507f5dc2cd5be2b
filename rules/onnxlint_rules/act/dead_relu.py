"""ACT003 dead-relu."""

from collections.abc import Iterator

from onnxlint import Bounds, Finding, Node, ObservedNode, Severity, Trace, rule


@rule("ACT003", "dead-relu", severity=Severity.WARNING, ops=("Relu",))
def dead_relu(
    trace: Trace, bounds: Bounds,
    *, max_dead_fraction: float = 0.5, min_activity: float = 0.01, min_samples: int = 200,
    min_looks: int = 32,
) -> Iterator[Finding]:  # fmt: skip
    """A ReLU in which most channels are zero for every sample.

    Why: a channel that is never positive passes no gradient and carries no information: the layer
    pays for width that it does not use. A large learning rate or a strongly negative bias kills
    units for good, and the model still trains and exports without a complaint. The limit of one
    half leaves alone what sparsity regularisation and small samples bring about. Synthetic samples
    are noise, for which a sparse layer may be silent, so there it is an info, unless weights and
    bounds prove the channels zero for every input. On the user's data it is a warning where no
    channel is left, or each was looked at `min-looks` times (samples, times the positions of a
    convolution): a unit that one look in ten wakes, as in a detector of a rare event, is silent on
    8 samples in 43% of cases, on 32 in 3%. From `min-samples` on it is an info, too, that fewer
    than one of a hundred outputs are above zero, as SageMaker's rule for dead ReLUs counts them.
    Fix: lower the learning rate or the bias before this layer, normalise its input, or use a
    LeakyReLU; then train again. If the sparsity is wanted, raise `max-dead-fraction`.

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
        samples = f"{trace.samples} {'synthetic ' if trace.synthetic else ''}samples"
        yield Finding(
            relu,
            f"{dead:.0%} of channels are zero on all {samples} (limit {max_dead_fraction:.0%})"
            + ("; weights and bounds prove it for every input" if proven else ""),
            measured=dead,
            limit=max_dead_fraction,
            unit="fraction of channels",
            severity=Severity.INFO if is_open and not proven else None,
        )


def _looks(relu: ObservedNode) -> float:
    """How often each channel was looked at: samples, times positions within them."""
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
            f"{active:.2%} of outputs are above zero on {relu.output.of_samples} samples "
            f"(limit {least:.0%})",
            measured=active,
            limit=least,
            unit="fraction of outputs",
            severity=Severity.INFO,
        )
