"""ONX025 wrong-arity."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Scope, Severity, Value, rule
from onnxlint.model.graph.walk import Walk

MOST_TOLD = 16
"""Omitted inputs reported for one call; a choice: each of many calls may omit thousands."""

_OUTPUT_COUNTS = {"BatchNormalization": {1: (1, 5), 14: (1, 3)}}
"""Operators with so many outputs and no number between, from an opset on."""


@rule("ONX025", "wrong-arity", severity=Severity.ERROR)
def wrong_arity(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """A node with too few or too many inputs or outputs for its operator or function.

    Why: runtimes reject the model, some with a crash: onnxruntime 1.32 crashes on a Sum with an
    omitted input. Between opsets, attributes became inputs and inputs became optional: a node
    written for one opset and imported under another looks like this.
    Fix: import the opset that the node was written for, or write the node for the imported one.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Add(x)
    }

    Bad:
    # the first output must not be omitted
    net (float[N] x, int64[1] k) => (int64[1] index)
    {
        "", index = TopK(x, k)
    }

    Bad:
    # no input of a variadic operator may be omitted
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
        message = f"{node.op} has {counted(count, what)}, expected {bound} {limit}"
        change = "connect" if count < least else "remove"
        number = f"{abs(limit - count)} {'more ' if count < least else ''}"
        slots = what[:-1] if abs(limit - count) == 1 else what
        hint = f"{change} {number}{slots}, or import the opset the node was written for"
        yield Finding(node, message, measured=count, limit=limit, unit=what, hint=hint)
        return
    for slot, value in enumerate(given) if None in given else ():
        parameter = formal[min(slot, len(formal) - 1)]
        if value is None and (
            parameter.option.name == "Single"
            or (parameter.option.name == "Variadic" and what == "inputs")
        ):
            yield _omission(node, f"required {what[:-1]} {parameter.name!r}", parameter.name)


def _judge_count(node: Node, since: int) -> Iterator[Finding]:
    """Judges a number of outputs that lies between the two that are allowed."""
    by_opset = _OUTPUT_COUNTS[node.op]
    least, most = by_opset[max(v for v in by_opset if v <= since)]
    count = len(node.proto.output)
    if least < count < most:
        message = f"{node.op} has {counted(count, 'outputs')}, expected {least} or {most}"
        hint = f"list {least} or {most} outputs"
        yield Finding(node, message, measured=count, limit=most, unit="outputs", hint=hint)


def _judge_call(
    node: Node, function: Scope, needed: Sequence[tuple[int, str]]
) -> Iterator[Finding]:
    """Compares a call with the function's lists; inputs that no node requires may be omitted."""
    assert function.function is not None
    lists = {
        "inputs": (node.proto.input, function.function.input),
        "outputs": (node.proto.output, function.function.output),
    }
    for what, (names, formal) in lists.items():
        if len(names) > len(formal):
            count, limit = len(names), len(formal)
            message = f"{node.op} has {counted(count, what)}, expected at most {limit}"
            hint = f"remove {counted(count - limit, what)}, or extend the function"
            yield Finding(node, message, measured=count, limit=limit, unit=what, hint=hint)
    lacking = (name for slot, name in needed if node.input(slot) is None)
    for name in islice(lacking, MOST_TOLD):
        yield _omission(node, f"input {name!r}, which the function requires", name)


def _omission(node: Node, what: str, name: str) -> Finding:
    return Finding(node, f"{node.op} omits {what}", hint=f"connect {name!r}")


def counted(count: int, what: str) -> str:
    """A number of things, whose plural ends in s."""
    return f"{count} {what[:-1] if count == 1 else what}"


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
    walk = Walk(needed)
    for value in walk:
        needed.add(value)
        walk.add(*handed_on[value])
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
