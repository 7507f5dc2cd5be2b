"""WGT004 dead-filter."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Stage, Weights, rule


@rule("WGT004", "dead-filter", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def dead_filter(
    weights: Weights,
    *,
    max_dead_fraction: Annotated[
        float, Option("share of output channels that may be dead", "fraction")
    ] = 0.01,
    grave_fraction: Annotated[
        float, Option("share of dead output channels beyond which it is a warning", "fraction")
    ] = 0.1,
    min_dead: Annotated[int, Option("fewest dead output channels to report", "channels")] = 4,
    relative_zero: Annotated[
        float, Option("weights up to this share of the layer's maximum count as zero", "fraction")
    ] = 1e-12,
) -> Iterator[Finding]:
    """Output channels with weights that are zero, or negligible beside the rest of the layer.

    Why: they only output their bias, at full cost. Weight decay drives filters to zero that ReLU
    disabled early in training; pruning of whole filters leaves them in place, too, and is not
    complete then. Good models have some, so a few are an info: a text recogniser in daily use has
    40% in one layer. The sine rows of a spectrum for the lowest and the highest frequency are zero
    by design, hence `min_dead`. Exempt are embedding tables (the row of the padding is zero), and
    depthwise layers, whose dead filters follow from those of the layer before.
    Fix: remove the dead filters (structured pruning), with the channels of the next layer; if there
    are many, train with a lower learning rate or less weight decay.

    Bad:
    net (float[N, 1] x) => (float[N, 5] y)
    <float[1, 5] w = {0, 0, 1e-20, 0, 2}>
    {
        y = MatMul(x, w)
    }

    Good:
    # small, but not dead
    net (float[N, 1] x) => (float[N, 5] y)
    <float[1, 5] w = {1e-4, 1e-4, 1e-4, 1e-4, 2}>
    {
        y = MatMul(x, w)
    }
    """
    for weight in weights.layers():
        channels = None if weight.is_table or weight.is_depthwise else weights.channels(weight)
        if channels is None or not channels.magnitude.size:
            continue
        magnitude = channels.magnitude
        dead = int((magnitude <= relative_zero * magnitude.max()).sum())
        fraction = dead / magnitude.size
        if dead < min_dead or dead == magnitude.size or fraction <= max_dead_fraction:
            continue
        yield Finding(
            weight,
            f"{dead:,} of {magnitude.size:,} output channels ({fraction:.1%}) are dead: all "
            f"weights below {relative_zero:g} of the layer's maximum "
            f"(limit {max_dead_fraction:.0%})",
            measured=fraction,
            limit=max_dead_fraction,
            unit="fraction of channels",
            hint=f"remove the {dead:,} channels, with those of the next layer that read them",
            severity=Severity.WARNING if fraction > grave_fraction else Severity.INFO,
        )
