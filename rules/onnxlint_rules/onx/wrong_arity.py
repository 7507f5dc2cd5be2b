"""ONX025 wrong-arity."""

from collections.abc import Iterator, Sequence
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule


@rule("ONX025", "wrong-arity", severity=Severity.ERROR)
def wrong_arity(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """A node with fewer or more inputs or outputs than its operator has.

    Why: runtimes refuse the model, some with a crash. Between opsets, attributes became inputs and
    inputs became optional: a node written for one opset and imported under another looks like this.
    Fix: import the opset that the node was written for, or write the node as its opset asks.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Add(x)
    }

    Bad:
    # the first output may not be left out
    net (float[N] x, int64[1] k) => (int64[1] index)
    {
        "", index = TopK(x, k)
    }

    Good:
    net (float[N] x, float high) => (float[N] y)
    {
        y = Clip(x, "", high)
    }
    """
    for node in graph.nodes():
        schema = schemas.of(node)
        if schema is None:
            continue
        bounds = schema.min_input, schema.max_input
        yield from _judge(node, "inputs", node.proto.input, schema.inputs, *bounds)
        bounds = schema.min_output, schema.max_output
        yield from _judge(node, "outputs", node.proto.output, schema.outputs, *bounds)


def _judge(
    node: Node, what: str, names: Sequence[str], formal: Sequence[Any], least: int, most: int
) -> Iterator[Finding]:
    """Compares one side of a node with the formal parameters of its operator."""
    if not least <= len(names) <= most:
        count, limit = len(names), least if len(names) < least else most
        bound = "at least" if count < least else "at most"
        message = f"{node.op} has {count} {what} where {bound} {limit} are asked for"
        yield Finding(node, message, measured=count, limit=limit, unit=what)
        return
    for name, parameter in zip(names, formal, strict=False):
        if not name and parameter.option.name == "Single":
            yield Finding(node, f"{node.op} leaves out {parameter.name!r} of its {what}")
