"""PRT006 bfloat16-on-cpu."""

from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, Severity, Support, rule


@rule("PRT006", "bfloat16-on-cpu", severity=Severity.ERROR)
def bfloat16_on_cpu(graph: Graph, targets: ChosenTargets, support: Support) -> Iterator[Finding]:
    """bfloat16 operators that a target does not implement.

    Why: onnxruntime's CPU provider implements few operators in bfloat16, and inserts no casts as it
    does for float16: the model fails to load (onnxruntime issues 28768, 26311, 25740). Such models
    often run only on the GPUs they were trained on. One finding per target.
    Fix: export in float32, or in float16 for targets that compute in it.

    Bad:
    # target: ort-cpu-1.32
    net (bfloat16[N, 4] x, bfloat16[4, 2] w) => (bfloat16[N, 2] y)
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Instead:
    # target: ort-cpu-1.32
    # stored as bfloat16, computed as float32
    net (float[N, 4] x, bfloat16[4, 2] w) => (float[N, 2] y)
    {
        wide = Cast <to = 1> (w)
        y = MatMul(x, wide)
    }
    """
    for target in targets:
        refused = [
            node
            for node in graph.nodes()
            if (refusal := support.refusal(node, target)) and refusal.dtype == "bfloat16"
        ]
        if refused:
            ops = ", ".join(sorted({node.op for node in refused})[:8])
            yield Finding.of_nodes(
                refused,
                f"{target.name} does not support bfloat16 for {ops}",
                hint="export in float32, or cast around these operators",
            )
