"""ONX027 shape-conflict."""

from collections.abc import Iterator

from onnxlint import (
    Expansions,
    Finding,
    Graph,
    InferenceFailures,
    Node,
    NotApplicable,
    Severity,
    Shapes,
    rule,
)
from onnxlint.model.graph.operators import REFUSING_CONFLICTS
from onnxlint_rules.onx._conflicts import advice, message_of
from onnxlint_rules.onx._operands import OPS, misfits
from onnxlint_rules.onx._reflections import too_wide


@rule("ONX027", "shape-conflict", severity=Severity.ERROR)
def shape_conflict(
    graph: Graph, shapes: Shapes, failures: InferenceFailures, expansions: Expansions
) -> Iterator[Finding]:
    """A node whose input shapes and attributes are incompatible.

    Why: the node fails at its first run, or when the model is loaded. Shape inference finds this
    without a run, at every such node and not only at the first. Missing inputs and contradictions
    of declared types are reported by undefined-value, wrong-arity and declared-shape-mismatch. Some
    conflicts crash whatever infers shapes, onnxruntime included, as a Split with more outputs than
    its `num_outputs` does: if nothing more specific is known, the crash itself is reported. Beyond
    what onnx's inference compares, the sizes of biases, weights of recurrent layers, the C of Gemm,
    the slope of PRelu, the limits of Clip, scales of normalisations and labels of losses are
    checked: onnxruntime rejects these only when the node runs or is expanded (PyTorch issue
    166797). So are heads, caches and blocks of Attention, RotaryEmbedding, AffineGrid and
    DepthToSpace. Operators that the specification defines as functions are checked inside: a
    conflict there is an error where onnxruntime is known to reject it, otherwise a warning. A Pad
    cannot reflect more values than lie behind the edge: onnxruntime rejects that at run time. Both
    are warnings in a branch that may not be taken.
    Fix: compare the shapes in the message with the layer's definition; a transposed weight and a
    missing Reshape are the usual causes.

    Bad:
    net (float[N, 3] x, float[4, 2] w) => (float[N, 2] y)
    {
        y = MatMul(x, w)
    }

    Bad:
    net (float[2, 3] x, float[4, 3] z) => (float[2, 6] y)
    {
        y = Concat <axis = 1> (x, z)
    }

    Bad:
    # a bias for 2 of 3 channels
    net (float[N, 1, 4, 4] x, float[3, 1, 1, 1] w, float[2] b) => (float[N, 3, 4, 4] y)
    {
        y = Conv(x, w, b)
    }

    Bad:
    # R of another hidden size
    net (float[S, N, 2] x, float[1, 8, 2] w, float[1, 8, 3] r) => (float[S, 1, N, 2] y)
    {
        y = LSTM <hidden_size = 2> (x, w, r)
    }

    Bad:
    net (float[N, 3] x, float[3, 4] w, float[3] c) => (float[N, 4] y)
    {
        y = Gemm(x, w, c)
    }

    Bad:
    # four values have three behind each edge
    net (float[N, 4] x) => (float[N, 8] y)
    <int64[4] pads = {0, 4, 0, 0}>
    {
        y = Pad <mode = "reflect"> (x, pads)
    }

    Bad:
    # one value is cut off, which leaves two behind the edge
    net (float[N, 4] x) => (float[N, 6] y)
    <int64[2] pads = {3, -1}, float zero = {0}, int64[1] last = {-1}>
    {
        y = Pad <mode = "reflect"> (x, pads, zero, last)
    }

    Bad:
    <ir_version: 11, opset_import: ["": 23]>
    # keys for five positions, and a mask for four
    net (float[N, 2, 3, 4] q, float[N, 2, 5, 4] k, float[N, 2, 5, 4] v, float[3, 4] mask)
        => (float[N, 2, 3, 4] y)
    {
        y = Attention(q, k, v, mask)
    }

    Bad:
    <ir_version: 11, opset_import: ["": 23]>
    # three heads of keys for four of queries
    net (float[N, 4, S, 8] q, float[N, 3, T, 8] k, float[N, 3, T, 8] v) => (float[N, 4, S, 8] y)
    {
        y = Attention(q, k, v)
    }

    Bad:
    <ir_version: 11, opset_import: ["": 23]>
    # cosines for a whole head of eight instead of half of it
    net (float[N, 2, S, 8] x, float[N, S, 8] c, float[N, S, 8] s) => (float[N, 2, S, 8] y)
    {
        y = RotaryEmbedding(x, c, s)
    }

    Bad:
    # six channels are not divisible by two squared
    net (float[N, 6, H, W] x) => (float[N, 1, A, B] y)
    {
        y = DepthToSpace <blocksize = 2> (x)
    }

    Good:
    <ir_version: 11, opset_import: ["": 23]>
    # two query heads share a key head, values have another size, and there is a cache
    net (float[N, 2, 3, 4] q, float[N, 1, 5, 4] k, float[N, 1, 5, 6] v, float[3, 12] mask,
         float[N, 1, 7, 4] keys, float[N, 1, 7, 6] values)
        => (float[N, 2, 3, 6] y, float[N, 1, 12, 4] more_keys, float[N, 1, 12, 6] more_values)
    {
        y, more_keys, more_values = Attention(q, k, v, mask, keys, values)
    }

    Good:
    <ir_version: 11, opset_import: ["": 23]>
    # half of each head is rotated
    net (float[N, S, 16] x, float[100, 2] c, float[100, 2] s, int64[N, S] at)
        => (float[N, S, 16] y)
    {
        y = RotaryEmbedding <num_heads = 2, rotary_embedding_dim = 4> (x, c, s, at)
    }

    Good:
    net (float[N, 8, H, W] x) => (float[N, 2, A, B] y)
    {
        y = DepthToSpace <blocksize = 2> (x)
    }

    Good:
    net (float[N, 4] x) => (float[N, 10] y)
    <int64[4] pads = {0, 3, 0, 3}>
    {
        y = Pad <mode = "reflect"> (x, pads)
    }

    Good:
    # an edge can be repeated any number of times
    net (float[N, 4] x) => (float[N, 8] y)
    <int64[4] pads = {0, 4, 0, 0}>
    {
        y = Pad <mode = "edge"> (x, pads)
    }

    Good:
    # the size of a dynamic axis is unknown
    net (float[N, T] x) => (float[N, M] y)
    <int64[4] pads = {0, 4, 0, 0}>
    {
        y = Pad <mode = "reflect"> (x, pads)
    }

    Good:
    net (float[N, 3] x, float[3, 2] w) => (float[N, 2] y)
    {
        y = MatMul(x, w)
    }

    Good:
    # a transposed convolution has its output channels second, per group
    net (float[N, 4, 4, 4] x, float[4, 3, 1, 1] w, float[6] b) => (float[N, 6, 4, 4] y)
    {
        y = ConvTranspose <group = 2> (x, w, b)
    }

    Good:
    net (float[S, N, 2] x, float[2, 8, 2] w, float[2, 8, 2] r, float[2, 16] b)
        => (float[S, 2, N, 2] y)
    {
        y = LSTM <hidden_size = 2, direction = "bidirectional"> (x, w, r, b)
    }

    Good:
    net (float[N, 3] x, float[3, 4] w, float[1, 1] c, float[4] slope) => (float[N, 4] y)
    {
        h = Gemm(x, w, c)
        y = PRelu(h, slope)
    }
    """
    if shapes.problem is not None:
        raise NotApplicable(shapes.problem)
    for failure in failures.found:
        if failure.is_conflict:
            yield Finding(failure.node, message_of(failure, shapes), hint=advice(failure.node))
    broken = {failure.node for failure in failures.found}
    for node in graph.nodes(*OPS):
        for message, hint in misfits(node, shapes) if node not in broken else ():
            broken.add(node)
            yield Finding(node, message, severity=_severity(node), hint=hint)
    for failure in expansions.failures:
        node = failure.node
        if node not in broken:
            severity = _severity(node) if node.op in REFUSING_CONFLICTS else Severity.WARNING
            yield Finding(node, message_of(failure, shapes), severity=severity, hint=advice(node))
    for node in graph.nodes("Pad"):
        for found in too_wide(node, graph, shapes):
            yield Finding(
                node,
                f"axis {found.axis}: reflects {found.wanted} values (limit {found.there}, those "
                "behind the edge)",
                measured=found.wanted,
                limit=found.there,
                unit="values",
                severity=_severity(node),
                hint=f"pad axis {found.axis} by at most {found.there}, or use another mode",
            )


def _severity(node: Node) -> Severity | None:
    """A warning where the node is in a branch that may not be taken."""
    return None if node.scope.parent is None else Severity.WARNING
