"""ONX036 initializer-not-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Value, rule


@rule("ONX036", "initializer-not-input", severity=Severity.ERROR)
def initializer_not_input(graph: Graph) -> Iterator[Finding]:
    """Initializers that are no inputs, in a model of an IR version before 4.

    Why: up to IR 3 an initializer is the default of an input and cannot stand alone. onnx's checker
    refuses the model, and readers that keep to the version find no definition. onnxruntime 1.32
    refuses it where no node of the same graph reads the initializer; else it does not mind, and
    this is a warning. Once per model.
    Fix: raise `ir_version` to 4 or more, which is what the initializers are written for.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.ir_version = 3

    Good:
    net (float[2] x, float[2] w = {1, 2}) => (float[2] y)
    {
        y = Mul(x, w)
    }
    >>> model.ir_version = 3
    """
    version = graph.model.proto.ir_version
    if 1 <= version < 4:
        alone = [
            value for scope in graph.scopes for value in scope.initializers if not value.is_input
        ]
        unread = [value for value in alone if not _is_read_beside(value)]
        if alone:
            fatal = f", {len(unread)} of them unread" if unread else ""
            yield Finding(
                (unread or alone)[0],
                f"IR version {version} wants initializers among the inputs, and {len(alone)} are "
                f"not{fatal}",
                measured=len(alone),
                limit=0,
                unit="initializers",
                severity=None if unread else Severity.WARNING,
            )


def _is_read_beside(value: Value) -> bool:
    """Whether the initializer's own graph uses it; a subgraph's reading does not count."""
    return value.is_output or any(reader.scope is value.scope for reader in value.consumers)
