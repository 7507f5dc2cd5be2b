"""PRT002 opset-above-target."""

from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, Severity, rule


@rule("PRT002", "opset-above-target", severity=Severity.ERROR)
def opset_above_target(graph: Graph, targets: ChosenTargets) -> Iterator[Finding]:
    """An opset import newer than a target supports, whether used or not.

    Why: the target rejects the model, even if the import is unused, and often only in production,
    where the runtime is older (onnxruntime issues 11898, 5905, 22790).
    Fix: export with the opset that the message names; remove an unused import. onnx's version
    converter can also convert to an older opset; compare the outputs afterwards.

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
    for target in targets:
        for domain, version in graph.main.opsets.items():
            newest = target.opsets.get(domain)
            if newest is None or version <= newest:
                continue
            name, is_used = domain or "ai.onnx", domain in used
            unused = "" if is_used else " (the import is unused)"
            yield Finding(
                graph.main,
                f"opset {version} of {name} is imported, {target.name} supports up to "
                f"{newest}{unused}",
                measured=version,
                limit=newest,
                unit=f"opset of {name}",
                hint=f"export with opset {newest} of {name}, or update the runtime"
                if is_used
                else f"remove the import of {name}",
            )
