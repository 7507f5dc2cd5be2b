"""WGT012 identical-filters."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Weights, rule


@rule("WGT012", "identical-filters", severity=Severity.WARNING)
def identical_filters(
    weights: Weights,
    *,
    max_copies: Annotated[int, Option("copies that a layer may have", "channels")] = 0,
    min_fan_in: Annotated[int, Option("fewest weights of a channel that counts", "weights")] = 8,
) -> Iterator[Finding]:
    """Output channels of a layer with bit-identical weights.

    Why: they compute the same, and receive the same gradient, so that training cannot tell them
    apart: weights were copied to widen a layer, or drawn again from the same seed. In 30 trained
    models there was not one pair. Channels of zeros have the rule dead-filter, a layer of equal
    weights constant-weight. Exempt are grouped layers, whose channels see different inputs, and
    channels with fewer than 8 weights, which may agree by chance; matrices of zeros and ones that
    repeat or select inputs; embedding tables; and layers before a DepthToSpace, which start that
    way on purpose (ICNR).
    Fix: draw the copies anew, or add noise to them before training continues; remove them from a
    trained model.

    Bad:
    # option: min_fan_in = 2
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {1, 2, 1, 3, 4, 3}>
    {
        y = MatMul(x, w)
    }

    Good:
    # option: min_fan_in = 2
    net (float[N, 2] x) => (float[N, 3] y)
    <float[2, 3] w = {1, 2, 1, 3, 4, 5}>
    {
        y = MatMul(x, w)
    }
    """
    for weight in weights.layers():
        grouped = "Conv" in weight.node.op and weight.node.attribute("group", 1) != 1
        output = weight.node.output
        spread = output and any(node.op == "DepthToSpace" for node in output.consumers)
        if weight.is_table or grouped or spread or weight.fan_in < min_fan_in:
            continue
        channels = weights.channels(weight)
        if channels is None or weights.repeated(weight) is not None:
            continue
        picks = (channels.minimum >= 0) & (channels.maximum == 1)
        groups = [group for group in weights.equal_channels(weight) if not picks[group[0]]]
        copies = sum(len(group) - 1 for group in groups)
        if copies > max_copies:
            longest = max(groups, key=len)
            yield Finding(
                weight,
                f"{copies:,} of {weight.outputs:,} output channels are copies of another "
                f"(limit {max_copies}), e.g. {', '.join(map(str, longest[:4]))}"
                f"{', …' * (len(longest) > 4)}",
                measured=copies,
                limit=max_copies,
                unit="channels",
                hint=f"initialise channel {longest[1]} anew, or remove it from a trained model",
            )
