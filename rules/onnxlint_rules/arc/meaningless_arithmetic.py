"""ARC023 meaningless-arithmetic."""

from collections.abc import Iterator
from itertools import chain

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.operators import ABSORBING, OF_ITSELF
from onnxlint.model.graph.traversal import behind
from onnxlint_rules.arc._always import of_itself, with_constant


@rule("ARC023", "meaningless-arithmetic", severity=Severity.WARNING)
def meaningless_arithmetic(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """Arithmetic with a constant result, or that rounds in the wrong direction.

    Why: ONNX divides integers towards 0, so a ceiling that is written as the negative of a floor,
    `-(-a // b)`, gives the floor (tensorflow-onnx issue 2174), and a Ceil after an integer division
    has nothing left to round. x - x, x / x, a product with 0 and a comparison that no value can
    satisfy are the same for every input: a wrong operand, or a threshold that differs from
    training. Exempt are shapes and constants, tests for NaN (x == x) and infinity, and x - x of
    integers, which makes zeros. An info if a comparison is always true (a threshold that was turned
    off), and for a product with 0 in a vector (a term of a formula).
    Fix: `(a + b - 1) / b` for a ceiling of positive integers; else use the intended operand or
    value.

    Bad:
    net (int64[N] length) => (int64[N] frames)
    <int64 stride = {3}>
    {
        negative = Neg(length)
        quotient = Div(negative, stride)
        frames = Neg(quotient)
    }

    Bad:
    net (int64[N] length) => (float[N] frames)
    <int64 stride = {3}>
    {
        quotient = Div(length, stride)
        exact = Cast <to = 1> (quotient)
        frames = Ceil(exact)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Sub(x, x)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float gate = {0}>
    {
        y = Mul(gate, x)
    }

    Bad:
    # percent instead of a probability
    net (float[N, 4] x) => (bool[N, 4] found)
    <float threshold = {50}>
    {
        score = Sigmoid(x)
        found = Greater(score, threshold)
    }

    Good:
    # exact in floats
    net (float[N] length) => (float[N] frames)
    <float stride = {3}>
    {
        negative = Neg(length)
        quotient = Div(negative, stride)
        below = Floor(quotient)
        frames = Neg(below)
    }

    Good:
    # a test for NaN
    net (float[N] x) => (bool[N] known)
    {
        known = Equal(x, x)
    }

    Good:
    # shapes, which an exporter computes
    net (float[N, 4] x) => (int64[2] none)
    {
        size = Shape(x)
        none = Sub(size, size)
    }

    Good:
    net (float[N, 4] x) => (bool[N, 4] found)
    <float threshold = {0.5}>
    {
        score = Sigmoid(x)
        found = Greater(score, threshold)
    }
    """
    for node in graph.nodes("Neg"):
        if _is_negated_quotient(node, graph, shapes):
            yield Finding(
                node,
                "integer division truncates: -(-a / b) is the floor, not the ceiling",
                hint="write the ceiling of a positive a as (a + b - 1) / b",
            )
    for node in graph.nodes("Ceil"):
        divide = behind(node.input(0), {"Div"}, {"Cast"})
        if divide is not None and shapes.is_integer(divide.output):
            yield Finding(
                node,
                "rounds up a quotient that integer division has already truncated",
                hint="cast to float before the division, or write (a + b - 1) / b",
            )
    fed = chain(graph.inputs, *(function.inputs for function in graph.functions))
    computed = graph.descendants(fed, by_numbers=True)
    for node in graph.nodes(*OF_ITSELF):
        value = node.input(0)
        result = of_itself(node, shapes) if value in computed else None
        if value is not None and result is not None:
            yield Finding(
                node,
                f"{node.op} of a value and itself is always {result}",
                hint=f"replace one of the two operands {value.name!r} by the intended one",
            )
    for node in graph.nodes(*ABSORBING):
        found = None if computed.isdisjoint(node.inputs) else with_constant(node, graph)
        if found is not None:
            result, constant = found
            yield Finding(
                node,
                f"{node.op} with the constant {constant} is always {result}",
                hint=f"replace the constant {constant} by the intended value, or this {node.op} by "
                f"the constant {result}",
                severity=Severity.INFO if _is_turned_off(node, result, shapes) else None,
            )


def _is_turned_off(node: Node, result: str, shapes: Shapes) -> bool:
    """Whether a threshold was turned off, or a term of a formula over few values."""
    if node.op == "Mul":
        return (shapes.rank(node.output) or 0) < 2
    return result == "true" and node.op not in ("And", "Or")


def _is_negated_quotient(node: Node, graph: Graph, shapes: Shapes) -> bool:
    divide = behind(node.input(0), {"Div"}, ())
    if divide is None or not shapes.is_integer(divide.output):
        return False
    return graph.number(divide.input(1)) not in (1, -1) and _is_negative(divide.input(0), graph)


def _is_negative(value: Value | None, graph: Graph) -> bool:
    """Whether a value is the negative of another one, however that is written."""
    node = behind(value, {"Neg", "Mul", "Sub"}, ())
    if node is None or node.op == "Neg":
        return node is not None
    if node.op == "Sub":
        return graph.number(node.input(0)) == 0
    return -1 in map(graph.number, node.inputs)
