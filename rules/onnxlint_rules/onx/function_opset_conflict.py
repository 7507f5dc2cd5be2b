"""ONX042 function-opset-conflict."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Schemas, Severity, rule


@rule("ONX042", "function-opset-conflict", severity=Severity.ERROR)
def function_opset_conflict(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An operator whose definition differs between a function's opset and the model's.

    Why: a function is expanded into the model, whose imports then apply. Different versions are
    harmless if the operator did not change between them; if it did, the expansion is rejected or
    computes something else. Reported once per operator. An opset that the installed onnx does not
    know gets a warning: it cannot be determined whether the operators changed.
    Fix: convert the function to the opset that the model imports.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 12]>
    twice (a) => (b)
    {
        h = Softmax(a)
        b = Add(a, h)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    # LeakyRelu is the same in both opsets
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 16]>
    twice (a) => (b)
    {
        h = LeakyRelu(a)
        b = Add(a, h)
    }
    """
    told = set()
    for scope in graph.functions:
        for node in scope.nodes:
            opset, outside = scope.opsets.get(node.domain), graph.main.opsets.get(node.domain)
            if schemas.is_newer_than_known(node) and opset != outside and node.domain not in told:
                told.add(node.domain)
                yield Finding(
                    node,
                    f"the function imports opset {opset}, which the installed onnx does not know; "
                    f"the model imports {'none' if outside is None else outside}",
                    measured=opset,
                    limit=outside,
                    unit="opset",
                    severity=Severity.WARNING,
                    hint="update onnx, or import the same opset in the function and the model",
                )
    for here, nodes in schemas.uses(graph):
        node = nodes[0]
        outside = graph.main.opsets.get(node.domain)
        if outside is None or node.op in told:
            continue
        there = schemas.find(node.domain, node.op_type, outside)
        if there is None or there.since_version != here.since_version:
            told.add(node.op)
            opset = node.scope.opsets[node.domain]
            yield Finding(
                node,
                f"{node.op} differs between opset {opset} (function) and opset {outside} (model)",
                measured=opset,
                limit=outside,
                unit="opset",
                hint=f"convert the function to opset {outside}",
            )
