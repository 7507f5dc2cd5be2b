"""ARC025 known-exporter-fault."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Inputs, Severity, Shapes, rule
from onnxlint_rules.arc._known_faults import known_faults


@rule("ARC025", "known-exporter-fault", severity=Severity.WARNING)
def known_exporter_fault(graph: Graph, inputs: Inputs, shapes: Shapes) -> Iterator[Finding]:
    """What a faulty version of an exporter is known to write.

    Why: the model loads, runs and computes something else than what was trained, and nothing in the
    file contradicts itself: only that this exporter means another thing by the layer says so. Some
    faults a runtime refuses, which other rules report too: here stand their cause and remedy. Each
    fault has a public report, named in the finding; they are data, in `known_faults/*.toml` beside
    this rule: producer, versions, pattern, message, remedy, reference. An info where only a
    declaration is at odds.
    Fix: as the finding says; where an exporter was repaired, a new export.

    Bad:
    <ir_version: 8, opset_import: ["" : 20], producer_name: "pytorch", producer_version: "2.10.0">
    net (float[S, N, 2] x, float[1, 6, 2] w, float[1, 6, 2] r) => (float[S, 1, N, 2] y)
    {
        y = GRU <hidden_size = 2> (x, w, r)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 20], producer_name: "keras2onnx">
    net (float[S, N, 2] x, float[1, 6, 2] w, float[1, 6, 2] r) => (float[S, 1, N, 2] y)
    {
        y = GRU <hidden_size = 2> (x, w, r)
    }
    """
    proto = graph.model.proto
    for fault in known_faults():
        if not fault.may_be_in(proto.producer_name, proto.producer_version):
            continue
        matches = [*fault.matches(graph, shapes)]
        if matches and (not fault.samples or _holds_nan(inputs)):
            count = f" ({len(matches)} nodes)" if len(matches) > 1 else ""
            evidence = {
                "fault": fault.name,
                "exporter": fault.exporter or fault.producer,
                "remedy": fault.remedy,
                "reference": fault.reference,
            }
            message = f"{fault.message}{count}; {fault.remedy} ({fault.reference})"
            severity = Severity(fault.severity) if fault.severity else None
            yield Finding(matches[0], message, severity=severity, evidence=evidence)


def _holds_nan(inputs: Inputs) -> bool:
    """Whether the user's samples hold NaN; what is made up holds none."""
    if inputs.synthetic or inputs.obstacle is not None or inputs.misfits:
        return False
    arrays = (array for feed in inputs.fed.feeds for array in feed.values())
    return any(array.dtype.kind == "f" and bool((array != array).any()) for array in arrays)
