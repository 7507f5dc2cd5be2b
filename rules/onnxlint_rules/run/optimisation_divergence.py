"""RUN007 optimisation-divergence."""

from collections.abc import Iterator

from onnxlint import Behaviour, Finding, Graph, NotApplicable, Severity, Ties, rule
from onnxlint_rules.run._sameness import severity, told


@rule("RUN007", "optimisation-divergence", severity=Severity.WARNING)
def optimisation_divergence(
    graph: Graph, behaviour: Behaviour, ties: Ties, *, max_difference: float = 0.01
) -> Iterator[Finding]:
    """Outputs that change when onnxruntime optimises the model, or a level that cannot run it.

    Why: what ships is the optimised model, and what was verified may be another: a fused kernel
    ignored an attribute, a rewrite assumed a range. A debugger, another engine or the next release
    of onnxruntime runs the model as it is written. For the limit see `nondeterministic`; the level
    at which the difference begins is named. A tie between scores that agree is an info.
    Fix: look at the operators that this level fuses; mend what the written model does not say
    rightly (often a quantisation axis), or report the difference to onnxruntime.

    Bad:
    <ir_version: 8, opset_import: ["" : 13]>
    # the fused convolution takes the scales for those of its outputs
    net (float[N, 2, 3, 3] x) => (float[N, 2, 3, 3] y)
    <float s = {0.1}, uint8 z = {128}, int8[2, 2, 1, 1] w = {100, 100, 100, 100},
     float[2] scales = {0.001, 0.1}, int8[2] zeros = {0, 0}>
    {
        xq = QuantizeLinear(x, s, z)
        xd = DequantizeLinear(xq, s, z)
        wd = DequantizeLinear <axis = 1> (w, scales, zeros)
        h = Conv(xd, wd)
        yq = QuantizeLinear(h, s, z)
        y = DequantizeLinear(yq, s, z)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 13]>
    net (float[N, 2, 3, 3] x) => (float[N, 2, 3, 3] y)
    <float s = {0.1}, uint8 z = {128}, int8[2, 2, 1, 1] w = {100, 100, 100, 100},
     float[2] scales = {0.001, 0.1}, int8[2] zeros = {0, 0}>
    {
        xq = QuantizeLinear(x, s, z)
        xd = DequantizeLinear(xq, s, z)
        wd = DequantizeLinear <axis = 0> (w, scales, zeros)
        h = Conv(xd, wd)
        yq = QuantizeLinear(h, s, z)
        y = DequantizeLinear(yq, s, z)
    }
    """
    if not graph.outputs:
        raise NotApplicable("the model has no output")
    for divergence in behaviour.divergences:
        difference, refusal = divergence.difference, divergence.refusal
        if refusal is not None and divergence.level == "none":
            yield Finding(refusal, f"onnxruntime runs it only when it optimises it: {refusal}")
        elif refusal is not None:
            begun = "onnxruntime runs it as written, and not optimised, from level "
            yield Finding(
                refusal, f"{begun}{divergence.level!r} on: {refusal}", severity=Severity.ERROR
            )
        if difference is None or not difference.exceeds(max_difference):
            continue
        if not behaviour.repeats(difference.value):
            continue
        tie = ties.between_levels(difference, max_difference)
        level = behaviour.first_divergent(difference, max_difference)
        yield Finding(
            difference,
            f"it differs from the model as written when onnxruntime optimises it, from level "
            f"{level!r} on, {told(difference, tie)}",
            measured=difference.measured,
            limit=difference.limit(max_difference),
            unit="fraction of the peak",
            severity=severity(behaviour, difference, tie),
        )
