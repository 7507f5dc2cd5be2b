"""RUN001 session-failure."""

import re
from collections.abc import Iterator

from onnxlint import Execution, Finding, Severity, rule
from onnxlint_rules.run._remedies import to_load

_LOCALE = re.compile(r"construct locale with name:([\w.@-]+)")
"""How onnxruntime's StringNormalizer refuses a locale that the machine has not installed."""


@rule("RUN001", "session-failure", severity=Severity.ERROR)
def session_failure(execution: Execution) -> Iterator[Finding]:
    """A model that onnxruntime cannot load.

    Why: no session, no prediction. The file violates the specification, or requires an operator,
    opset or dtype that the installed onnxruntime has no CPU kernel for; onnx's own checker accepts
    many such models. A warning where this machine lacks the locale that a StringNormalizer names,
    as slim containers do.
    Fix: fix what the message names; for a missing kernel or opset export to an older opset, cast
    to float32, or deploy with a newer onnxruntime; install the locale, or name "C".

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
    if refusal is None:
        return
    locale = _LOCALE.search(str(refusal))
    if locale is None:
        message = f"onnxruntime cannot load the model: {refusal}"
        yield Finding(refusal, message, hint=to_load(refusal))
        return
    message = (
        f"onnxruntime cannot load the model here: locale {locale[1]!r} is not installed on this "
        "machine, but required by StringNormalizer"
    )
    hint = f"install locale {locale[1]!r}, or set the attribute locale of StringNormalizer to 'C'"
    yield Finding(refusal, message, severity=Severity.WARNING, hint=hint)
