"""Faults that samples at the limits of what is valid show, and no others."""

from collections.abc import Callable, Iterator
from typing import Any

from onnxlint import Contamination, Finding, Limits, Severity, Strayed, Trace, Witnesses

Bad = Callable[[Any], int]

Gravest = Callable[[Strayed, Contamination], Severity | None]
"""How grave it may be that a node shows it; None where it is not to be reported."""


def at_limits(
    trace: Trace, limits: Limits, witnesses: Witnesses, bad: Bad, what: str, code: str,
    gravest: Gravest,
) -> Iterator[Finding]:  # fmt: skip
    """Nodes that make something bad of a sample at the limits, each with the first that shows it.

    An info where callers hardly send such samples, or what is bad reaches no output.
    """
    known = {origin.node for origin in trace.origins(bad)}
    for strayed in limits.strayed:
        told = strayed.boundary.told
        for origin in trace.origins(bad, [strayed.ran], strayed.inner):
            grave = gravest(strayed, origin) if origin.node not in known else None
            if grave is None:
                continue
            known.add(origin.node)
            evidence = witnesses.of(origin, code, [strayed.boundary.feed])
            shown = strayed.boundary.ordinary and strayed.reaches
            yield Finding(
                origin,
                f"{what} born here on {told}, and on no usual sample",
                measured=origin.runs,
                limit=0,
                unit="runs",
                evidence={"at_limits": told, **evidence},
                severity=grave if shown else Severity.INFO,
            )
