"""GRA004 unused-input."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, counted, rule


@rule("GRA004", "unused-input", severity=Severity.WARNING)
def unused_input(graph: Graph) -> Iterator[Finding]:
    """A model input that no output depends on.

    Why: every caller must prepare and feed it, without any effect. Usually `forward` ignores it, or
    tracing turned what it controls (a mask, a length, a flag) into a constant. A model without
    outputs has the rule no-outputs.
    Fix: use it in `forward`; if tracing lost it, export with an example in which it matters. If it
    is not needed, remove it from the signature.

    Bad:
    # what is computed from the mask is dropped
    net (float[N, 8] x, bool[N, 8] mask) => (float[N, 8] y)
    {
        y = Relu(x)
        dropped = Not(mask)
    }

    Good:
    # only a subgraph reads the mask
    net (bool flag, float[8] x, bool[8] mask) => (float[8] y)
    {
        y = If(flag) <
            then_branch = masked () => (float[8] a) { z = Neg(x) a = Where(mask, x, z) },
            else_branch = plain () => (float[8] b) { b = Identity(x) }
        >
    }
    """
    for value in graph.inputs if graph.outputs else ():
        if value not in graph.live:
            readers = len(value.consumers)
            message = f"no output depends on this input (read by {counted(readers, 'node')})"
            hint = f"use {value.name!r} in forward, or remove it from the signature"
            yield Finding(value, message, measured=readers, unit="readers", hint=hint)
