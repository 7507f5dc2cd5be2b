"""ONX004 missing-opset-import."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule


@rule("ONX004", "missing-opset-import", severity=Severity.ERROR)
def missing_opset_import(graph: Graph) -> Iterator[Finding]:
    """An operator domain that is used but not imported.

    Why: the imported version of a domain defines what its operators mean; without an import the
    version is ambiguous, and onnx's checker and strict runtimes reject the model. Up to IR version
    2 the standard domain needs none; from IR version 3 on, a model without any import cannot be
    loaded.
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
    # both names of the standard domain are valid
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
        name = domain or "ai.onnx"
        where = "the function's" if nodes[0].scope.in_function else "the model's"
        yield Finding.of_nodes(
            nodes,
            f"domain {name!r} has no opset import",
            measured=len(nodes),
            limit=0,
            unit="nodes of the domain",
            hint=f"add {name!r} to {where} opset_import with the intended version",
        )
    if not users and not model.opset_import and model.ir_version >= 3:
        message = f"no opset import (required since IR version 3; this is {model.ir_version})"
        hint = "import 'ai.onnx' with the version the model was written for"
        yield Finding(graph.main, message, hint=hint)
