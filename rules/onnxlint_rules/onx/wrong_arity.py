"""ONX025 wrong-arity."""

from collections.abc import Iterator, Sequence
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Severity, Value, rule
from onnxlint_rules.onx._calls import counted, misfits_of_call, omission, required_inputs

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
    # inputs of a function may be omitted
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
            if None in node.inputs or not inputs[1] <= len(node.inputs) <= inputs[2]:
                yield from _judge(node, "inputs", node.inputs, *inputs)
            if None in node.outputs or not outputs[1] <= len(node.outputs) <= outputs[2]:
                yield from _judge(node, "outputs", node.outputs, *outputs)
            if node.op in _OUTPUT_COUNTS:
                yield from _judge_count(node, schema.since_version)
    needed = required_inputs(graph, schemas) if graph.functions else {}
    for node in graph.nodes() if graph.functions else ():
        if node.called is not None:
            yield from misfits_of_call(node, node.called, needed[node.called])


def _judge(
    node: Node, what: str, given: list[Value | None], formal: Sequence[Any], least: int, most: int
) -> Iterator[Finding]:
    """Compares one side of a node with the formal parameters of its operator."""
    if not least <= len(given) <= most:
        count, limit = len(given), least if len(given) < least else most
        bound = "at least" if count < least else "at most"
        message = f"{node.op} has {counted(count, what)}, expected {bound} {limit}"
        change = "connect" if count < least else "remove"
        slots = counted(abs(limit - count), f"more {what}" if count < least else what)
        hint = f"{change} {slots}, or import the opset the node was written for"
        yield Finding(node, message, measured=count, limit=limit, unit=what, hint=hint)
        return
    required = ("Single", "Variadic") if what == "inputs" else ("Single",)
    for slot, value in enumerate(given) if None in given else ():
        parameter = formal[min(slot, len(formal) - 1)]
        if value is None and parameter.option.name in required:
            yield omission(node, f"required {what[:-1]} {parameter.name!r}", parameter.name)


def _judge_count(node: Node, since: int) -> Iterator[Finding]:
    """Judges a number of outputs that lies between the two that are allowed."""
    by_opset = _OUTPUT_COUNTS[node.op]
    least, most = by_opset[max(v for v in by_opset if v <= since)]
    count = len(node.proto.output)
    if least < count < most:
        message = f"{node.op} has {counted(count, 'outputs')}, expected {least} or {most}"
        hint = f"list {least} or {most} outputs"
        yield Finding(node, message, measured=count, limit=most, unit="outputs", hint=hint)
