"""ONX028 declared-shape-mismatch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, InferenceFailures, NotApplicable, Severity, Shapes, rule
from onnxlint_rules.onx._declarations import (
    advice,
    declared_constants,
    deletion,
    difference_of,
    spelled,
)


@rule("ONX028", "declared-shape-mismatch", severity=Severity.WARNING)
def declared_shape_mismatch(
    graph: Graph, shapes: Shapes, failures: InferenceFailures
) -> Iterator[Finding]:
    """A declared type or shape that contradicts its node or initializer.

    Why: engines and clients that trust the declaration allocate the wrong buffer; onnxruntime warns
    at every run for a shape, and rejects the model for an element type. An error for the latter,
    and for an input that differs from its initializer, which onnxruntime rejects; otherwise a
    warning. Only the first contradiction on a path is reported.
    Fix: delete the stale `value_info` and infer the shapes again, or correct the output's
    declaration. `--fix` deletes the `value_info`; an output's declaration is part of the interface
    and left to you.

    Bad:
    net (float[N, 3] x) => (float[N, 4] y)
    {
        y = Relu(x)
    }

    Bad:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[N, 4] h>
    {
        h = Exp(x)
        y = Relu(h)
    }

    Bad:
    net (float[N, 3] x, float[3] w = {1, 2, 3}) => (float[N, 3] y)
    {
        y = Mul(x, w)
    }
    >>> model.graph.input[1].type.tensor_type.shape.dim[0].dim_value = 4

    Good:
    # dynamic dimensions may have other names
    net (float[N, 3] x) => (float[batch, 3] y)
    {
        y = Relu(x)
    }
    """
    told = False
    for value, declared in declared_constants(graph):
        difference = difference_of(value, declared)
        if difference is not None:
            told = True
            certain = value.is_input or difference == "type"
            stored = shapes.of(value)
            yield Finding(
                value,
                f"declared {spelled(declared, value)}, but its initializer is {stored}",
                severity=Severity.ERROR if certain else None,
                hint=f"declare {value.name!r} as {stored}, or replace the initializer",
            )
    if shapes.problem is not None:
        if told:
            return
        raise NotApplicable(shapes.problem)
    contradicting = [failure for failure in failures.found if failure.contradicts_declaration]
    contradicted = (v for failure in contradicting for v in failure.node.outputs if v)
    downstream = graph.descendants(contradicted)
    for failure in contradicting:
        node = failure.node
        if node in downstream:
            continue
        certain = "elem type" in failure.reason
        yield Finding(
            node,
            failure.reason,
            severity=Severity.ERROR if certain else None,
            fix=deletion(node),
            hint=advice(node),
        )
