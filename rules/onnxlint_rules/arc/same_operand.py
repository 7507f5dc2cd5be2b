"""ARC021 same-operand."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layers, Node, Severity, Shapes, Value, Walk, rule
from onnxlint.model.graph.operators import ARITHMETIC, MOVING

SELECTING = frozenset({"Max", "Min", "And", "Or", "Where", "BitwiseAnd", "BitwiseOr"})
"""Of one value twice these return that value."""

ROTARY = frozenset({"Sin", "Cos"})
"""Rotary positions repeat their angles on purpose: cat((angles, angles))."""

_BETWEEN = MOVING | ARITHMETIC | {"Where"}
"""Operators between scores and their softmax, or a concatenation and its sine."""

_NEAR = 8
"""So many nodes behind an operator are checked."""


@rule("ARC021", "same-operand", severity=Severity.WARNING)
def same_operand(graph: Graph, layers: Layers, shapes: Shapes) -> Iterator[Finding]:
    """An operator that reads one value where two different values are expected.

    Why: a layer is connected to the wrong input: h + h instead of h + residual, Concat(a, a)
    instead of Concat(a, b), queries multiplied by themselves instead of by keys. All shapes fit,
    the model trains and runs, and one branch is lost. Exempt are squares, Gram matrices without a
    softmax, angles that rotary positions repeat, copies along the batch axis and of three or more
    (gray to colour), shapes, vectors, entries that are assembled to a matrix, and constants.
    Results that are constant for every input, such as x - x, are reported by ARC023.
    Fix: connect the other operand; if doubling is meant, multiply by 2.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        h = Relu(x)
        y = Add(h, h)
    }

    Bad:
    net (float[N, 4, 8, 8] x) => (float[N, 8, 8, 8] y)
    {
        h = Relu(x)
        y = Concat <axis = 1> (h, h)
    }

    Bad:
    # queries by queries
    net (float[N, T, 8] x) => (float[N, T, T] y)
    {
        q = MatMul(x, wq)
        turned = Transpose <perm = [0, 2, 1]> (q)
        scores = MatMul(q, turned)
        y = Softmax <axis = -1> (scores)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.eye(8, dtype=np.float32)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "wq"))

    Good:
    # a residual, and a square
    net (float[N, 4] x) => (float[N, 4] y)
    {
        h = Relu(x)
        s = Mul(h, h)
        y = Add(s, x)
    }

    Good:
    # angles of rotary positions
    net (float[T, 4] x) => (float[T, 8] y)
    {
        both = Concat <axis = -1> (x, x)
        y = Cos(both)
    }

    Good:
    # gray to colour
    net (float[N, 1, 8, 8] x) => (float[N, 3, 8, 8] y)
    {
        y = Concat <axis = 1> (x, x, x)
    }

    Good:
    # the Gram matrix of a style loss
    net (float[N, 4, P] x) => (float[N, 4, 4] y)
    {
        turned = Transpose <perm = [0, 2, 1]> (x)
        y = MatMul(x, turned)
    }
    """
    for node in graph.nodes("Add", "Sum", "Concat", *sorted(SELECTING)):
        operands = node.inputs[1:] if node.op == "Where" else node.inputs
        repeated = _repeated(operands)
        if repeated is None or not layers.is_computed(repeated) or _is_meant(node, shapes):
            continue
        shape = shapes.of(repeated)
        if shape is None or not shape.is_integer:
            count = operands.count(repeated)
            yield Finding(
                node,
                f"{count} of {len(operands)} operands are {repeated.name!r}",
                hint=_advice(node, repeated),
            )
    for node in graph.nodes("MatMul"):
        if _attends_to_itself(node, layers):
            name = node.inputs[0].name if node.inputs[0] else ""
            yield Finding(
                node,
                f"attention scores multiply {name!r} by its own transpose",
                hint="multiply the queries by the keys: connect the transposed key projection as "
                "the second operand",
            )


def _advice(node: Node, repeated: Value) -> str:
    if node.op in SELECTING:
        return f"connect the other operand, or remove this {node.op}: it returns {repeated.name!r}"
    if node.op == "Concat":
        return "connect the other operand, or use Tile if the repetition is meant"
    return "connect the other operand, or multiply by 2 if doubling is meant"


def _repeated(operands: list[Value | None]) -> Value | None:
    """The first value that occurs twice."""
    met: set[Value] = set()
    for value in operands:
        if value in met:
            return value
        if value is not None:
            met.add(value)
    return None


def _is_meant(node: Node, shapes: Shapes) -> bool:
    """Whether a concatenation repeats what it reads on purpose."""
    if node.op != "Concat":
        return False
    axis, repeated = node.attribute("axis", 0), _repeated(node.inputs)
    shape = shapes.of(repeated)
    rank = None if shape is None else shape.rank
    if axis == 0 or (rank is not None and (rank < 2 or axis == -rank)):
        return True
    maker = repeated.producer if repeated else None
    if maker is not None and maker.op in ROTARY:
        return True
    if len(node.inputs) > 2:
        is_entry = shape is None or shape.dim(axis) in (1, None)
        return is_entry or len({*node.inputs}) == 1
    return _leads_to(node, ROTARY)


def _leads_to(node: Node, ops: frozenset[str]) -> bool:
    """Whether an operator follows, past those that only scale, mask and move."""
    walk = Walk([node])
    for steps, current in enumerate(walk):
        for value in current.outputs:
            for reader in value.readers if value else ():
                if reader.op in ops:
                    return True
                if reader.op in _BETWEEN and steps < _NEAR:
                    walk.add(reader)
    return False


def _attends_to_itself(node: Node, layers: Layers) -> bool:
    """Whether projected features are multiplied by their own transpose, before a softmax."""
    left, right = node.input(0), node.input(1)
    turn = right.producer if right is not None else None
    if left is None or turn is None or turn.op != "Transpose":
        return False
    if _before_moves(left) is not _before_moves(turn.input(0)):
        return False
    trail = layers.trail(left)
    projected = trail.layer is not None and trail.change <= Change.AFFINE
    dense = trail.layer is not None and not trail.layer.kernel
    return projected and dense and _leads_to(node, frozenset({"Softmax"}))


def _before_moves(value: Value | None) -> Value | None:
    """The value before nodes that move and scale it."""
    for _ in range(_NEAR):
        maker = value.producer if value is not None else None
        if maker is None or maker.op not in MOVING | {"Mul", "Div"}:
            break
        value = maker.input(0)
    return value
