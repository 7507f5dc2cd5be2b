"""ONX026 type-constraint-violation."""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Any

from onnxlint import Finding, Graph, Schemas, Severity, Shapes, rule


@rule("ONX026", "type-constraint-violation", severity=Severity.ERROR)
def type_constraint_violation(graph: Graph, schemas: Schemas, shapes: Shapes) -> Iterator[Finding]:
    """An input of a type that its operator does not take, or that does not go with another input's.

    Why: runtimes refuse the model when they load it; nothing is converted silently in ONNX.
    Half-converted float16 models fail so, with a Cast or a constant that kept its old type.
    Fix: cast the input, or convert the constant, to the type that the operator asks for.

    Bad:
    net (float[N] x, int64[N] i) => (float[N] y)
    {
        y = Add(x, i)
    }

    Bad:
    net (string[N] x) => (string[N] y)
    {
        y = Relu(x)
    }

    Good:
    net (float[N] x, int64[N] i) => (float[N] y)
    {
        f = Cast <to = 1> (i)
        y = Add(x, f)
    }
    """
    for node in graph.nodes():
        schema = schemas.of(node)
        if schema is None:
            continue
        taken: dict[str, str] = {}
        for slot, (value, parameter) in enumerate(
            zip(node.inputs, _formal(schema.inputs), strict=False)
        ):
            shape = shapes.of(value)
            if shape is None:
                continue
            found = f"tensor({shape.dtype})"
            if found not in parameter.types:
                yield Finding(
                    node, f"{node.op} takes no {found} as input {slot} ({parameter.name})"
                )
            elif parameter.is_homogeneous:
                other = taken.setdefault(parameter.type_str, found)
                if other != found:
                    message = f"{node.op} got {found} as input {slot}, where {other} came before"
                    yield Finding(node, message)


def _formal(parameters: Sequence[Any]) -> Iterator[Any]:
    """The parameters of an operator, the last one for ever: it may be variadic."""
    return chain(parameters, repeat(parameters[-1])) if parameters else iter(())
