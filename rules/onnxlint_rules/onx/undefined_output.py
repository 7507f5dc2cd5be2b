"""ONX014 undefined-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Place, Severity, rule


@rule("ONX014", "undefined-output", severity=Severity.ERROR)
def undefined_output(graph: Graph) -> Iterator[Finding]:
    """An output of the model, a subgraph or a function that nothing in it defines.

    Why: the model cannot be loaded. A tool renamed or cut away the node that made the output and
    left the interface as it was. A subgraph may read the values around it, and not hand them out as
    they are: onnx's checker and onnxruntime refuse that.
    Fix: name the tensor that should be given out, or remove the output; in a subgraph, put an
    Identity between.

    Bad:
    net (float[N] x) => (float[N] y, float[N] lost)
    {
        y = Relu(x)
    }

    Bad:
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] lost) { p = Relu(x) },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
    }

    Bad:
    # a branch hands out a value of the graph around it
    net (bool flag, float[N] x) => (float[N] y)
    {
        s = Abs(x)
        y = If(flag) <
            then_branch = a () => (float[N] s) { },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
    }

    Good:
    # behind an Identity; a Loop hands out what it got
    net (bool flag, int64 count, float[N] x) => (float[N] y, float[N] z)
    {
        s = Abs(x)
        y = If(flag) <
            then_branch = a () => (float[N] p) { p = Identity(s) },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
        z = Loop(count, flag, x) <
            body = c (int64 i, bool on, float[N] v) => (bool on, float[N] v) { }
        >
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    for scope in graph.scopes:
        for value in scope.outputs:
            if value.origin is Origin.NOTHING:
                yield Finding(value, f"none of the graph's {len(scope.nodes)} nodes defines it")
            elif value.scope is not scope:
                message = f"{value.name!r} belongs to the graph around, and is an output as it is"
                yield Finding(Place(scope=scope.path, value=value.name), message)
