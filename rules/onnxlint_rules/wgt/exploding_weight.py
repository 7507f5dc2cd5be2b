"""WGT006 exploding-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Weight, Weights, rule


@rule("WGT006", "exploding-weight", severity=Severity.WARNING)
def exploding_weight(
    weights: Weights,
    *,
    max_gain: float = 100.0,
    max_single_gain: float = 10_000.0,
    min_side: int = 16,
) -> Iterator[Finding]:
    """A layer whose weights are far larger than the number of its inputs explains.

    Why: weights around 1 / √fan-in keep the size of what goes through. A layer 100 times above that
    multiplies its input by about 100, and a few of them overflow: training diverged, a rate was too
    high, or bits of the file flipped. A single weight may be 10,000 times above. In 30 trained
    models the gain was at most 69 (a first layer with its normalisation folded in), and a single
    weight 760. Left alone are tables of embeddings, depthwise layers, and layers of fewer than 16
    inputs or outputs, such as the scales and coordinates at a model's ends.
    Fix: go back to a checkpoint from before the divergence; clip gradients, lower the learning
    rate; compare the file's hash with that of the original.

    Bad:
    # option: min_side = 2
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {900, -800, 700, 600}>
    {
        y = MatMul(x, w)
    }

    Good:
    # option: min_side = 2
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {9, -8, 7, 60}>
    {
        y = MatMul(x, w)
    }
    """
    for weight, seen in weights.judged():
        small = min(weight.fan_in, weight.outputs) < min_side
        if small or weight.is_depthwise or seen.finite < seen.elements:
            continue
        unit = weight.fan_in**0.5
        gain, single = seen.rms * unit, max(seen.maximum, -seen.minimum) * unit
        if gain > max_gain:
            yield _finding(weight, "root mean square", seen.rms, gain, max_gain)
        elif single > max_single_gain:
            yield _finding(weight, "largest magnitude", single / unit, single, max_single_gain)


def _finding(weight: Weight, what: str, number: float, gain: float, limit: float) -> Finding:
    return Finding(
        weight,
        f"the {what} of its weights is {number:.3g}, {gain:,.0f} times 1 / √{weight.fan_in:,} "
        f"(limit {limit:,.0f} times)",
        measured=gain,
        limit=limit,
        unit="times 1 / √fan-in",
    )
