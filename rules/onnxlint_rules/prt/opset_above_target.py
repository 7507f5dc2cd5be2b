"""PRT002 opset-above-target."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Targets, rule


@rule("PRT002", "opset-above-target", severity=Severity.ERROR)
def opset_above_target(graph: Graph, targets: Targets) -> Iterator[Finding]:
    """An import of a newer opset than a target reads, be it used or not.

    Why: the target refuses the model, also where the domain is imported and not used, and often
    only in production, where the runtime is older (onnxruntime issues 11898, 5905, 22790).
    Fix: export with the opset that the message names; remove an import that nothing uses. onnx's
    version converter goes down, too, but compare the outputs afterwards.

    Bad:
    # target: ort-cpu-1.20
    <ir_version: 10, opset_import: ["" : 22]>
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }

    Good:
    # target: ort-cpu-1.21
    <ir_version: 10, opset_import: ["" : 22]>
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    used = {node.domain for node in graph.nodes()}
    for target in targets.chosen():
        for domain, version in graph.main.opsets.items():
            newest = target.opsets.get(domain)
            if newest is None or version <= newest:
                continue
            unused = "" if domain in used else "; nothing uses it"
            yield Finding(
                graph.main,
                f"opset {version} of {domain or 'ai.onnx'} is imported, and {target.name} reads "
                f"{newest} at most{unused}",
                measured=version,
                limit=newest,
                unit=f"opset of {domain or 'ai.onnx'}",
            )
