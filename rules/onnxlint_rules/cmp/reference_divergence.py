"""CMP002 reference-divergence."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, NotApplicable, Option, Reference, Severity, rule
from onnxlint_rules.cmp._channels import broken_channels
from onnxlint_rules.cmp._divergences import beginning, distance, remedy, worst_of
from onnxlint_rules.cmp._ties import tied

STEPS = 10
"""Steps of a dtype coarser than float32 that rounding may add up to: 1% in float16."""

UNRELATED = 1.0
"""The error of an output that is zero, or of an unrelated one of the same length: 1 to 1.4."""


@rule("CMP002", "reference-divergence", severity=Severity.WARNING)
def reference_divergence(
    reference: Reference, *,
    max_error: Annotated[
        float, Option("largest error of an output", unit="relative L2 error")
    ] = 1e-3,
    max_error_quantised: Annotated[
        float, Option("the same where one of the models is quantised", unit="relative L2 error")
    ] = 0.1,
    max_changed: Annotated[
        float, Option("share of decisions that may change before it is an error", "fraction")
    ] = 0.1,
) -> Iterator[Finding]:  # fmt: skip
    """Outputs that differ from the reference model, and the first layer that diverges.

    Why: a conversion to float16, a quantisation, an optimiser or a second exporter must preserve
    what the model computes. `--reference` runs the former model on the same samples. An error where
    the decision (the class with the highest score) changes on more than a tenth of the user's own
    samples, by the lower confidence bound. A quantised model on synthetic noise, for which it was
    never calibrated, gets an info, unless its outputs are unrelated to the reference. Errors are
    lengths of differences relative to the reference's output (relative L2 error). Valid exports of
    many networks showed 2e-7 between two exporters, 0.03% in float16, and up to 4% in int8 on real
    data, without a changed decision among 200 samples: the limits are more than twice the worst, or
    10 steps of a coarser dtype. Layers of float32 may differ by 100 steps, and the n-th by root n
    times as much. A tie is an info: TopK, ArgMax, NonMaxSuppression or a threshold choose
    differently between scores that agree within the limit.
    In an output that agrees as a whole, a channel is named that is constant where the reference
    varies, or of which more is wrong than right: scores from 0 to 1 vanish beside coordinates when
    both are quantised with one scale. Values as small as the rounding of the others are noise.
    Fix: look at the layer that is named: keep this layer in float32, recalibrate it, or disable the
    fusion. All comparable layers before it agree.

    Bad:
    # config: reference = "reference.onnx"
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, float[2, 2] v = {1, 0, 0, 1}>
    {
        h = MatMul(x, w)
        r = Relu(h)
        y = MatMul(r, v)
    }
    >>> _ = (folder / "reference.onnx").write_bytes(model.SerializeToString())
    >>> model.graph.initializer[1].float_data[0] = 1.1

    Bad:
    # one scale for values up to 640 and values up to 1
    # config: reference = "reference.onnx"
    net (float[N, 2, 8] x) => (float[N, 2, 8] y)
    <float[2, 1] w = {640, 1}>
    {
        s = Sigmoid(x)
        y = Mul(s, w)
    }
    >>> _ = (folder / "reference.onnx").write_bytes(model.SerializeToString())
    >>> model.graph.initializer[0].float_data[1] = 0

    Good:
    # a channel with only rounding errors
    # config: reference = "reference.onnx"
    net (float[N, 2, 8] x) => (float[N, 2, 8] y)
    <float[2, 1] w = {1, 1e-9}>
    {
        s = Sigmoid(x)
        y = Mul(s, w)
    }
    >>> _ = (folder / "reference.onnx").write_bytes(model.SerializeToString())
    >>> model.graph.initializer[0].float_data[1] = 0

    Good:
    # the same under other names
    # config: reference = "reference.onnx"
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }
    >>> _ = (folder / "reference.onnx").write_bytes(model.SerializeToString())
    >>> model.graph.node[0].output[0] = model.graph.node[1].input[0] = "hidden"
    """
    if reference.is_other_mode:
        raise NotApplicable("the reference is the same net in another mode (CMP004 compares these)")
    rounded = max(max_error, STEPS * reference.epsilon)
    limit = max_error_quantised if reference.quantised else rounded
    far = [output for output in reference.outputs if output.misfit or output.error > limit]
    ties = {output: reference.tie(output, limit) for output in far}
    told = [output for output in far if ties[output] is None]
    if not told:
        yield from tied(reference, ties, limit)
        yield from broken_channels(reference)
        return
    worst, first = worst_of(told), reference.first_divergent(told, limit)
    severity = Severity.WARNING
    if max(each.changes for each in told) > max_changed and not reference.synthetic:
        severity = Severity.ERROR
    elif reference.quantised and reference.noise and not worst.misfit and worst.error < UNRELATED:
        severity = Severity.INFO
    yield Finding(
        first or worst,
        f"{distance(worst, len(told), reference.samples, limit)}; {beginning(first, worst)}",
        measured=None if worst.misfit else worst.error,
        limit=limit,
        unit="relative L2 error",
        evidence={"outputs": {o.value.name: o.misfit or o.error for o in told}},
        severity=severity,
        hint=remedy(first, worst),
    )
