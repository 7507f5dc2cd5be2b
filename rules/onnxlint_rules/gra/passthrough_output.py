"""GRA007 passthrough-output."""

import re
from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Severity, Value, rule

_MADE_UP = re.compile(r"(?:.*[/:.])?(?:n|node|op)?_?(?:identity)?_?\d*(?:__\d+)?", re.I)
"""Names of nodes as exporters number them: Identity_3, node_Identity_0, /block/Identity, n4."""


@rule("GRA007", "passthrough-output", severity=Severity.ERROR)
def passthrough_output(graph: Graph) -> Iterator[Finding]:
    """A model output that is a model input, unchanged.

    Why: a runtime may give back its own uninitialised buffer for an output that no node writes:
    onnxruntime returned 0 where 2.3 was fed (issue 26339). And whoever reads the output believes
    that the network computed it. A warning where the model gives out nothing else, and an info
    where Identity nodes stand between, which run correctly and which exporters put there. An
    Identity that somebody gave a name of its own is wanted, and not reported.
    Fix: return what the network computed; if the input is wanted, put an Identity between. The
    output then needs a name of its own: callers that fetch it by name must follow.

    Bad:
    # x is given out beside the result
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
                f"the output is the input {source.name!r} {'itself' if bare else 'by Identity'}",
                severity=None if bare and graph.main.nodes else milder,
                fix=Fix("give it out through an Identity, renamed", _copy_out, value)
                if bare
                else None,
            )


def _is_input(value: Value, graph: Graph) -> bool:
    return value.is_input and value.scope is graph.main


def _is_named(value: Value) -> bool:
    """Whether one of the Identity nodes before it has a name that no exporter makes up."""
    while value.producer is not None and value.producer.op == "Identity":
        name, source = value.producer.name, value.producer.input(0)
        if name and not _MADE_UP.fullmatch(name):
            return True
        if source is None:
            break
        value = source
    return False


def _copy_out(draft: Draft, value: Value) -> None:
    from onnx.helper import make_node

    graph = draft.model.graph
    for output in graph.output:
        if output.name == value.name:
            output.name = draft.fresh_name(value.name)
            graph.node.append(make_node("Identity", [value.name], [output.name]))
