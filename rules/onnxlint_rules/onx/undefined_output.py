"""ONX014 undefined-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Place, Severity, rule


@rule("ONX014", "undefined-output", severity=Severity.ERROR)
def undefined_output(graph: Graph) -> Iterator[Finding]:
    """An output of the model, a subgraph or a function that nothing in it defines.

    Why: the model cannot be loaded. A tool renamed or removed the node that produced the output and
    left the interface unchanged. A subgraph may use values of an enclosing graph, but not output
    them directly: onnx's checker and onnxruntime reject that.
    Fix: name an existing tensor as the output, or remove the output; in a subgraph, insert an
    Identity.

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
    # a branch outputs a value of the enclosing graph
    net (bool flag, float[N] x) => (float[N] y)
    {
        s = Abs(x)
        y = If(flag) <
            then_branch = a () => (float[N] s) { },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
    }

    Good:
    # through an Identity; a Loop may output its own input
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
                count = len(scope.nodes)
                nodes = (
                    "the graph's only node" if count == 1 else f"any of the graph's {count} nodes"
                )
                hint = f"output an existing value instead of {value.name!r}, or remove the output"
                yield Finding(value, f"not defined by {nodes}", hint=hint)
            elif value.scope is not scope:
                message = f"{value.name!r} belongs to an enclosing graph and cannot be an output"
                hint = f"insert an Identity behind {value.name!r} in the subgraph, and output that"
                yield Finding(Place(scope=scope.path, value=value.name), message, hint=hint)
