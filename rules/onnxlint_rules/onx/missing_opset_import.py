"""ONX004 missing-opset-import."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule


@rule("ONX004", "missing-opset-import", severity=Severity.ERROR)
def missing_opset_import(graph: Graph) -> Iterator[Finding]:
    """A domain whose operators are used and whose version is not imported.

    Why: an operator means what its domain's version says; without an import nobody can know which,
    and onnx's checker and strict runtimes refuse the model. Up to IR 2 the standard domain needs
    none; from IR 3 on a model without any import cannot even be loaded.
    Fix: add the domain to `opset_import` (of the function, where the node is in one) with the
    version that the operators were written for.

    Bad:
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N] x) => (float[N] y)
    {
        y = com.microsoft.Gelu(x)
    }

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> del model.opset_import[:]

    Good:
    # of the two names of the standard domain, either will do
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.opset_import[0].domain = "ai.onnx"
    """
    model = graph.model.proto
    users: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes():
        if node.domain not in node.scope.opsets:
            users[node.domain].append(node)
    for domain, nodes in users.items():
        yield Finding(
            nodes[0],
            f"domain {domain or 'ai.onnx'!r} has no opset import; nodes that use it: {len(nodes)}",
            measured=len(nodes),
            limit=0,
            unit="nodes of the domain",
        )
    if not users and not model.opset_import and model.ir_version >= 3:
        yield Finding(graph.main, f"IR {model.ir_version} > 2 and the model imports no opset")
