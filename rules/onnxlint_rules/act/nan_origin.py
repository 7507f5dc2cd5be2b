"""ACT001 nan-origin."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Limits, Severity, Trace, Witnesses, rule
from onnxlint_rules.act._at_limits import at_limits


@rule("ACT001", "nan-origin", severity=Severity.ERROR)
def nan_origin(
    graph: Graph, trace: Trace, witnesses: Witnesses, limits: Limits
) -> Iterator[Finding]:
    """A node that makes NaN of inputs that hold none.

    Why: NaN spreads to everything computed from it, so one bad element ruins the prediction, or a
    later node hides it and the prediction looks healthy. Only the origin is reported, not what it
    taints, and not behind an overflow, which ACT002 reports. A warning on made-up samples, which
    may lie outside what the model will see; an info where zeros, or the least and largest numbers
    alone, make it.
    Fix: keep the operand inside the operator's domain: an epsilon under a logarithm, a square root
    or a division, the maximum subtracted before an exponential, a large negative number instead of
    -inf in a mask.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        squares = Mul(x, x)
        negative = Neg(squares)
        y = Sqrt(negative)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        squares = Mul(x, x)
        y = Sqrt(squares)
    }
    """
    overflows = {origin.node for origin in trace.origins(lambda seen: seen.infinite)}
    for origin in trace.origins(lambda seen: seen.nan):
        read = (value for value in origin.node.inputs if value is not None)
        if not overflows.isdisjoint(graph.ancestors(read)):
            continue
        yield Finding(
            origin,
            f"NaN is born here: of inputs without any, in {origin.runs} of {origin.of_runs} runs",
            measured=origin.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(origin, "ACT001"),
            severity=trace.severity(Severity.ERROR, origin.node.output),
        )
    yield from at_limits(trace, limits, witnesses, lambda seen: seen.nan, "NaN is", "ACT001")
