"""GRA012 initializer-as-input."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, NotApplicable, Origin, Severity, Value, rule


@rule("GRA012", "initializer-as-input", severity=Severity.WARNING)
def initializer_as_input(graph: Graph) -> Iterator[Finding]:
    """An initializer that is listed among the inputs, though IR 4 and later do not ask for it.

    Why: a caller may override such a tensor, so runtimes neither fold nor fuse it: onnxruntime lost
    its blocked convolutions that way (issue 6148). Up to IR 3 every initializer had to be listed,
    and the rule keeps quiet.
    Fix: export with `keep_initializers_as_inputs=False`, or remove them from `graph.input`. Ignore
    the rule for a tensor that callers shall override.

    Bad:
    net (float[N, 2] x, float[2] scale = {2, 3}) => (float[N, 2] y)
    {
        y = Mul(x, scale)
    }

    Good:
    <ir_version: 3, opset_import: ["" : 8]>
    net (float[N, 2] x, float[2] scale = {2, 3}) => (float[N, 2] y)
    {
        y = Mul(x, scale)
    }
    """
    version = graph.model.proto.ir_version
    if version < 4:
        raise NotApplicable(f"IR {version} lists initializers among the inputs")
    for value in graph.main.inputs:
        if value.origin is Origin.INITIALIZER:
            yield Finding(
                value,
                f"IR {version} > 3, and it is an initializer and an input at once",
                fix=Fix("remove it from the inputs", _remove_input, value),
            )


def _remove_input(draft: Draft, value: Value) -> None:
    inputs = draft.scope(value.scope).input
    for index in reversed(range(len(inputs))):
        if inputs[index].name == value.name:
            del inputs[index]
