"""ACT004 saturated-activation."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Trace, rule


@rule("ACT004", "saturated-activation", severity=Severity.WARNING, ops=("Sigmoid", "Tanh"))
def saturated_activation(trace: Trace, *, max_saturated_fraction: float = 0.5) -> Iterator[Finding]:
    """A hidden sigmoid or tanh most of whose outputs are at their limit.

    Why: at the limit the slope is zero in the dtype's precision, so nothing below learns any more,
    and the layer passes on signs instead of numbers. Counted are the outputs that are 1 in
    magnitude, in float32 from inputs of about ±8.9 (tanh) and 17.5 (sigmoid) on, and those of a
    sigmoid below the dtype's epsilon. The limit of one half is TheDeepChecker's. Left alone are
    outputs of the model, which may be sure, and the gates of SiLU and GELU, made to saturate.
    Fix: normalise the layer's input or scale its weights down at initialisation; lower the
    learning rate; use ReLU or GELU in hidden layers.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float big = {1000}>
    {
        wide = Mul(x, big)
        h = Tanh(wide)
        y = Mul(h, x)
    }

    Good:
    # SiLU
    net (float[N, 4] x) => (float[N, 4] y)
    <float big = {1000}>
    {
        wide = Mul(x, big)
        gate = Sigmoid(wide)
        y = Mul(wide, gate)
    }
    """
    for activation in trace.nodes("Sigmoid", "Tanh"):
        if activation.output.value.is_output or trace.gates_itself(activation.node):
            continue
        saturated = activation.output.fraction_of_magnitudes(at_least=1.0)
        if activation.node.op == "Sigmoid":
            saturated += activation.output.fraction_of_magnitudes(below=activation.output.epsilon)
        if saturated > max_saturated_fraction:
            yield Finding(
                activation,
                f"{saturated:.0%} of its outputs on {activation.output.of_samples} samples are at "
                f"its limit, more than {max_saturated_fraction:.0%}",
                measured=saturated,
                limit=max_saturated_fraction,
                unit="fraction of outputs",
            )
