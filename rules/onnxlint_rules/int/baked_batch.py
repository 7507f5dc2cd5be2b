"""INT002 baked-batch."""

from collections.abc import Iterator

from onnxlint import (
    Finding,
    Graph,
    Node,
    NotApplicable,
    Severity,
    Shapes,
    SymbolicSizes,
    rule,
)
from onnxlint_rules.int._fixed_sizes import CHECKS, Fit


@rule(
    "INT002",
    "baked-batch",
    severity=Severity.WARNING,
    ops=CHECKS,
)
def baked_batch(graph: Graph, shapes: Shapes, dynamic: SymbolicSizes) -> Iterator[Finding]:
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
    # the same positions for every sample
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
    if not dynamic.symbols:
        raise NotApplicable("no input has a named dynamic dimension")
    for node in graph.main.nodes:
        if node.op in CHECKS:
            for fit in CHECKS[node.op](node, graph, shapes, dynamic):
                yield _finding(node, fit)


def _finding(node: Node, fit: Fit) -> Finding:
    symbol = repr(fit.symbol)
    at_run_time = f"compute it from the size of {symbol} at run time"
    return Finding(
        node,
        f"constant {fit.constant} only fits {symbol} = {fit.also}{fit.size}, "
        f"but {symbol} is dynamic",
        measured=fit.size,
        unit=f"size of {fit.symbol}",
        hint=f"replace one size by -1, or {at_run_time}"
        if node.op == "Reshape" and not fit.also
        else at_run_time,
    )
