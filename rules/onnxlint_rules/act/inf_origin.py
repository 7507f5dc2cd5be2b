"""ACT002 inf-origin."""

from collections.abc import Iterator

from onnxlint import Finding, Limits, Severity, Trace, Witnesses, rule
from onnxlint_rules.act._at_limits import at_limits


@rule("ACT002", "inf-origin", severity=Severity.ERROR)
def inf_origin(trace: Trace, witnesses: Witnesses, limits: Limits) -> Iterator[Finding]:
    """A node that makes infinities of finite inputs.

    Why: a number grew beyond what its dtype holds, or was divided by zero. The next subtraction or
    product makes NaN of it, and a division makes a plain 0. Infinities that come from constants
    are left alone: attention masks are made of them. A warning on made-up samples, and for a
    logarithm of zero, which makes masks too; an info where zeros, or the least and largest numbers
    alone, make it.
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
        on_data = Severity.WARNING if origin.node.op == "Log" else Severity.ERROR
        yield Finding(
            origin,
            f"infinities are born here: of finite inputs, in {origin.runs} of "
            f"{origin.of_runs} runs",
            measured=origin.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(origin, "ACT002"),
            severity=trace.severity(on_data, origin.node.output),
        )
    yield from at_limits(
        trace, limits, witnesses, lambda seen: seen.infinite, "infinities are", "ACT002"
    )
