"""ACT008 swallowed-nan."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Trace, Witnesses, rule
from onnxlint.model.graph.operators import HIDING_INFINITY, HIDING_NAN
from onnxlint_rules.act._runs import in_runs

ORIGINS = {"NaN": "ACT001", "infinity": "ACT002"}


@rule("ACT008", "swallowed-nan", severity=Severity.ERROR, ops=HIDING_NAN | HIDING_INFINITY)
def swallowed_nan(trace: Trace, witnesses: Witnesses) -> Iterator[Finding]:
    """A node that hides NaN or infinity: its output looks valid but is meaningless.

    Why: a maximum, a comparison or a cast to integers turns NaN into an ordinary value, and a
    division by infinity gives 0, so the output is finite and passes every check of the outputs. A
    warning on synthetic samples.
    Fix: fix the node that first produces NaN (ACT001, ACT002); guard with IsNaN where it is
    expected.

    Bad:
    net (float[N, 4] x) => (int64[N] y)
    {
        square = Mul(x, x)
        negative = Neg(square)
        bad = Sqrt(negative)
        y = ArgMax <axis = 1, keepdims = 0> (bad)
    }

    Instead:
    # looked for, and replaced
    net (float[N, 4] x) => (int64[N] y)
    <float zero = {0}>
    {
        square = Mul(x, x)
        negative = Neg(square)
        bad = Sqrt(negative)
        is_bad = IsNaN(bad)
        good = Where(is_bad, zero, bad)
        y = ArgMax <axis = 1, keepdims = 0> (good)
    }
    """
    hiding = [
        *((found, "NaN") for found in trace.swallowers(lambda seen: seen.nan)
          if found.node.op in HIDING_NAN and found.node.input(0) is not found.node.input(1)),
        *((found, "infinity") for found in trace.swallowers(lambda seen: seen.infinite)
          if found.node.op in HIDING_INFINITY),
    ]  # fmt: skip
    for found, what in hiding:
        yield Finding(
            found,
            f"reads {what} and outputs finite values ({in_runs(found)})",
            measured=found.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(found, "ACT008"),
            severity=trace.severity(Severity.ERROR, found.node.output),
            hint=f"fix the node that first outputs {what} ({ORIGINS[what]}); where it is expected, "
            f"test for it before {found.node.op}",
        )
