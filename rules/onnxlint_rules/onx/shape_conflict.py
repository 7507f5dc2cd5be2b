"""ONX027 shape-conflict."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Severity, Shapes, rule


@rule("ONX027", "shape-conflict", severity=Severity.ERROR)
def shape_conflict(shapes: Shapes) -> Iterator[Finding]:
    """A node whose inputs and attributes do not fit each other.

    Why: the node will fail at its first run, or already when the model is loaded. Shape inference
    sees it without running anything, at every node rather than at the first. Nodes that only lack
    an input, or contradict a declared type, are left to undefined-value, wrong-arity and
    declared-shape-mismatch. Some misfits end the process of whatever infers shapes, onnxruntime's
    included, as a Split with more outputs than its `num_outputs` does: where nothing else can be
    told of a node, it is told that inference crashes there.
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
