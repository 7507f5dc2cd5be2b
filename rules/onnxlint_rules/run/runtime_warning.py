"""RUN009 runtime-warning."""

from collections.abc import Iterator

from onnxlint import Finding, Journal, Severity, rule


@rule("RUN009", "runtime-warning", severity=Severity.INFO)
def runtime_warning(journal: Journal, *, max_length: int = 300) -> Iterator[Finding]:
    """A warning that onnxruntime printed while it loaded and ran the model.

    Why: onnxruntime mends or tolerates what it warns of, silently for most users, and another
    version, or another engine, may not. Each message is told once, cut to `max_length` (some list
    whole shapes); what says nothing of the model is left out (threads, devices, missed
    optimisations), and what rules tell in their own words: unused initializers, initializers among
    the inputs, wrong output shapes.
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
        yield Finding(entry, f"onnxruntime warns{times}: {text}", measured=entry.times)
