"""WGT004 dead-filter."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Stage, Weights, rule


@rule("WGT004", "dead-filter", severity=Severity.WARNING, stages=(Stage.TRAINED,))
def dead_filter(
    weights: Weights,
    *,
    max_dead_fraction: float = 0.01,
    grave_fraction: float = 0.1,
    min_dead: int = 4,
    relative_zero: float = 1e-12,
) -> Iterator[Finding]:
    """Output channels of a layer whose weights are all zero, or vanish beside the layer's others.

    Why: they compute nothing but their bias, at full price. Weight decay pulls filters to zero that
    ReLU killed early in training; pruning of whole filters leaves them in place, too, and is not
    finished then. Sound models have some, so few are an info: a text recogniser in daily use has
    40% in one layer. A spectrum's sine rows for the lowest and the highest frequency are zero by
    design, hence `min_dead`. Tables of embeddings are left alone (the row of the padding is zero),
    and depthwise layers, whose dead filters follow from those of the layer before.
    Fix: cut the dead filters out (structured pruning), with the channels of the next layer; if they
    are many, train with a lower rate or less weight decay.

    Bad:
    net (float[N, 1] x) => (float[N, 5] y)
    <float[1, 5] w = {0, 0, 1e-20, 0, 2}>
    {
        y = MatMul(x, w)
    }

    Good:
    # small, and not dead
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
            f"{dead:,} of {magnitude.size:,} output channels have no weight above "
            f"{relative_zero:g} of the layer's largest ({fraction:.1%} dead, limit "
            f"{max_dead_fraction:.0%})",
            measured=fraction,
            limit=max_dead_fraction,
            unit="fraction of channels",
            severity=Severity.WARNING if fraction > grave_fraction else Severity.INFO,
        )
