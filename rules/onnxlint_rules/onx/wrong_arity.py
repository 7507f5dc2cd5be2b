"""ONX025 wrong-arity."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Scope, Severity, Value, rule

MOST_TOLD = 16
"""Inputs of one call that are told to lack: many short calls may lack thousands each."""

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
            yield from _judge(node, "inputs", node.inputs, *inputs)
            yield from _judge(node, "outputs", node.outputs, *outputs)
            if node.op in _OUTPUT_COUNTS:
                yield from _judge_count(node, schema.since_version)
    needed = _needed_inputs(graph, schemas) if graph.functions else {}
    for node in graph.nodes() if graph.functions else ():
        if node.called is not None:
            yield from _judge_call(node, node.called, needed[node.called])


def _judge(
    node: Node, what: str, given: list[Value | None], formal: Sequence[Any], least: int, most: int
) -> Iterator[Finding]:
    """Compares one side of a node with the formal parameters of its operator."""
    if not least <= len(given) <= most:
        count, limit = len(given), least if len(given) < least else most
        bound = "at least" if count < least else "at most"
        message = f"{node.op} has {count} {what} where {bound} {limit} are asked for"
        yield Finding(node, message, measured=count, limit=limit, unit=what)
        return
    for slot, value in enumerate(given) if None in given else ():
        parameter = formal[min(slot, len(formal) - 1)]
        if value is None and (
            parameter.option.name == "Single"
            or (parameter.option.name == "Variadic" and what == "inputs")
        ):
            yield Finding(node, f"{node.op} leaves out {parameter.name!r} of its {what}")


def _judge_count(node: Node, since: int) -> Iterator[Finding]:
    """Judges a number of outputs that lies between the two that are allowed."""
    by_opset = _OUTPUT_COUNTS[node.op]
    least, most = by_opset[max(v for v in by_opset if v <= since)]
    count = len(node.proto.output)
    if least < count < most:
        message = f"{node.op} has {count} outputs where {least} or {most} are asked for"
        yield Finding(node, message, measured=count, limit=most, unit="outputs")


def _judge_call(
    node: Node, function: Scope, needed: Sequence[tuple[int, str]]
) -> Iterator[Finding]:
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
    lacking = (name for slot, name in needed if node.input(slot) is None)
    for name in islice(lacking, MOST_TOLD):
        yield Finding(node, f"{node.op} leaves out {name!r}, which the function needs")


def _needed_inputs(graph: Graph, schemas: Schemas) -> dict[Scope, list[tuple[int, str]]]:
    """The inputs that a node of each function, or of one that it calls, cannot do without."""
    inputs = [value for function in graph.functions for value in function.inputs]
    handed_on: dict[Value, list[Value]] = defaultdict(list)
    needed: set[Value] = set()
    for value in inputs:
        for reader, slot in value.uses:
            called = reader.called
            if called is not None and slot < len(called.inputs):
                handed_on[called.inputs[slot]].append(value)
            elif _must_have(schemas.of(reader), slot):
                needed.add(value)
    pending = list(needed)
    for value in pending:
        news = [outer for outer in handed_on[value] if outer not in needed]
        needed.update(news)
        pending += news
    return {
        function: [
            (slot, value.name) for slot, value in enumerate(function.inputs) if value in needed
        ]
        for function in graph.functions
    }


def _must_have(schema: Any, slot: int) -> bool:
    """Whether an operator cannot do without the input in a slot."""
    options = () if schema is None else _options(schema)
    return bool(options) and options[min(slot, len(options) - 1)] != "Optional"


@cache
def _options(schema: Any) -> tuple[str, ...]:
    """Whether each input of an operator is single, optional or variadic."""
    return tuple(parameter.option.name for parameter in schema.inputs)
