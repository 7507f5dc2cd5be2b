"""RUN007 optimisation-divergence."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Behaviour, Finding, Graph, LevelTies, NotApplicable, Option, Severity, rule
from onnxlint_rules.run._sameness import advice, severity, told


@rule("RUN007", "optimisation-divergence", severity=Severity.WARNING)
def optimisation_divergence(
    graph: Graph, behaviour: Behaviour, ties: LevelTies, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.01,
) -> Iterator[Finding]:  # fmt: skip
    """Outputs that change with onnxruntime's optimisation level, or a level that cannot run.

    Why: the optimised model is deployed, but another one may have been verified: a fused kernel
    ignores an attribute, a rewrite assumes a range. A debugger, another engine or the next release
    of onnxruntime runs the unoptimised model. For the limit see `nondeterministic`; the level from
    which on outputs differ is named. A tie between scores that agree is an info.
    Fix: look at the operators that this level fuses; correct what the model specifies wrongly
    (often a quantisation axis), or report the difference to onnxruntime.

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
            message = f"only runs when optimised: the unoptimised model fails: {refusal}"
            yield Finding(refusal, message, hint=f"fix {refusal.place} for other engines")
        elif refusal is not None:
            begun = f"runs unoptimised but fails from optimisation level {divergence.level!r} on"
            hint = f"set a lower graph_optimization_level, or change {refusal.place}"
            yield Finding(refusal, f"{begun}: {refusal}", severity=Severity.ERROR, hint=hint)
        if difference is None or not difference.exceeds(max_difference):
            continue
        if not behaviour.repeats(difference.value):
            continue
        tie = ties.between_levels(difference, max_difference)
        level = behaviour.first_divergent(difference, max_difference)
        yield Finding(
            difference,
            f"differs from the unoptimised model from optimisation level {level!r} on, "
            f"{told(difference, tie, max_difference)}",
            measured=difference.measured,
            limit=difference.limit(max_difference),
            unit="fraction of the peak",
            severity=severity(behaviour, difference, tie),
            hint=advice(
                tie, f"look at what level {level!r} fuses before {difference.value.name!r}"
            ),
        )
