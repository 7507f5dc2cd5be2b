"""PRT001 ir-version-above-target."""

from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, Severity, rule


@rule("PRT001", "ir-version-above-target", severity=Severity.ERROR)
def ir_version_above_target(graph: Graph, targets: ChosenTargets) -> Iterator[Finding]:
    """An IR version newer than a target supports.

    Why: the target rejects the file before it reads the graph, and an update of the exporter or of
    onnx is enough to cause this: it is the load error most often reported (onnxruntime issues
    20559, 23602, 15874).
    Fix: save with a lower `ir_version`, which is harmless if nothing newer is used; or update the
    runtime.

    Bad:
    # target: ort-cpu-1.20
    <ir_version: 11, opset_import: ["" : 21]>
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }

    Good:
    # target: ort-cpu-1.20
    <ir_version: 10, opset_import: ["" : 21]>
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    version = graph.model.proto.ir_version
    for target in targets:
        if target.ir_version is not None and version > target.ir_version:
            yield Finding(
                graph.main,
                f"IR version is {version} ({target.name} supports up to {target.ir_version})",
                measured=version,
                limit=target.ir_version,
                unit="IR version",
                hint=f"save with ir_version {target.ir_version}, or update the runtime",
            )
