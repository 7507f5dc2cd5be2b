"""ARC021 same-operand."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layers, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.walk import Walk

SELECTING = frozenset({"Max", "Min", "And", "Or", "Where", "BitwiseAnd", "BitwiseOr"})
"""Of one value twice these give that value."""

ROTARY = frozenset({"Sin", "Cos"})
"""Rotary positions repeat their angles on purpose: cat((angles, angles))."""

_BETWEEN = frozenset({"Add", "Mul", "Div", "Where", "Cast", "Identity", "Reshape", "Transpose",
                      "Unsqueeze", "Squeeze"})  # fmt: skip
"""What may stand between scores and their softmax, or a concatenation and its sine."""

_NEAR = 8
"""So many nodes behind an operator are looked at."""


@rule("ARC021", "same-operand", severity=Severity.WARNING)
def same_operand(graph: Graph, layers: Layers, shapes: Shapes) -> Iterator[Finding]:
    """An operator that reads one value where two different ones are expected.

    Why: a layer is wired to the wrong input: h + h for h + residual, Concat(a, a) for Concat(a, b),
    queries multiplied with themselves for queries with keys. All shapes fit, the model trains and
    runs, and one branch is lost. Exempt are squares, Gram matrices without a softmax, angles that
    rotary positions repeat, copies along the batch axis and of three and more (gray to colour),
    sizes, vectors, entries that a matrix is put together of, and constants. What is constant for
    every input, x - x, is ARC023's.
    Fix: give the operator its other operand; where twice the value is meant, multiply by 2.

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
    # queries with queries
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
            yield Finding(node, f"{node.op} reads {repeated.name!r} in two places")
    for node in graph.nodes("MatMul"):
        if _attends_to_itself(node, layers):
            name = node.inputs[0].name if node.inputs[0] else ""
            yield Finding(node, f"scores are {name!r} multiplied with its own transpose")


def _repeated(operands: list[Value | None]) -> Value | None:
    """The first value that stands twice."""
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
    """Whether an operator follows, behind what only scales, masks and moves."""
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
    """Whether projected features are multiplied with their own transpose, before a softmax."""
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
    """The value behind what reshapes and transposes it."""
    for _ in range(_NEAR):
        maker = value.producer if value is not None else None
        if maker is None or maker.op not in ("Reshape", "Transpose", "Mul", "Div", "Identity"):
            break
        value = maker.input(0)
    return value
