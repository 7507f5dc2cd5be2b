"""The finding of a hazard: what may be read, what comes out, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from onnxlint import Counterexample, Counterexamples, Finding, Hazard, Hazards, Severity, together

BEYOND = 1e30
"""Bounds of this magnitude say only what the dtype can hold."""

BY_MAGNITUDE = ("half", "overflow")
"""What any network does if it is fed numbers that are large enough: shown by numbers far beyond the
usual ones, it is an info."""

Hint = Callable[[Hazard], str]


def judged(
    code: str, hazards: Hazards, shown: Counterexamples | None, *kinds: str, hint: Hint
) -> Iterator[Finding]:
    """A finding for each hazard of some kinds; infos together, for they have one cause: no range.

    Confirmed by a run, an error within declared ranges and a warning on synthetic input. Not
    confirmed, an error where every input fails, a warning where the bounds are met by inputs of
    which more than the dtype is known, an info else.
    """
    infos = []
    for hazard in hazards.of(*kinds):
        found = shown.of(hazard, code) if shown is not None else None
        finding = _finding(hazard, found, shown is not None, hint(hazard))
        if finding.severity is Severity.INFO:
            infos.append(finding)
        else:
            yield finding
    yield from together(infos, "operands")


def _finding(hazard: Hazard, found: Counterexample | None, was_run: bool, hint: str) -> Finding:
    op, operand = hazard.node.op_type, hazard.operand.name
    outcome = hazard.zone.outcome if found is None else found.seen
    verb = "gives" if hazard.certain or found is not None else "may give"
    parts = [f"{op} {verb} {outcome}: {operand!r} is {bounds(hazard)} (limit {hazard.zone.limit})"]
    if hazard.way:
        parts.append(f"made by {', '.join(node.op_type for node in hazard.way)}")
    if hazard.reaches:
        parts.append(f"reaches output {hazard.reaches[0].name!r}")
    parts.append(_proof(hazard, found, was_run))
    return Finding(
        hazard.node,
        "; ".join(parts),
        severity=severity_of(hazard, found),
        evidence=_evidence(hazard, found),
        hint=hint,
    )


def severity_of(hazard: Hazard, found: Counterexample | None) -> Severity:
    """How grave it is, by how sure it is; of sizes beyond what the model was made for, an info."""
    if hazard.of_sizes:
        return Severity.INFO
    if found is not None:
        is_far = hazard.kind in BY_MAGNITUDE and not found.ordinary
        synthetic = Severity.INFO if is_far else Severity.WARNING
        return Severity.ERROR if found.declared else synthetic
    if hazard.certain:
        return Severity.ERROR
    return Severity.WARNING if hazard.is_tight else Severity.INFO


def bounds(hazard: Hazard) -> str:
    """What the operand may be, in words."""
    low, high = hazard.range.least, hazard.range.most
    if max(-low, high) >= BEYOND:
        return "unbounded" if low <= -BEYOND else f"{low:.4g} or more"
    return f"{low:.4g}" if low == high else f"from {low:.4g} to {high:.4g}"


def _proof(hazard: Hazard, found: Counterexample | None, was_run: bool) -> str:
    if found is not None:
        return f"shown by {found.told}{_hidden(found)}"
    if hazard.certain:
        return "for every input"
    return "not confirmed by a run" if was_run else "not confirmed: nothing was run"


def _hidden(found: Counterexample) -> str:
    """Where the model as it is shipped computes it otherwise, and nothing of it comes out."""
    is_number = found.seen in ("NaN", "inf", "-inf")
    return "; no output of this runtime shows it" if is_number and found.outputs == () else ""


def _evidence(hazard: Hazard, found: Counterexample | None) -> dict[str, object]:
    """For machines: the interval, how it came about, and what showed it."""
    facts = {
        "operand": hazard.operand.name,
        "bounds": [_number(hazard.range.least), _number(hazard.range.most)],
        "path": [str(node.place) for node in hazard.way],
        "confirmed": found is not None,
        "bounded_input": not hazard.range.free,
        "outputs": None if hazard.reaches is None else [v.name for v in hazard.reaches],
    }
    return facts | dict(found.evidence if found is not None else {})


def _number(end: float) -> float | str:
    """JSON knows no infinity."""
    return end if abs(end) < float("inf") else str(end)
