"""Calls of functions of the model: how many inputs they have, and which the function requires."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Scope, Value
from onnxlint.model.graph.walk import Walk

MOST_REPORTED = 16
"""Omitted inputs reported for one call; a choice: each of many calls may omit thousands."""


def required_inputs(graph: Graph, schemas: Schemas) -> dict[Scope, list[tuple[int, str]]]:
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


def misfits_of_call(
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
    for name in islice(lacking, MOST_REPORTED):
        yield omission(node, f"input {name!r}, which the function requires", name)


def omission(node: Node, what: str, name: str) -> Finding:
    """The finding of an input or output that is left out."""
    return Finding(node, f"{node.op} omits {what}", hint=f"connect {name!r}")


def counted(count: int, what: str) -> str:
    """A number of things, whose plural ends in s."""
    return f"{count} {what[:-1] if count == 1 else what}"
