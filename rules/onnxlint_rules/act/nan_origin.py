"""ACT001 nan-origin."""

from collections.abc import Iterator

from onnxlint import (
    Contamination,
    Finding,
    Graph,
    Limits,
    Node,
    Severity,
    Strayed,
    Trace,
    Witnesses,
    rule,
)
from onnxlint_rules._nan_marks import is_mark
from onnxlint_rules.act._at_limits import at_limits
from onnxlint_rules.act._guards import against_nan
from onnxlint_rules.act._runs import in_runs


@rule("ACT001", "nan-origin", severity=Severity.ERROR)
def nan_origin(
    graph: Graph, trace: Trace, witnesses: Witnesses, limits: Limits
) -> Iterator[Finding]:
    """A node that outputs NaN although no input contains NaN.

    Why: NaN spreads to everything computed from it, so one bad element ruins the prediction, or a
    later node hides it and the prediction looks valid. Only the origin is reported, not what is
    computed from it, and not what follows an overflow, which ACT002 reports. Not reported: NaN in a
    constant (see nonfinite-weight), and NaN that the model fills in where it has no answer. A
    warning on synthetic samples, which may lie outside what the model will see, and where only an
    all-zero or constant sample, an empty text or a sequence of one step causes it: black images
    and silence do occur. An info where only minimum and maximum values cause it, or where it
    reaches no output.
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

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    # the length of an all-zero sample is 0
    net (float[N, 4] x) => (float[N, 4] y)
    {
        length = ReduceL2 <axes = [1]> (x)
        y = Div(x, length)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    # one step has no variance: 0 / (steps - 1)
    net (float[N, steps, 4] x) => (float[N, 1, 4] y)
    <float one = {1}, int64 second = {1}>
    {
        mean = ReduceMean <axes = [1]> (x)
        away = Sub(x, mean)
        sum = ReduceSumSquare <axes = [1]> (away)
        shape = Shape(x)
        steps = Gather(shape, second)
        count = Cast <to = 1> (steps)
        less = Sub(count, one)
        y = Div(sum, less)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        squares = Mul(x, x)
        y = Sqrt(squares)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17]>
    # guarded before the division
    net (float[N, 4] x) => (float[N, 4] y)
    <float little = {1e-12}>
    {
        length = ReduceL2 <axes = [1]> (x)
        least = Max(length, little)
        y = Div(x, least)
    }
    """
    for origin in trace.origins(lambda seen: seen.nan):
        if _fills_in(origin.node, graph) or _is_behind_infinities(origin, graph, trace):
            continue
        yield Finding(
            origin,
            f"first node to output NaN: its inputs contain none ({in_runs(origin)})",
            measured=origin.runs,
            limit=0,
            unit="runs",
            evidence=witnesses.of(origin, "ACT001"),
            severity=trace.severity(Severity.ERROR, origin.node.output),
            hint=against_nan(origin.node),
        )

    def gravest(strayed: Strayed, origin: Contamination) -> Severity | None:
        behind = _is_behind_infinities(origin, graph, trace, strayed)
        return None if behind else Severity.WARNING

    yield from at_limits(
        trace, limits, witnesses, lambda seen: seen.nan, "NaN", "ACT001", gravest, against_nan
    )


def _is_behind_infinities(
    origin: Contamination, graph: Graph, trace: Trace, strayed: Strayed | None = None
) -> bool:
    """Whether what a node reads depends on one that makes infinities, in the trace or in others."""
    before = graph.ancestors(origin.sources)
    others = ([strayed.ran], strayed.inner) if strayed is not None else (None, None)
    origins = trace.origins(lambda seen: seen.infinite, *others)
    return any(other.node in before for other in origins)


def _fills_in(node: Node, graph: Graph) -> bool:
    """Whether a node gives the same numbers for every input, which are a mark of no answer."""
    is_same = node.op == "ConstantOfShape" or not (node.scope.in_function or node in graph.varying)
    return is_same and node.output is not None and is_mark(graph, node.output)
