"""ACT001 nan-origin."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Limits, Node, Severity, Trace, Witnesses, rule
from onnxlint_rules.act._at_limits import at_limits
from onnxlint_rules.wgt._marks import is_mark


@rule("ACT001", "nan-origin", severity=Severity.ERROR)
def nan_origin(
    graph: Graph, trace: Trace, witnesses: Witnesses, limits: Limits
) -> Iterator[Finding]:
    """A node that makes NaN of inputs that hold none.

    Why: NaN spreads to everything computed from it, so one bad element ruins the prediction, or a
    later node hides it and the prediction looks healthy. Only the origin is reported, not what it
    taints, and not behind an overflow, which ACT002 reports. NaN that a constant holds is not made
    here (see nonfinite-weight), nor is NaN that the model fills in where it has no answer. A
    warning on made-up samples, which may lie outside what the model will see; an info where zeros,
    or the least and largest numbers alone, make it.
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
    # no answer, of a shape that the input has
    net (float[N, 4] x, bool[N, 4] known) => (float[M, 4] y)
    {
        size = Shape(x)
        none = ConstantOfShape <value = float[1] {0}> (size)
        h = Where(known, x, none)
        y = Concat <axis = 0> (h, none)
    }
    >>> model.graph.node[1].attribute[0].t.float_data[0] = float("nan")

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        squares = Mul(x, x)
        y = Sqrt(squares)
    }
    """
    overflows = {origin.node for origin in trace.origins(lambda seen: seen.infinite)}
    for origin in trace.origins(lambda seen: seen.nan):
        read = graph.ancestors(origin.sources)
        if _fills_in(origin.node, graph) or not overflows.isdisjoint(read):
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


def _fills_in(node: Node, graph: Graph) -> bool:
    """Whether a node gives the same numbers for every input, which are a mark of no answer."""
    is_same = node.op == "ConstantOfShape" or not (node.scope.in_function or node in graph.varying)
    return is_same and node.output is not None and is_mark(node.output)
