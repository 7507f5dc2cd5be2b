"""ONX027 shape-conflict."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, NotApplicable, Severity, Shapes, rule
from onnxlint_rules.onx._reflections import too_wide


@rule("ONX027", "shape-conflict", severity=Severity.ERROR)
def shape_conflict(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A node whose inputs and attributes do not fit each other.

    Why: the node will fail at its first run, or already when the model is loaded. Shape inference
    sees it without running anything, at every node rather than at the first. Nodes that only lack
    an input, or contradict a declared type, are left to undefined-value, wrong-arity and
    declared-shape-mismatch. Some misfits end the process of whatever infers shapes, onnxruntime's
    included, as a Split with more outputs than its `num_outputs` does: where nothing else can be
    told of a node, it is told that inference crashes there. A Pad reflects no more than what lies
    behind the edge: onnxruntime refuses to run it beyond; a warning in a branch that may not be
    taken.
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
    """
    if shapes.problem is not None:
        raise NotApplicable(shapes.problem)
    for failure in shapes.failures:
        if failure.is_conflict:
            inputs = ", ".join(str(shapes.of(value) or "?") for value in failure.node.inputs)
            where = f"in its {failure.inner_op}: " if failure.inner_op else ""
            yield Finding(failure.node, f"{where}{failure.reason} (inputs: {inputs})")
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
