"""What becomes of the number of a category on its way to a row of a table."""

from collections.abc import Callable
from itertools import islice

from onnxlint import Graph, Node, Value, Walk
from onnxlint.model.graph import operators
from onnxlint.model.graph.operators import CODE_SLOT

Code = Callable[[int], int]

MOVING = operators.MOVING | {"Concat"}
"""What a code goes through unchanged: also where the codes of several columns are put together."""

NEAR = 16
"""Values before and after an encoder that are examined; a choice."""


def index_reader(start: Value | None, graph: Graph) -> tuple[Node, Code] | None:
    """The first node that uses a code as an index, and what the code is by then."""
    codes: dict[Value, Code] = {start: int} if start is not None else {}
    walk = Walk([start])
    for value in islice(walk, NEAR):
        for reader, slot in value.uses:
            if CODE_SLOT.get(reader.op) == slot:
                return reader, codes[value]
            step = _step(reader, slot, graph)
            if step is not None and reader.output is not None and reader.output not in codes:
                codes[reader.output] = _after(codes[value], step)
                walk.add(reader.output)
    return None


def rows(reader: Node, graph: Graph) -> int | None:
    """How many rows the table of an index has."""
    if reader.op == "OneHot":
        depth = graph.number(reader.input(1))
        return int(depth) if depth is not None else None
    tensor = graph.tensor(reader.input(0))
    if tensor is None or reader.op == "GatherND":
        return None
    axis = -1 if reader.op.startswith("ai.onnx.ml") else reader.attribute("axis", 0)
    return tensor.dims[axis] if -len(tensor.dims) <= axis < len(tensor.dims) else None


def _after(one: Code, other: Code) -> Code:
    return lambda code: other(one(code))


def _step(node: Node, slot: int, graph: Graph) -> Code | None:
    """What a node makes of a code; None where it is more than a shift, a sign or a limit."""
    if node.op in MOVING:
        return int
    if node.op in ("Relu", "Abs") and slot == 0:
        return abs if node.op == "Abs" else lambda code: max(code, 0)
    if node.op == "Clip" and slot == 0:
        low, high = (graph.number(node.input(at)) for at in (1, 2))
        least = node.attribute("min", None) if low is None else low
        most = node.attribute("max", None) if high is None else high
        return lambda code: int(min(max(code, _or(least, code)), _or(most, max(code, 0))))
    others = [value for at, value in enumerate(node.inputs) if at != slot]
    number = graph.number(others[0]) if len(others) == 1 else None
    return None if number is None else _BY_NUMBER.get(node.op, _nothing)(int(number), slot)


def _or(limit: float | None, otherwise: float) -> float:
    return otherwise if limit is None else limit


def _nothing(number: int, slot: int) -> Code | None:
    return None


_BY_NUMBER: dict[str, Callable[[int, int], Code | None]] = {
    "Add": lambda number, slot: lambda code: code + number,
    "Sub": lambda number, slot: (lambda code: code - number) if slot == 0 else None,
    "Max": lambda number, slot: lambda code: max(code, number),
    "Min": lambda number, slot: lambda code: min(code, number),
}
