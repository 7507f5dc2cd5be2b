"""ONX026 type-constraint-violation."""

from collections.abc import Hashable, Iterator

from onnxlint import Finding, Graph, InferenceFailures, Node, Schemas, Severity, Shapes, rule
from onnxlint_rules.onx._type_constraints import (
    formals,
    given_types,
    input_types,
    known_kinds,
    output_types,
    violations,
    wrong_outputs,
)


@rule("ONX026", "type-constraint-violation", severity=Severity.ERROR)
def type_constraint_violation(
    graph: Graph, schemas: Schemas, shapes: Shapes, failures: InferenceFailures
) -> Iterator[Finding]:
    """A type that violates an operator's type constraints.

    Why: runtimes reject the model when they load it; ONNX has no implicit conversion. Partly
    converted float16 models fail like this, with a Cast or a constant that kept its old type. A
    warning for a Constant of a type that its opset does not support: onnxruntime reads it as an
    initializer, and only onnx's full check rejects it. Before opset 28 Mod accepts floats only with
    `fmod` = 1 (onnxruntime issue 1258).
    Fix: cast the input, or convert the constant, to the type that the operator requires.

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

    Bad:
    <ir_version: 10, opset_import: ["" : 12]>
    # Cast supports float8 since opset 19
    net (float[N] x) => (float8e5m2[N] y)
    {
        y = Cast <to = 19> (x)
    }

    Bad:
    net (float16[N] x, float16[N] m) => (float16[N] y)
    {
        y = Mod(x, m)
    }

    Good:
    net (float[N] x, int64[N] i) => (float[N] y)
    {
        f = Cast <to = 1> (i)
        y = Add(x, f)
    }

    Good:
    net (float[N] x, float[N] m, int32[N] i, int32[N] n) => (float[N] y, int32[N] j)
    {
        y = Mod <fmod = 1> (x, m)
        j = Mod(i, n)
    }
    """
    given = given_types(graph)
    told = {failure.node for failure in failures.found if failure.contradicts_declaration}
    for schema, nodes in schemas.uses(graph):
        formal, made, decided = formals(schema)
        right: set[Hashable] = set()
        for node in nodes:
            kinds = known_kinds(node, shapes)
            if formal and (kinds is None or kinds not in right):  # of a million, few are others
                outputs = () if node in told else output_types(node, shapes)
                read = input_types(node, shapes, schemas, given)
                found = [*violations(node, formal, made, read, outputs)]
                yield from found
                if not found and node not in told:
                    right.add(kinds)
            if decided:
                yield from wrong_outputs(node, decided, shapes)
            if node.op == "Mod":
                yield from _judge_mod(node, shapes)


MOD_OF_FLOATS = 28
"""Since this opset Mod accepts floats with either value of `fmod`."""


def _judge_mod(node: Node, shapes: Shapes) -> Iterator[Finding]:
    """Judges the type that an attribute decides: onnxruntime 1.32 rejects the node when it runs."""
    shape = shapes.of(node.input(0))
    early = node.opset < MOD_OF_FLOATS
    if early and shape is not None and shape.is_float and node.attribute("fmod", 0) == 0:
        message = f"Mod does not accept tensor({shape.dtype}) with fmod=0 (only integers)"
        yield Finding(node, message, hint="set fmod to 1")
