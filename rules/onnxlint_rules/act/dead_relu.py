"""ACT003 dead-relu."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Trace, rule


@rule("ACT003", "dead-relu", severity=Severity.WARNING, ops=("Relu",))
def dead_relu(trace: Trace, *, max_dead_fraction: float = 0.5) -> Iterator[Finding]:
    """A ReLU most of whose channels are zero for every sample.

    Why: a channel that is never positive passes no gradient and carries no information: the layer
    pays for width that it does not use. A large learning rate or a strongly negative bias kills
    units for good, and the model still trains and exports without a complaint. The limit of one
    half leaves alone what sparsity regularisation and small samples bring about.
    Fix: lower the learning rate or the bias before this layer, normalise its input, or use a
    LeakyReLU; then train again. If the sparsity is wanted, raise `max-dead-fraction`.

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
        if dead > max_dead_fraction:
            yield Finding(
                relu,
                f"{dead:.0%} of channels are zero on all {trace.samples} samples",
                measured=dead,
                limit=max_dead_fraction,
                unit="fraction of channels",
            )
