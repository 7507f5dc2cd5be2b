"""GRA007 passthrough-output."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Severity, Value, rule


@rule("GRA007", "passthrough-output", severity=Severity.ERROR)
def passthrough_output(graph: Graph) -> Iterator[Finding]:
    """A model output that is a model input, unchanged.

    Why: a runtime may give back its own uninitialised buffer for an output that no node writes:
    onnxruntime returned 0 where 2.3 was fed (issue 26339). And whoever reads the output believes
    that the network computed it. A warning where Identity nodes stand between, which run correctly
    and may be wanted, or where the model has no other node to be forgotten.
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
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }
    """
    for value in graph.outputs:
        source = graph.source(value)
        if source.is_input and source.scope is graph.main:
            bare = value is source
            how = "itself" if bare else "behind Identity alone"
            yield Finding(
                value,
                f"the output is the input {source.name!r} {how}",
                severity=None if bare and graph.main.nodes else Severity.WARNING,
                fix=Fix("give it out through an Identity, renamed", _copy_out, value)
                if bare
                else None,
            )


def _copy_out(draft: Draft, value: Value) -> None:
    from onnx.helper import make_node

    graph = draft.model.graph
    for output in graph.output:
        if output.name == value.name:
            output.name = draft.fresh_name(value.name)
            graph.node.append(make_node("Identity", [value.name], [output.name]))
