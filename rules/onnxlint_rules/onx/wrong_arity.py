"""ONX025 wrong-arity."""

from collections.abc import Iterator, Sequence
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Scope, Severity, Value, Walk, rule

_OUTPUT_COUNTS = {"BatchNormalization": {1: (1, 5), 14: (1, 3)}}
"""Operators with so many outputs and no number between, from an opset on."""


@rule("ONX025", "wrong-arity", severity=Severity.ERROR)
def wrong_arity(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """A node with fewer or more inputs or outputs than its operator, or the function it calls, has.

    Why: runtimes refuse the model, some with a crash: onnxruntime 1.32 dies of a Sum one of whose
    inputs is left out. Between opsets, attributes became inputs and
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

    Bad:
    # none of the inputs of a variadic operator may be left out
    net (float[N] x) => (float[N] y)
    {
        y = Sum(x, "")
    }

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.shift(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    shift (a, bias) => (b)
    {
        b = Add(a, bias)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.cut(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    cut (a, low) => (b)
    {
        b = Clip(a, low)
    }

    Good:
    net (float[N] x, float high) => (float[N] y)
    {
        y = Clip(x, "", high)
    }
    """
    for schema, nodes in schemas.uses(graph):
        inputs = schema.inputs, schema.min_input, schema.max_input
        outputs = schema.outputs, schema.min_output, schema.max_output
        for node in nodes:
            yield from _judge(node, "inputs", node.proto.input, *inputs)
            yield from _judge(node, "outputs", node.proto.output, *outputs)
            yield from _judge_count(node, schema.since_version)
    for node in graph.nodes() if graph.functions else ():
        if node.called is not None:
            yield from _judge_call(node, node.called, schemas)


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
    for slot, name in enumerate(names):
        parameter = formal[min(slot, len(formal) - 1)]
        if not name and (
            parameter.option.name == "Single"
            or (parameter.option.name == "Variadic" and what == "inputs")
        ):
            yield Finding(node, f"{node.op} leaves out {parameter.name!r} of its {what}")


def _judge_count(node: Node, since: int) -> Iterator[Finding]:
    """Judges a number of outputs that lies between the two that are allowed."""
    by_opset = _OUTPUT_COUNTS.get(node.op, {})
    least, most = by_opset[max(v for v in by_opset if v <= since)] if by_opset else (0, 0)
    count = len(node.proto.output)
    if least < count < most:
        message = f"{node.op} has {count} outputs where {least} or {most} are asked for"
        yield Finding(node, message, measured=count, limit=most, unit="outputs")


def _judge_call(node: Node, function: Scope, schemas: Schemas) -> Iterator[Finding]:
    """Compares a call with the function's lists; inputs that its nodes can do without may lack."""
    assert function.function is not None
    lists = {
        "inputs": (node.proto.input, function.function.input),
        "outputs": (node.proto.output, function.function.output),
    }
    for what, (names, formal) in lists.items():
        if len(names) > len(formal):
            count, limit = len(names), len(formal)
            message = f"{node.op} has {count} {what} where the function has {limit}"
            yield Finding(node, message, measured=count, limit=limit, unit=what)
    for slot, value in enumerate(function.inputs):
        if node.input(slot) is None and _is_needed(value, schemas):
            yield Finding(node, f"{node.op} leaves out {value.name!r}, which the function needs")


def _is_needed(value: Value, schemas: Schemas) -> bool:
    """Whether a node of the function, or of one that it calls, cannot do without an input."""
    walk = Walk([value])
    for given in walk:
        for reader in given.consumers:
            schema, called = schemas.of(reader), reader.called
            for slot in (slot for slot, read in enumerate(reader.inputs) if read is given):
                if schema is not None and schema.inputs:
                    parameter = schema.inputs[min(slot, len(schema.inputs) - 1)]
                    if parameter.option.name != "Optional":
                        return True
                elif called is not None and slot < len(called.inputs):
                    walk.add(called.inputs[slot])
    return False
