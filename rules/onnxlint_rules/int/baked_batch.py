"""INT002 baked-batch."""

from collections.abc import Iterator
from itertools import product
from math import prod

from onnxlint import Finding, Graph, Node, NotApplicable, Severity, Shapes, rule
from onnxlint_rules.int._growth import Growths

STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
"""Input slots of the initial states of recurrent layers."""

BROADCAST = ("Add", "Sub", "Mul", "Div", "Where", "MatMul")
"""Operators that stretch an operand of size 1 to the other's size, and take no other."""


@rule(
    "INT002",
    "baked-batch",
    severity=Severity.WARNING,
    ops=("Reshape", "Expand", "Split", *STATES, *BROADCAST),
)
def baked_batch(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A constant shape or state that only fits one size of a dynamic (batch) dimension.

    Why: tracing wrote the batch size of the example into a shape or an initial state. The model
    claims to accept any batch, and fails at the first other one, in production (onnxruntime issue
    10463, PyTorch issue 99613, onnx issue 3182). Only what the element counts prove is reported,
    and constants that were repeated for the example's size (rf-detr issue 949).
    Fix: export from code that uses `x.shape[0]`, or reshapes with -1, where the code uses a Python
    constant; in the file, replace the number by -1.

    Bad:
    # 32 elements per sample, so it fits 2 samples
    net (float[batch, 4, 8] x) => (float[batch, 32] y)
    <int64[2] shape = {2, 32}>
    {
        h = Relu(x)
        y = Reshape(h, shape)
    }

    Bad:
    net (float[steps, batch, 1] x) => (float[steps, 1, batch, 1] y)
    <float[1, 3, 1] w = {1, 2, 3}, float[1, 3, 1] r = {1, 2, 3}, float[1, 2, 1] start = {0, 0}>
    {
        y = GRU <hidden_size = 1> (x, w, r, "", "", start)
    }

    Bad:
    # queries for a batch of 8
    net (float[batch, 5, 4] memory) => (float[batch, 2, 5] y)
    <float[1, 2, 4] query = {1, 2, 3, 4, 5, 6, 7, 8}, int64[3] repeats = {8, 1, 1}>
    {
        queries = Tile(query, repeats)
        keys = Transpose <perm = [0, 2, 1]> (memory)
        y = MatMul(queries, keys)
    }

    Good:
    net (float[batch, 3, 4] x) => (float[batch, 3, 4] y)
    <float[1, 3, 4] positions = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>
    {
        y = Add(x, positions)
    }

    Good:
    # the other operand has the same dynamic dimension
    net (float[batch, 4] x) => (float[batch, 4] y)
    <float one = {1}>
    {
        h = Mul(x, one)
        y = Add(x, h)
    }

    Bad:
    # so three steps, and no other number of steps
    net (float[N, steps, 8] x) => (float[N, 1, 8] y, float[N, 2, 8] z)
    <int64[2] sizes = {1, 2}>
    {
        h = Relu(x)
        y, z = Split <axis = 1> (h, sizes)
    }

    Good:
    # the axis that is split has a fixed size
    net (float[N, steps, 3] x) => (float[N, steps, 1] y, float[N, steps, 2] z)
    <int64[2] sizes = {1, 2}>
    {
        y, z = Split <axis = -1> (x, sizes)
    }

    Good:
    # in halves, whatever the size
    net (float[N, steps, 3] x) => (float[N, a, 3] y, float[N, b, 3] z)
    {
        y, z = Split <axis = 1, num_outputs = 2> (x)
    }

    Good:
    # the leading 4 is not the batch
    net (float[batch, 4, 8] x) => (float[4, M] y)
    <int64[2] shape = {4, -1}>
    {
        t = Transpose <perm = [1, 0, 2]> (x)
        y = Reshape(t, shape)
    }
    """
    growths = Growths(graph, shapes)
    if not growths.symbols:
        raise NotApplicable("no input has a named dynamic dimension")
    for node in graph.main.nodes:
        if node.op == "Reshape":
            yield from _reshape(node, graph, shapes, growths)
        elif node.op == "Expand":
            yield from _expand(node, graph, shapes, growths)
        elif node.op == "Split":
            yield from _split(node, graph, shapes, growths)
        elif node.op in STATES:
            yield from _states(node, graph, shapes, growths)
        elif node.op in BROADCAST:
            yield from _broadcast(node, graph, shapes, growths)


def _reshape(node: Node, graph: Graph, shapes: Shapes, growths: Growths) -> Iterator[Finding]:
    """Compares the elements of the data with those of a constant shape without a dynamic size."""
    value = node.input(0)
    data, count = shapes.of(value), None if value is None else growths.counts.get(value)
    target = _target(node, graph)
    if data is None or count is None or not target or node.attribute("allowzero"):
        return
    copied = (data.dim(axis) if size == 0 else size for axis, size in enumerate(target))
    sizes = [size for size in copied if isinstance(size, int)]
    if len(sizes) < len(target):
        return
    batches = count.factor / abs(prod(sizes))
    if -1 not in sizes and batches.numerator == 1:
        yield _finding(node, f"shape {sizes}", count.symbol, batches.denominator)
    elif -1 in sizes and 1 < batches.denominator == sizes[0]:
        yield _finding(node, f"shape {sizes}", count.symbol, sizes[0], "a multiple of ")


def _expand(node: Node, graph: Graph, shapes: Shapes, growths: Growths) -> Iterator[Finding]:
    """Compares the axes of the data with the constant sizes that they are expanded to."""
    data, sizes = shapes.of(node.input(0)), _target(node, graph)
    if data is None or data.dims is None:
        return
    for dim, size in zip(reversed(data.dims), reversed(sizes), strict=False):
        if dim in growths.symbols and size > 1:
            yield _finding(node, f"shape {sizes}", dim, size, "1 or ")


def _split(node: Node, graph: Graph, shapes: Shapes, growths: Growths) -> Iterator[Finding]:
    """Compares the constant sizes of the parts with the axis that is split: they are its sum."""
    data, given = shapes.of(node.input(0)), node.input(1)
    sizes = node.integers("split") if given is None else graph.integers(given)
    dim = None if data is None else data.dim(node.attribute("axis", 0))
    if sizes and dim in growths.symbols:
        yield _finding(node, f"list of split sizes {sizes}", str(dim), sum(sizes))


def _states(node: Node, graph: Graph, shapes: Shapes, growths: Growths) -> Iterator[Finding]:
    """Compares the batch axis of a recurrent layer's input with those of its initial states."""
    axis = 0 if node.attribute("layout", 0) else 1
    data = shapes.of(node.input(0))
    tensors = (graph.tensor(node.input(slot)) for slot in STATES[node.op])
    state = next(filter(None, tensors), None)
    symbol = None if data is None else data.dim(axis)
    if state is not None and len(state.dims) == 3 and symbol in growths.symbols:
        yield _finding(node, "initial state", symbol, state.dims[axis])


def _broadcast(node: Node, graph: Graph, shapes: Shapes, growths: Growths) -> Iterator[Finding]:
    """Compares what is made of constants alone with the dynamic sizes of the other operand."""
    operands = [value for value in node.inputs if value is not None]
    fixed = [shapes.of(value) for value in operands if value not in graph.varying]
    free = [shapes.of(value) for value in operands if value in graph.varying]
    inner = 2 if node.op == "MatMul" else 0  # its last two axes are not stretched
    for constant, other in product(filter(None, fixed), filter(None, free)):
        for axis in range(-1 - inner, -1 - (constant.rank or 0), -1):
            size, symbol = constant.dim(axis), other.dim(axis)
            if isinstance(size, int) and size > 1 and symbol in growths.symbols:
                shape = [*(constant.dims or ())]
                yield _finding(node, f"operand of shape {shape}", symbol, size, "1 or ")
                return


def _target(node: Node, graph: Graph) -> list[int]:
    """The constant shape that a node asks for; empty where it is computed."""
    tensor = graph.tensor(node.input(1))
    is_shape = tensor is not None and tensor.dtype == "int64"
    return (graph.integers(node.input(1)) or []) if is_shape else []


def _finding(node: Node, what: str, symbol: object, size: int, also: str = "") -> Finding:
    at_run_time = f"compute it from the size of {symbol!r} at run time"
    return Finding(
        node,
        f"constant {what} only fits {symbol!r} = {also}{size}, but {symbol!r} is dynamic",
        measured=size,
        unit=f"size of {symbol}",
        hint=f"replace one size by -1, or {at_run_time}"
        if node.op == "Reshape" and not also
        else at_run_time,
    )
