"""ONX027 shape-conflict."""

from collections.abc import Iterator

from onnxlint import Expansions, Finding, Graph, NotApplicable, Severity, Shapes, rule
from onnxlint.analyses.static.shapes import InferenceFailure
from onnxlint_rules.onx._operands import OPS, misfits
from onnxlint_rules.onx._reflections import too_wide


@rule("ONX027", "shape-conflict", severity=Severity.ERROR)
def shape_conflict(graph: Graph, shapes: Shapes, expansions: Expansions) -> Iterator[Finding]:
    """A node whose inputs and attributes do not fit each other.

    Why: the node will fail at its first run, or already when the model is loaded. Shape inference
    sees it without running anything, at every node rather than at the first. Nodes that only lack
    an input, or contradict a declared type, are left to undefined-value, wrong-arity and
    declared-shape-mismatch. Some misfits end the process of whatever infers shapes, onnxruntime's
    included, as a Split with more outputs than its `num_outputs` does: where nothing else can be
    told of a node, it is told that inference crashes there. Beside what onnx's inference compares,
    biases, the weights of recurrent layers, the C of Gemm, the slope of PRelu, the limits of Clip,
    scales of normalisations and labels of losses are held against the sizes that they go with:
    onnxruntime refuses these only when the node runs or is expanded (PyTorch issue 166797). So are
    heads, caches and blocks of Attention, RotaryEmbedding, AffineGrid, DepthToSpace. Operators that
    the specification spells out as functions are looked into: what does not fit in their bodies is
    an error where onnxruntime is known to refuse it, and a warning elsewhere. A Pad
    reflects no more than what lies behind the edge: onnxruntime refuses to run it beyond. Both are
    warnings in a branch that may not be taken.
    Fix: compare the shapes in the message with the layer's definition; a transposed weight and a
    forgotten Reshape are the usual causes.

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
    # four numbers have three behind each edge
    net (float[N, 4] x) => (float[N, 8] y)
    <int64[4] pads = {0, 4, 0, 0}>
    {
        y = Pad <mode = "reflect"> (x, pads)
    }

    Bad:
    # one number is cut off, and two are left behind the edge
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
    # cosines for a whole head of eight, where half of it is one number of a pair
    net (float[N, 2, S, 8] x, float[N, S, 8] c, float[N, S, 8] s) => (float[N, 2, S, 8] y)
    {
        y = RotaryEmbedding(x, c, s)
    }

    Bad:
    # six channels are no squares of two
    net (float[N, 6, H, W] x) => (float[N, 1, A, B] y)
    {
        y = DepthToSpace <blocksize = 2> (x)
    }

    Good:
    <ir_version: 11, opset_import: ["": 23]>
    # two heads of queries share one of keys, values have a size of their own, and what came before
    net (float[N, 2, 3, 4] q, float[N, 1, 5, 4] k, float[N, 1, 5, 6] v, float[3, 12] mask,
         float[N, 1, 7, 4] keys, float[N, 1, 7, 6] values)
        => (float[N, 2, 3, 6] y, float[N, 1, 12, 4] more_keys, float[N, 1, 12, 6] more_values)
    {
        y, more_keys, more_values = Attention(q, k, v, mask, keys, values)
    }

    Good:
    <ir_version: 11, opset_import: ["": 23]>
    # half of each head is turned
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
    # of an axis that may be of any size nothing is known
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
    # a transposed convolution has its output channels second, once for each group
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
    for failure in shapes.failures:
        if failure.is_conflict:
            yield Finding(failure.node, _told(failure, shapes))
    broken = {failure.node for failure in shapes.failures}
    for node in graph.nodes(*OPS):
        for misfit in misfits(node, shapes) if node not in broken else ():
            broken.add(node)
            severity = None if node.scope.parent is None else Severity.WARNING
            yield Finding(node, misfit, severity=severity)
    for failure in expansions.failures:
        if failure.node not in broken:
            certain = failure.node.op in _REFUSED and failure.node.scope.parent is None
            severity = None if certain else Severity.WARNING
            yield Finding(failure.node, _told(failure, shapes), severity=severity)
    for node in graph.nodes("Pad"):
        for found in too_wide(node, graph, shapes):
            yield Finding(
                node,
                f"axis {found.axis} has {found.there} values behind its edge to reflect, and "
                f"{found.wanted} are asked for",
                measured=found.wanted,
                limit=found.there,
                unit="values",
                severity=None if node.scope.parent is None else Severity.WARNING,
            )


_REFUSED = ("Attention", "RotaryEmbedding")
"""Operators of which onnxruntime 1.32 refuses what does not fit inside; it was tried."""


def _told(failure: InferenceFailure, shapes: Shapes) -> str:
    inputs = ", ".join(str(shapes.of(value) or "?") for value in failure.node.inputs)
    where = f"in its {failure.inner_op}: " if failure.inner_op else ""
    return f"{where}{failure.reason} (inputs: {inputs})"
