"""Faults that only boundary samples show: zeros, constants, minimum and maximum values."""

from collections.abc import Callable, Iterator
from typing import Any

from onnxlint import Contamination, Finding, Limits, Node, Severity, Strayed, Trace, Witnesses

Bad = Callable[[Any], int]

Gravest = Callable[[Strayed, Contamination], Severity | None]
"""How grave it may be that a node shows it; None where it is not to be reported."""

Advice = Callable[[Node], str]
"""What to do about it."""


def at_limits(
    trace: Trace, limits: Limits, witnesses: Witnesses, bad: Bad, what: str, code: str,
    gravest: Gravest, advice: Advice,
) -> Iterator[Finding]:  # fmt: skip
    """Nodes that make something bad of a boundary sample, each with the first that shows it.

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
                f"first node to output {what}, only for synthetic boundary samples: {told}",
                measured=origin.runs,
                limit=0,
                unit="runs",
                evidence={"at_limits": told, **evidence},
                severity=grave if shown else Severity.INFO,
                hint=advice(origin.node),
            )
