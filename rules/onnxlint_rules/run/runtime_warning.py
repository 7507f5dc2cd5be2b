"""RUN009 runtime-warning."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Journal, Option, Severity, rule


@rule("RUN009", "runtime-warning", severity=Severity.INFO)
def runtime_warning(
    journal: Journal, *,
    max_length: Annotated[
        int, Option("characters of a message that are shown", unit="characters")
    ] = 300,
) -> Iterator[Finding]:  # fmt: skip
    """A warning that onnxruntime printed while it loaded and ran the model.

    Why: onnxruntime repairs or tolerates what it warns about, silently for most users, and another
    version, or another engine, may not. Each message is reported once, cut to `max_length` (some
    list whole shapes). Not reported: what does not concern the model (threads, devices, missed
    optimisations), and what other rules report: unused initializers, initializers among the inputs,
    wrong output shapes.
    Fix: as the message says.

    Bad:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[N, 4] h>
    {
        h = Exp(x)
        y = Relu(h)
    }

    Good:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[N, 3] h>
    {
        h = Exp(x)
        y = Relu(h)
    }
    """
    for entry in journal.warnings:
        times = f" ({entry.times} times)" if entry.times > 1 else ""
        text = entry.text if len(entry.text) <= max_length else f"{entry.text[:max_length]} …"
        yield Finding(entry, f"onnxruntime warning{times}: {text}", measured=entry.times)
