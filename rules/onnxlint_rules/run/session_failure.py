"""RUN001 session-failure."""

from collections.abc import Iterator

from onnxlint import Execution, Finding, Severity, rule


@rule("RUN001", "session-failure", severity=Severity.ERROR)
def session_failure(execution: Execution) -> Iterator[Finding]:
    """A model that onnxruntime cannot load.

    Why: no session, no prediction. The file breaks the specification, or asks for an operator,
    opset or dtype that the installed onnxruntime has no CPU kernel for; onnx's own checker passes
    many such models.
    Fix: mend what the message names; for a missing kernel or opset export to an older opset, cast
    to float32, or deploy with a newer onnxruntime.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = com.example.Swizzle(x)
    }
    >>> model.opset_import.add(domain="com.example", version=1)

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Relu(x)
    }
    """
    refusal = execution.session_failure
    if refusal is not None:
        yield Finding(refusal, f"onnxruntime cannot load the model: {refusal}")
