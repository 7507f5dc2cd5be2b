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
from onnxlint_rules.act._guards import against_infinity
from onnxlint_rules.act._runs import in_runs


@rule("ACT002", "inf-origin", severity=Severity.ERROR)
def inf_origin(
    trace: Trace, layers: Layers, activations: Activations, witnesses: Witnesses, limits: Limits
) -> Iterator[Finding]:  # fmt: skip
    """A node that outputs infinity although its inputs are finite.

    Why: a value overflowed its dtype, or was divided by zero. The next subtraction or product turns
    infinity into NaN, and a division turns it into 0. Not reported: infinities that come from
    constants, which attention masks are made of. A warning on synthetic samples, and for a
    logarithm of zero, which masks are made with too; an info where no element of an input goes into
    that logarithm (of distances between positions, say, which T5 puts into buckets), for the sum of
    two masks before a softmax, and where only minimum and maximum values cause it. What only an
    all-zero or constant sample causes is a warning where it reaches an output.
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
            f"first node to output infinity: its inputs are finite ({in_runs(origin)})",
            measured=origin.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(origin, "ACT002"),
            severity=trace.severity(_on_data(origin.node, layers, activations), origin.node.output),
            hint=against_infinity(origin.node),
        )

    def gravest(strayed: Strayed, origin: Contamination) -> Severity | None:
        return max(
            _on_data(origin.node, layers, activations), Severity.WARNING, key=lambda s: s.rank
        )

    yield from at_limits(
        trace, limits, witnesses, lambda seen: seen.infinite, "infinity", "ACT002", gravest,
        against_infinity,
    )  # fmt: skip


def _on_data(node: Node, layers: Layers, activations: Activations) -> Severity:
    if node.op in ("Add", "Sum") and _joins_masks(node, activations):
        return Severity.INFO
    if node.op != "Log":
        return Severity.ERROR
    return Severity.WARNING if layers.is_computed(node.output) else Severity.INFO


def _joins_masks(node: Node, activations: Activations) -> bool:
    """Whether only a softmax reads a sum of masks: twice the minimum is -inf, and gives 0."""
    read = [value for value in node.inputs if value is not None]
    by = node.output.consumers if node.output is not None else ()
    return all(map(activations.is_masked, read)) and all(reader.op == "Softmax" for reader in by)
