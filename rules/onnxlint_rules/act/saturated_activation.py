"""ACT004 saturated-activation."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Activations,
    Finding,
    Node,
    Option,
    Severity,
    Trace,
    counted,
    rule,
)
from onnxlint_rules.act._saturation import neurons_beyond, saturated_share


@rule("ACT004", "saturated-activation", severity=Severity.WARNING, ops=("Sigmoid", "Tanh"))
def saturated_activation(
    trace: Trace, activations: Activations, *,
    max_saturated_fraction: Annotated[
        float, Option("share of outputs that may be saturated", unit="fraction")
    ] = 0.5,
    max_on_synthetic: Annotated[
        float, Option("share that is a warning on synthetic samples", unit="fraction")
    ] = 0.75,
    max_neuron_level: Annotated[
        float, Option("mean distance of a neuron from the middle of the range beyond which it is "
                      "nearly saturated", unit="fraction")
    ] = 0.85,
) -> Iterator[Finding]:  # fmt: skip
    """A hidden sigmoid or tanh whose outputs are mostly saturated.

    Why: a saturated output has slope zero in the dtype's precision, so no layer before it learns
    any more, and the layer passes on signs instead of values. Saturated are outputs of magnitude 1,
    in float32 from inputs of ±8.7 (tanh) and 17.4 (sigmoid) on, as onnxruntime computes them, and
    those of a sigmoid below the dtype's epsilon, from -16 on; half of them is our limit for a
    warning, and three quarters on synthetic samples, whose scale is a guess (a tanh of a
    watermarking net is saturated to 60% by these, to 38% by images). Nearly saturated neurons are
    an info, by TheDeepChecker's figures: more than half of the neurons with a mean distance from
    the middle above 0.85 of the maximum. Not reported: scores, which may be confident, however they
    are moved, sorted or decoded on the path to an output, corrections that are added to an input on
    that path, and gates: those of SiLU and GELU (designed to saturate), and those that scale what
    they were computed from (squeeze and excitation, attention gates).
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
    # the scores of a detector
    net (float[N, 4] x) => (float[N, 2] scores, int64[N, 2] boxes)
    <float big = {1000}, int64[1] two = {2}>
    {
        wide = Mul(x, big)
        p = Sigmoid(wide)
        all = Concat <axis = 1> (p, p)
        scores, boxes = TopK(all, two)
    }

    Good:
    # a watermark: what is added to the input is bounded
    net (float[N, 4] x) => (float[N, 4] y)
    <float big = {1000}, float strength = {0.01}>
    {
        wide = Mul(x, big)
        mark = Tanh(wide)
        small = Mul(mark, strength)
        y = Add(x, small)
    }

    Good:
    # squeeze and excitation
    net (float[N, 4, 8] x) => (float[N, 4, 8] y)
    <float[4, 4] w = {900, 0, 0, 0, 0, 900, 0, 0, 0, 0, 900, 0, 0, 0, 0, 900}, int64[1] last = {2}>
    {
        pooled = ReduceMean <keepdims = 0> (x, last)
        wide = MatMul(pooled, w)
        gate = Sigmoid(wide)
        tall = Unsqueeze(gate, last)
        y = Mul(x, tall)
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
        node = activation.node
        saturated, close = saturated_share(activation), neurons_beyond(activation, max_neuron_level)
        too_much = max(saturated, close) > max_saturated_fraction
        if not too_much or _may_saturate(node, trace, activations):
            continue
        many = saturated > max_saturated_fraction
        grave = many and (not trace.synthetic or saturated > max_on_synthetic)
        what = f"{saturated:.0%} of outputs are" if many else f"{close:.0%} of neurons are nearly"
        read = ", ".join(repr(value.name) for value in node.inputs if value is not None)
        yield Finding(
            activation,
            f"{what} saturated on {counted(activation.output.of_samples, 'sample')} "
            f"(limit {max_saturated_fraction:.0%})",
            measured=saturated if many else close,
            limit=max_saturated_fraction,
            unit="fraction of outputs" if many else "fraction of neurons",
            severity=None if grave else Severity.INFO,
            hint=f"normalise {read} before {node.op}, or use ReLU or GELU in this hidden layer",
        )


def _may_saturate(node: Node, trace: Trace, activations: Activations) -> bool:
    """Whether it scores or gates."""
    gates = trace.gates_itself(node) or (node.op == "Sigmoid" and activations.is_gate(node))
    return gates or (node.output is not None and activations.is_score(node.output))
