"""ONX036 initializer-not-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Value, rule


@rule("ONX036", "initializer-not-input", severity=Severity.ERROR)
def initializer_not_input(graph: Graph) -> Iterator[Finding]:
    """Initializers that are not graph inputs, in a model with IR version 3 or lower.

    Why: up to IR version 3 an initializer is the default value of an input. onnx's checker rejects
    the model, and strict readers find no definition. onnxruntime 1.32 rejects it if no node of the
    same graph uses the initializer, and otherwise accepts it: a warning. Reported once per model.
    Fix: raise `ir_version` to 4 or higher, which the initializers require.

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
            missing = f"{len(alone)} {'is' if len(alone) == 1 else 'are'} not"
            fatal = f", {len(unread)} of them unused" if unread else ""
            yield Finding(
                (unread or alone)[0],
                f"IR version {version} requires initializers to be graph inputs ({missing}{fatal})",
                measured=len(alone),
                limit=0,
                unit="initializers",
                severity=None if unread else Severity.WARNING,
                hint="raise ir_version to 4 or higher",
            )


def _is_read_beside(value: Value) -> bool:
    """Whether the initializer's own graph uses it; a subgraph's reading does not count."""
    return value.is_output or any(reader.scope is value.scope for reader in value.consumers)
