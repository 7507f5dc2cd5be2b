"""ARC025 known-exporter-fault."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Inputs, Match, Severity, Shapes, rule
from onnxlint.model.graph.operators import TAKING_NAN
from onnxlint.model.graph.walk import Walk
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
    for fault in known_faults(proto.producer_name, graph.ops):
        if not fault.may_be_in(proto.producer_name, proto.producer_version):
            continue
        matches = [*fault.matches(graph, shapes)]
        if fault.samples:
            matches = [match for match in matches if _meets_nan(match, inputs)]
        if matches:
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


def _meets_nan(match: Match, inputs: Inputs) -> bool:
    """Whether NaN of the user's samples gets to the last node; synthetic ones never hold any."""
    if inputs.synthetic or inputs.obstacle is not None or inputs.misfits:
        return False
    walk = Walk(match.last.inputs)
    for value in walk:
        if value.producer is not None and value.producer.op not in TAKING_NAN:
            walk.add(*value.producer.inputs)
        elif value.producer is None and _holds_nan(value.name, inputs):
            return True
    return False


def _holds_nan(name: str, inputs: Inputs) -> bool:
    arrays = (feed[name] for feed in inputs.fed.feeds if name in feed)
    return any(array.dtype.kind == "f" and bool((array != array).any()) for array in arrays)
