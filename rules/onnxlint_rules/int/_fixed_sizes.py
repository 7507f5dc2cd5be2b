"""Constants that only fit one size of a dynamic dimension, and which size that is."""

from collections.abc import Callable, Iterator
from itertools import product
from math import prod

from msgspec import Struct

from onnxlint import Graph, Node, Shapes, SymbolicSizes
from onnxlint.model.graph.operators import BROADCASTING, STATE_SLOTS


class Fit(Struct, frozen=True):
    """A constant that only fits one size of the dimension `symbol`, and what `also` says."""

    constant: str
    symbol: object
    size: int
    also: str = ""


Check = Callable[[Node, Graph, Shapes, SymbolicSizes], Iterator[Fit]]


def reshape(node: Node, graph: Graph, shapes: Shapes, dynamic: SymbolicSizes) -> Iterator[Fit]:
    """Compares the elements of the data with those of a constant shape without a dynamic size."""
    value = node.input(0)
    data, count = shapes.of(value), None if value is None else dynamic.counts.get(value)
    target = _target(node, graph)
    if data is None or count is None or not target or node.attribute("allowzero"):
        return
    copied = (data.dim(axis) if size == 0 else size for axis, size in enumerate(target))
    sizes = [size for size in copied if isinstance(size, int)]
    if len(sizes) < len(target):
        return
    batches = count.factor / abs(prod(sizes))
    if -1 not in sizes and batches.numerator == 1:
        yield Fit(f"shape {sizes}", count.symbol, batches.denominator)
    elif -1 in sizes and 1 < batches.denominator == sizes[0]:
        yield Fit(f"shape {sizes}", count.symbol, sizes[0], "a multiple of ")


def expand(node: Node, graph: Graph, shapes: Shapes, dynamic: SymbolicSizes) -> Iterator[Fit]:
    """Compares the axes of the data with the constant sizes that they are expanded to."""
    data, sizes = shapes.of(node.input(0)), _target(node, graph)
    if data is None or data.dims is None:
        return
    for dim, size in zip(reversed(data.dims), reversed(sizes), strict=False):
        if dim in dynamic.symbols and size > 1:
            yield Fit(f"shape {sizes}", dim, size, "1 or ")


def split_sizes(node: Node, graph: Graph, shapes: Shapes, dynamic: SymbolicSizes) -> Iterator[Fit]:
    """Compares the constant sizes of the parts with the axis that is split: they are its sum."""
    data, given = shapes.of(node.input(0)), node.input(1)
    sizes = node.integers("split") if given is None else graph.integers(given)
    dim = None if data is None else data.dim(node.attribute("axis", 0))
    if sizes and dim in dynamic.symbols:
        yield Fit(f"list of split sizes {sizes}", str(dim), sum(sizes))


def initial_states(
    node: Node, graph: Graph, shapes: Shapes, dynamic: SymbolicSizes
) -> Iterator[Fit]:
    """Compares the batch axis of a recurrent layer's input with those of its initial states."""
    axis = 0 if node.attribute("layout", 0) else 1
    data = shapes.of(node.input(0))
    tensors = (graph.tensor(node.input(slot)) for slot in STATE_SLOTS[node.op])
    state = next(filter(None, tensors), None)
    symbol = None if data is None else data.dim(axis)
    if state is not None and len(state.dims) == 3 and symbol in dynamic.symbols:
        yield Fit("initial state", symbol, state.dims[axis])


def broadcast(node: Node, graph: Graph, shapes: Shapes, dynamic: SymbolicSizes) -> Iterator[Fit]:
    """Compares what is made of constants alone with the dynamic sizes of the other operand."""
    varying = graph.varying
    operands = [value for value in node.inputs if value is not None]
    fixed = [shapes.of(value) for value in operands if value not in varying]
    if not fixed:
        return
    free = [shapes.of(value) for value in operands if value in varying]
    inner = 2 if node.op == "MatMul" else 0  # its last two axes are not stretched
    for constant, other in product(filter(None, fixed), filter(None, free)):
        for axis in range(-1 - inner, -1 - (constant.rank or 0), -1):
            size, symbol = constant.dim(axis), other.dim(axis)
            if isinstance(size, int) and size > 1 and symbol in dynamic.symbols:
                shape = [*(constant.dims or ())]
                yield Fit(f"operand of shape {shape}", symbol, size, "1 or ")
                return


def _target(node: Node, graph: Graph) -> list[int]:
    """The constant shape that a node asks for; empty where it is computed."""
    tensor = graph.tensor(node.input(1))
    is_shape = tensor is not None and tensor.dtype == "int64"
    return (graph.integers(node.input(1)) or []) if is_shape else []


CHECKS: dict[str, Check] = {
    "Reshape": reshape,
    "Expand": expand,
    "Split": split_sizes,
    **dict.fromkeys(STATE_SLOTS, initial_states),
    **dict.fromkeys(sorted(BROADCASTING | {"MatMul"}), broadcast),
}
"""What is compared, by operator: those of the last line stretch an operand of size 1 to the other's
size, and take no other; a MatMul does so before its last two axes."""
