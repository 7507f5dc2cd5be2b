"""GRA007 passthrough-output."""

import re
from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Severity, Value, Walk, rule

_MADE_UP = re.compile(r"(?:.*[/:.])?(?:n|node|op)?_?(?:identity)?_?\d*(?:__\d+)?", re.I)
"""Names of nodes as exporters number them: Identity_3, node_Identity_0, /block/Identity, n4."""


@rule("GRA007", "passthrough-output", severity=Severity.ERROR)
def passthrough_output(graph: Graph) -> Iterator[Finding]:
    """A model output that is a model input, unchanged.

    Why: a runtime may return its own uninitialised buffer for an output that no node writes:
    onnxruntime returned 0 where 2.3 was fed (issue 26339). And whoever reads the output assumes
    that the network computed it. A warning where the model has no other output, and an info where
    Identity nodes stand between, which run correctly and which exporters insert. An Identity with a
    name of its own is intended, and not reported.
    Fix: return what the network computed; if the input is needed, put an Identity between. The
    output then needs a name of its own: callers that fetch it by name must follow.

    Bad:
    # x is an output beside the result
    net (float[N, 2] x) => (float[N, 2] x, float[N, 2] h)
    {
        h = Relu(x)
    }

    Bad:
    # written by an Identity
    net (float[N, 2] x, int64[N] id) => (float[N, 2] h, int64[N] same)
    {
        h = Relu(x)
        same = Identity(id)
    }

    Good:
    # somebody named it
    net (float[N, 2] x, int64[N] id) => (float[N, 2] h, int64[N] key)
    {
        h = Relu(x)
        [row_key] key = Identity(id)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    passed = [value for value in graph.outputs if _is_input(graph.source(value), graph)]
    nothing_else = len(passed) == len(graph.outputs)
    for value in passed:
        source = graph.source(value)
        bare = value is source
        if bare or nothing_else or not _is_named(value):
            milder = Severity.WARNING if nothing_else else Severity.INFO
            yield Finding(
                value,
                f"output is input {source.name!r} "
                f"{'itself' if bare else 'unchanged (passed through Identity only)'}",
                severity=None if bare and graph.main.nodes else milder,
                fix=Fix("rename it through an Identity", _copy_out, value) if bare else None,
                hint="return what the network computed, or an Identity of the input"
                if bare
                else "return what the network computed, or name the Identity if this is intended",
            )


def _is_input(value: Value, graph: Graph) -> bool:
    return value.is_input and value.scope is graph.main


def _is_named(value: Value) -> bool:
    """Whether one of the Identity nodes before it has a name that no exporter generates."""
    walk = Walk([value])
    for at in walk:
        node = at.producer
        if node is not None and node.op == "Identity":
            if node.name and not _MADE_UP.fullmatch(node.name):
                return True
            walk.add(node.input(0))
    return False


def _copy_out(draft: Draft, value: Value) -> None:
    from onnx.helper import make_node

    graph = draft.model.graph
    for output in graph.output:
        if output.name == value.name:
            output.name = draft.fresh_name(value.name)
            graph.node.append(make_node("Identity", [value.name], [output.name]))
