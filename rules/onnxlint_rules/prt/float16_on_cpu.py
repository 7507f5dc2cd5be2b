"""PRT007 float16-on-cpu."""

from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, NotApplicable, Severity, Support, rule


@rule("PRT007", "float16-on-cpu", severity=Severity.WARNING)
def float16_on_cpu(graph: Graph, targets: ChosenTargets, support: Support) -> Iterator[Finding]:
    """float16 operators that a target computes in float32 with inserted casts.

    Why: onnxruntime's CPU provider implements few operators in float16. It inserts casts around the
    others, so the model is slower than in float32 and no more precise than in float16, and a test
    of its precision on the CPU may not hold on the GPU. One finding per target; operators with a
    float16 kernel, such as Cast and Reshape, are exempt.
    Fix: ship the float32 model to CPUs, or a quantised one.

    Bad:
    # target: ort-cpu-1.32
    net (float16[N, 4] x, float16[4, 2] w) => (float16[N, 2] y)
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Instead:
    # target: ort-cpu-1.32
    # float16 only at inputs and outputs
    net (float16[N, 4] x, float[4, 2] w) => (float16[N, 2] y)
    {
        wide = Cast <to = 1> (x)
        h = MatMul(wide, w)
        y = Cast <to = 10> (h)
    }
    """
    widening = [target for target in targets if target.float16 == "widened"]
    if not widening:
        raise NotApplicable("no target computes float16 in float32")
    for target in widening:
        widened = [node for node in graph.nodes() if support.widens(node, target)]
        if widened:
            ops = ", ".join(sorted({node.op for node in widened})[:8])
            yield Finding.of_nodes(
                widened,
                f"{target.name} computes float16 in float32, with inserted casts, for {ops}",
                hint=f"ship the float32 model, or a quantised one, to {target.name}",
            )
