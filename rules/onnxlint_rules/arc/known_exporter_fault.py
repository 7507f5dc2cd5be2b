"""ARC025 known-exporter-fault."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Inputs, Severity, Shapes, rule
from onnxlint_rules.arc._known_faults import known_faults


@rule("ARC025", "known-exporter-fault", severity=Severity.WARNING)
def known_exporter_fault(graph: Graph, inputs: Inputs, shapes: Shapes) -> Iterator[Finding]:
    """A graph that a faulty version of an exporter is known to write.

    Why: the model loads, runs and computes something other than what was trained. The file itself
    is consistent: the fault is only visible to somebody who knows what this exporter meant. Some
    faults make a runtime refuse the model, which other rules report too: this rule adds cause and
    remedy. Each fault has a public report, named in the finding; they are data, in
    `known_faults/*.toml` beside this rule: producer, versions, pattern, message, remedy, reference.
    An info if only a declaration is wrong.
    Fix: follow the hint of the finding; if the exporter has been fixed, export again.

    Bad:
    <ir_version: 8, opset_import: ["" : 20], producer_name: "pytorch", producer_version: "2.10.0">
    net (float[S, N, 2] x, float[1, 6, 2] w, float[1, 6, 2] r) => (float[S, 1, N, 2] y)
    {
        y = GRU <hidden_size = 2> (x, w, r)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 20], producer_name: "keras2onnx">
    # a producer without known faults
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
            evidence = {
                "fault": fault.name,
                "exporter": fault.exporter or fault.producer,
                "remedy": fault.remedy,
                "reference": fault.reference,
            }
            yield Finding.of_nodes(
                matches,
                fault.message,
                hint=f"{fault.remedy} ({fault.reference})",
                severity=Severity(fault.severity) if fault.severity else None,
                evidence=evidence,
            )


def _holds_nan(inputs: Inputs) -> bool:
    """Whether the user's samples contain NaN; synthetic ones never do."""
    if inputs.synthetic or inputs.obstacle is not None or inputs.misfits:
        return False
    arrays = (array for feed in inputs.fed.feeds for array in feed.values())
    return any(array.dtype.kind == "f" and bool((array != array).any()) for array in arrays)
