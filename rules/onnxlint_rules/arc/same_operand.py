"""ARC021 same-operand."""

from collections.abc import Collection, Iterator

from onnxlint import Change, Finding, Graph, Layers, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.operators import ARITHMETIC, IDEMPOTENT, MOVING
from onnxlint.model.graph.traversal import NEAR, behind, followers, source

ROTARY = frozenset({"Sin", "Cos"})
"""Rotary positions repeat their angles on purpose: cat((angles, angles))."""

_BETWEEN = MOVING | ARITHMETIC | {"Where"}
"""Operators between scores and their softmax, or a concatenation and its sine."""


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
    for node in graph.nodes("Add", "Sum", "Concat", *sorted(IDEMPOTENT)):
        operands = node.inputs[1:] if node.op == "Where" else node.inputs
        repeated = _repeated(operands)
        if repeated is None or not layers.is_computed(repeated) or shapes.is_integer(repeated):
            continue
        if node.op != "Concat" or not _is_meant(node, repeated, shapes):
            message = (
                f"{operands.count(repeated)} of {len(operands)} operands are {repeated.name!r}"
            )
            yield Finding(node, message, hint=_advice(node, repeated))
    for node in graph.nodes("MatMul"):
        read = node.input(0)
        if read is not None and _attends_to_itself(node, read, layers):
            yield Finding(
                node,
                f"attention scores multiply {read.name!r} by its own transpose",
                hint="multiply the queries by the keys: connect the transposed key projection as "
                "the second operand",
            )


def _advice(node: Node, repeated: Value) -> str:
    if node.op in IDEMPOTENT:
        return f"connect the other operand, or remove this {node.op}: it returns {repeated.name!r}"
    if node.op == "Concat":
        return "connect the other operand, or use Tile if the repetition is meant"
    return "connect the other operand, or multiply by 2 if doubling is meant"


def _repeated(operands: list[Value | None]) -> Value | None:
    """The first value that occurs twice."""
    met: set[Value] = set()
    for value in filter(None, operands):
        if value in met:
            return value
        met.add(value)
    return None


def _is_meant(concat: Node, repeated: Value, shapes: Shapes) -> bool:
    """Whether a concatenation repeats what it reads on purpose."""
    axis, rank = concat.attribute("axis", 0), shapes.rank(repeated)
    if axis == 0 or (rank is not None and (rank < 2 or axis == -rank)):
        return True
    if repeated.producer is not None and repeated.producer.op in ROTARY:
        return True
    if len(concat.inputs) > 2:
        return shapes.dim(repeated, axis) in (1, None) or len({*concat.inputs}) == 1
    return _leads_to(concat, ROTARY)


def _leads_to(node: Node, ops: Collection[str]) -> bool:
    """Whether an operator follows, past those that only scale, mask and move."""
    following = followers(node.output, _BETWEEN, NEAR, by_any_input=True)
    return any(reader.op in ops for reader, _ in following)


def _attends_to_itself(node: Node, read: Value, layers: Layers) -> bool:
    """Whether projected features are multiplied by their own transpose, before a softmax."""
    turn = behind(node.input(1), {"Transpose"}, ())
    turned = None if turn is None else turn.input(0)
    scaling, layer = MOVING | {"Mul", "Div"}, layers.trail(read).layer
    if turned is None or source(read, scaling, NEAR) is not source(turned, scaling, NEAR):
        return False
    is_dense = layer is not None and not layer.kernel
    return is_dense and layers.trail(read).change <= Change.AFFINE and _leads_to(node, {"Softmax"})
