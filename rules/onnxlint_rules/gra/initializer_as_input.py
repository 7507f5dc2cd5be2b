"""GRA012 initializer-as-input."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, NotApplicable, Origin, Severity, Value, rule


@rule("GRA012", "initializer-as-input", severity=Severity.WARNING)
def initializer_as_input(graph: Graph) -> Iterator[Finding]:
    """An initializer that is also a graph input, although IR 4 and later do not require it.

    Why: a caller may override such a tensor, so runtimes neither fold nor fuse it: onnxruntime lost
    its blocked convolutions that way (issue 6148). Up to IR version 3 every initializer had to be
    listed, and the rule is not applicable.
    Fix: export with `keep_initializers_as_inputs=False`, or remove them from `graph.input`. Ignore
    the rule for a tensor that callers should override.

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
        raise NotApplicable(f"IR version {version} requires initializers among the inputs")
    for value in graph.main.inputs:
        if value.origin is Origin.INITIALIZER:
            yield Finding(
                value,
                "both initializer and graph input (only required up to IR version 3; "
                f"this is {version})",
                hint=f"remove {value.name!r} from graph.input, unless callers override it",
                fix=Fix("remove it from the inputs", _remove_input, value),
            )


def _remove_input(draft: Draft, value: Value) -> None:
    inputs = draft.scope(value.scope).input
    for index in reversed(range(len(inputs))):
        if inputs[index].name == value.name:
            del inputs[index]
