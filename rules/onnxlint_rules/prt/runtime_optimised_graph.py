"""PRT005 runtime-optimised-graph."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint_rules.prt._machine import kind


@rule("PRT005", "runtime-optimised-graph", severity=Severity.ERROR)
def runtime_optimised_graph(graph: Graph) -> Iterator[Finding]:
    """A model saved by onnxruntime after machine-specific optimisation.

    Why: with `optimized_model_filepath` and all optimisations on, onnxruntime saves a graph
    specific to the current processor and execution providers: blocked layouts, copies to and from a
    GPU, compiled subgraphs. The file does not load on other machines, in other releases, or at all
    (onnxruntime issues 5840, 3802, 20162, 11348). Fusions that are portable within onnxruntime
    (com.microsoft) are exempt. A warning for compiled contexts (EPContext), which are tied to one
    device on purpose. Reported once per kind.
    Fix: ship the unoptimised model, or save it at level ORT_ENABLE_EXTENDED at most.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft.nchwc" : 1]>
    net (float[1, 8, 4, 4] x) => (float[1, 8, 4, 4] y)
    {
        a = com.microsoft.nchwc.ReorderInput(x)
        y = com.microsoft.nchwc.ReorderOutput <channels = 8> (a)
    }

    Bad:
    net (float[N] x) => (float[N] y)
    {
        h = MemcpyFromHost(x)
        r = Relu(h)
        y = MemcpyToHost(r)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "com.microsoft" : 1]>
    # fused, and portable within onnxruntime
    net (float[1, 1, 4, 4] x, float[1, 1, 3, 3] w) => (float[1, 1, 2, 2] y)
    {
        y = com.microsoft.FusedConv <activation = "Relu"> (x, w)
    }
    """
    kinds: dict[str, list[Node]] = defaultdict(list)
    for op in graph.ops:
        first = next(graph.nodes(op))
        if first.called is None and (what := kind(first)):
            kinds[what] += graph.nodes(op)
    for what, unsorted in kinds.items():
        nodes = sorted(unsorted, key=lambda node: (node.scope.path, node.index))
        on_purpose = nodes[0].op_type == "EPContext"
        yield Finding.of_nodes(
            nodes,
            f"{what}: specific to one machine",
            severity=Severity.WARNING if on_purpose else None,
            hint="ship the original model beside this one, for other devices"
            if on_purpose
            else "ship the unoptimised model, or save it at ORT_ENABLE_EXTENDED at most",
        )
