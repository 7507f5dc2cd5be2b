"""ARC023 meaningless-arithmetic."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint_rules.arc._always import OF_ITSELF, of_itself, with_constant

_WITH_CONSTANT = ("Mul", "Div", "Pow", "Max", "Min", "And", "Or", "Less", "LessOrEqual", "Greater",
                  "GreaterOrEqual")  # fmt: skip
"""Operators that one constant operand can make constant; of the others both must be known."""


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
        if _follows_division(node, shapes):
            yield Finding(
                node,
                "rounds up a quotient that integer division has already truncated",
                hint="cast to float before the division, or write (a + b - 1) / b",
            )
    computed = graph.descendants(_fed(graph), by_numbers=True)
    for node in graph.nodes(*OF_ITSELF):
        result = of_itself(node, shapes) if node.input(0) in computed else None
        if result is not None:
            name = node.inputs[0].name if node.inputs[0] else ""
            yield Finding(
                node,
                f"{node.op} of a value and itself is always {result}",
                hint=f"replace one of the two operands {name!r} by the intended one",
            )
    for node in graph.nodes(*_WITH_CONSTANT):
        found = (
            with_constant(node, graph) if computed.intersection(filter(None, node.inputs)) else None
        )
        if found is not None:
            severity = Severity.INFO if _is_turned_off(node, found[0], shapes) else None
            yield Finding(
                node,
                f"{node.op} with the constant {found[1]} is always {found[0]}",
                hint=f"replace the constant {found[1]} by the intended value, or this {node.op} by "
                f"the constant {found[0]}",
                severity=severity,
            )


def _is_turned_off(node: Node, result: str, shapes: Shapes) -> bool:
    """Whether a threshold was turned off, or a term of a formula over few values."""
    if node.op == "Mul":
        shape = shapes.of(node.output)
        return shape is None or shape.rank is None or shape.rank < 2
    return result == "true" and node.op not in ("And", "Or")


def _fed(graph: Graph) -> list[Value]:
    """The inputs of the model and of its functions."""
    return [*graph.inputs, *(value for scope in graph.functions for value in scope.inputs)]


def _is_negated_quotient(node: Node, graph: Graph, shapes: Shapes) -> bool:
    divide = _maker(node.input(0), "Div")
    shape = shapes.of(node.input(0))
    if divide is None or shape is None or not shape.is_integer:
        return False
    divisor = graph.number(divide.input(1))
    return divisor not in (1, -1) and _is_negative(divide.input(0), graph)


def _is_negative(value: Value | None, graph: Graph) -> bool:
    """Whether a value is the negative of another one, however that is written."""
    node = value.producer if value is not None else None
    if node is None:
        return False
    numbers = [graph.number(operand) for operand in node.inputs]
    times = node.op == "Mul" and -1 in numbers
    return node.op == "Neg" or times or (node.op == "Sub" and numbers[0] == 0)


def _follows_division(node: Node, shapes: Shapes) -> bool:
    cast = _maker(node.input(0), "Cast")
    divide = None if cast is None else _maker(cast.input(0), "Div")
    shape = None if divide is None else shapes.of(divide.output)
    return shape is not None and shape.is_integer


def _maker(value: Value | None, op: str) -> Node | None:
    """The producer of a value, if it has this operator."""
    node = value.producer if value is not None else None
    return node if node is not None and node.op == op else None
