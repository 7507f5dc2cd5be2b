"""ONX012 undefined-value."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Origin, Severity, rule


@rule("ONX012", "undefined-value", severity=Severity.ERROR)
def undefined_value(graph: Graph) -> Iterator[Finding]:
    """A name that nodes read and nothing in scope defines.

    Why: the model cannot be run. A tool renamed or removed a tensor and forgot its readers, or a
    subgraph or function reads a name that only another one defines.
    Fix: give the readers the tensor's present name; a function must get it as an input.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Add(x, renamed)
    }

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x, float[N] bias) => (float[N] y)
    {
        y = own.shift(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    shift (a) => (b)
    {
        # a function sees none of the names outside it
        b = Add(a, bias)
    }

    Good:
    # an omitted optional input, and a name of the outer graph
    net (bool flag, float[N] x, float high) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { p = Clip(x, "", high) },
            else_branch = b () => (float[N] q) { q = Relu(x) }
        >
    }
    """
    for scope in graph.scopes:
        readers: dict[str, list[Node]] = defaultdict(list)
        for node in scope.nodes:
            for value in node.inputs:
                if value is not None and value.origin is Origin.NOTHING:
                    readers[value.name].append(node)
        for name, nodes in readers.items():
            yield Finding(
                nodes[0].place_of(name),
                f"nothing in scope defines {name!r}; reads of it: {len(nodes)}",
                measured=len(nodes),
                limit=0,
                unit="reads",
            )
