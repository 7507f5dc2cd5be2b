"""PRT001 ir-version-above-target."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Targets, rule


@rule("PRT001", "ir-version-above-target", severity=Severity.ERROR)
def ir_version_above_target(graph: Graph, targets: Targets) -> Iterator[Finding]:
    """An IR version that a target cannot read yet.

    Why: the target refuses the file before it looks at the graph, and an update of the exporter or
    of onnx is enough to get there: it is the load error most often reported (onnxruntime issues
    20559, 23602, 15874).
    Fix: save with a lower `ir_version`, which does no harm if nothing of the newer one is used; or
    update the runtime.

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
    for target in targets.chosen():
        if target.ir_version is not None and version > target.ir_version:
            yield Finding(
                graph.main,
                f"IR version is {version}, and {target.name} reads {target.ir_version} at most",
                measured=version,
                limit=target.ir_version,
                unit="IR version",
            )
