"""Faults that samples at the limits of what is valid show, and no others."""

from collections.abc import Callable, Iterator
from typing import Any

from onnxlint import Finding, Limits, Severity, Trace, Witnesses

Bad = Callable[[Any], int]


def at_limits(
    trace: Trace, limits: Limits, witnesses: Witnesses, bad: Bad, what: str, code: str
) -> Iterator[Finding]:
    """Infos on nodes that make something bad of zeros, or of the least and largest numbers."""
    known = {origin.node for origin in trace.origins(bad)}
    for origin in trace.origins(bad, limits.runs, limits.inner):
        if origin.node not in known:
            yield Finding(
                origin,
                f"{what} born here of made-up samples at the limits alone: all zeros, or the "
                f"least and largest numbers",
                measured=origin.runs,
                limit=0,
                unit="runs",
                evidence={"at_limits": True, **witnesses.of(origin, code, limits.feeds)},
                severity=Severity.INFO,
            )
