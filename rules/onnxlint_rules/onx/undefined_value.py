"""ONX012 undefined-value."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Origin, Severity, rule


@rule("ONX012", "undefined-value", severity=Severity.ERROR)
def undefined_value(graph: Graph) -> Iterator[Finding]:
    """A node input that nothing in scope defines.

    Why: the model cannot run. A tool renamed or removed a tensor and not its consumers, or a
    subgraph or function uses a name that only another one defines.
    Fix: use the tensor's current name in its consumers; pass it to a function as an input.

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
            used = f" (used {len(nodes)} times)" if len(nodes) > 1 else ""
            yield Finding(
                nodes[0].place_of(name),
                f"{name!r} is not defined in this scope{used}",
                measured=len(nodes),
                limit=0,
                unit="uses",
                hint=f"pass {name!r} to the function as an input, or define it there"
                if scope.in_function
                else f"define {name!r}, or connect an existing value in its place",
            )
