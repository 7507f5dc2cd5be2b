"""ACT002 inf-origin."""

from collections.abc import Iterator

from onnxlint import (
    Activations,
    Contamination,
    Finding,
    Layers,
    Limits,
    Node,
    Severity,
    Strayed,
    Trace,
    Witnesses,
    rule,
)  # fmt: skip
from onnxlint_rules.act._at_limits import at_limits


@rule("ACT002", "inf-origin", severity=Severity.ERROR)
def inf_origin(
    trace: Trace, layers: Layers, activations: Activations, witnesses: Witnesses, limits: Limits
) -> Iterator[Finding]:  # fmt: skip
    """A node that makes infinities of finite inputs.

    Why: a number grew beyond what its dtype holds, or was divided by zero. The next subtraction or
    product makes NaN of it, and a division makes a plain 0. Infinities that come from constants
    are left alone: attention masks are made of them. A warning on made-up samples, and for a
    logarithm of zero, which makes masks too; an info where no input's numbers go into that
    logarithm (of distances between positions, say, which T5 puts into buckets), for the sum of two
    masks before a softmax, and where only the extremes of what is valid make them. What only an
    all-zero or constant sample shows is a warning where it reaches an output.
    Fix: subtract the maximum before an exponential, guard the divisor with an epsilon, normalise
    before the values grow, or compute this part in float32.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float thousand = {1000}>
    {
        wide = Mul(x, thousand)
        powers = Exp(wide)
        total = ReduceSum(powers)
        y = Div(powers, total)
    }

    Good:
    # a mask of -inf
    net (float[N, 4] x) => (float[N, 4] y)
    <bool[4] keep = {1, 1, 1, 0}, float off = {-1}>
    {
        masked = Where(keep, x, off)
        y = Softmax(masked)
    }
    >>> model.graph.initializer[1].float_data[0] = float("-inf")
    """
    for origin in trace.origins(lambda seen: seen.infinite):
        yield Finding(
            origin,
            f"infinities are born here: of finite inputs, in {origin.runs} of "
            f"{origin.of_runs} runs",
            measured=origin.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(origin, "ACT002"),
            severity=trace.severity(_on_data(origin.node, layers, activations), origin.node.output),
        )

    def gravest(strayed: Strayed, origin: Contamination) -> Severity | None:
        return max(
            _on_data(origin.node, layers, activations), Severity.WARNING, key=lambda s: s.rank
        )

    yield from at_limits(
        trace, limits, witnesses, lambda seen: seen.infinite, "infinities are", "ACT002", gravest
    )


def _on_data(node: Node, layers: Layers, activations: Activations) -> Severity:
    if node.op in ("Add", "Sum") and _joins_masks(node, activations):
        return Severity.INFO
    if node.op != "Log":
        return Severity.ERROR
    return Severity.WARNING if layers.is_computed(node.output) else Severity.INFO


def _joins_masks(node: Node, activations: Activations) -> bool:
    """Whether a softmax alone reads a sum of masks: twice the least number is -inf, and gives 0."""
    read = [value for value in node.inputs if value is not None]
    by = node.output.consumers if node.output is not None else ()
    return all(map(activations.is_masked, read)) and all(reader.op == "Softmax" for reader in by)
