"""WGT006 exploding-weight."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Weight, Weights, rule


@rule("WGT006", "exploding-weight", severity=Severity.WARNING)
def exploding_weight(
    weights: Weights,
    *,
    max_gain: Annotated[
        float, Option("weight RMS that is allowed", "multiple of 1/√fan_in")
    ] = 100.0,
    max_single_gain: Annotated[
        float, Option("magnitude of a single weight that is allowed", "multiple of 1/√fan_in")
    ] = 10_000.0,
    min_side: Annotated[
        int, Option("fewest inputs and outputs of a layer that is examined", "features")
    ] = 16,
) -> Iterator[Finding]:
    """A layer whose weights are far larger than its fan-in justifies.

    Why: weights around 1/√fan_in preserve the scale of what passes through. A layer 100 times above
    that multiplies its input by about 100, and a few of them overflow: training diverged, a
    learning rate was too high, or bits of the file flipped. A single weight may be 10,000 times
    above. In 30 trained models the gain was at most 69 (a first layer with its normalisation folded
    in), and a single weight 760. Exempt are embedding tables, depthwise layers, and layers with
    fewer than 16 inputs or outputs, such as the scales and coordinates at the ends of a model.
    Fix: return to a checkpoint from before the divergence; clip gradients, lower the learning rate;
    compare the file's hash with that of the original.

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
            yield _finding(weight, "weight RMS", seen.rms, gain, max_gain)
        elif single > max_single_gain:
            yield _finding(weight, "largest weight", single / unit, single, max_single_gain)


def _finding(weight: Weight, what: str, number: float, gain: float, limit: float) -> Finding:
    return Finding(
        weight,
        f"{what} {number:.3g} is {gain:,.0f} times 1/√fan_in (fan_in {weight.fan_in:,}, "
        f"limit {limit:,.0f} times)",
        measured=gain,
        limit=limit,
        unit="times 1 / √fan-in",
        hint="return to a checkpoint from before the divergence, or compare the hash of the file",
    )
