"""PRT010 model-local-function."""

from collections.abc import Iterator

from onnxlint import ChosenTargets, Finding, Graph, NotApplicable, Severity, rule


@rule("PRT010", "model-local-function", severity=Severity.ERROR)
def model_local_function(graph: Graph, targets: ChosenTargets) -> Iterator[Finding]:
    """Model-local functions, for a target that does not support them.

    Why: functions were added in IR version 8. onnxruntime inlines them when it loads a model; other
    readers treat the call as an unknown operator (rten issue 655, onnxscript issue 2813). One
    finding per target, and an error: only targets that were seen to reject such a model are
    reported, such as OpenVINO 2023.0 and 2026.4.
    Fix: inline them before shipping: `onnx.inliner.inline_local_functions(model)`.

    Bad:
    # target: openvino-2023.0
    <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 17]>
    twice (a) => (b)
    {
        b = Add(a, a)
    }

    Good:
    # target: ort-cpu
    <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    # a target that supports them
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 17]>
    twice (a) => (b)
    {
        b = Add(a, a)
    }
    """
    calls = [node for node in graph.nodes() if node.called is not None]
    refusing = [target for target in targets if target.functions == "refused"]
    if not refusing:
        raise NotApplicable("no target is known to refuse functions")
    for target in refusing if calls else ():
        functions = {node.op for node in calls}
        yield Finding(
            calls[0],
            f"{target.name} does not support model-local functions ({len(functions)} called)",
            measured=len(functions),
            limit=0,
            unit="functions",
            hint="inline them with onnx.inliner.inline_local_functions(model)",
        )
