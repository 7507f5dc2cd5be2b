"""What was seen of an inner value beside what is promised of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from onnxlint import Finding, Observed, PromisedValue, Severity, Value
from onnxlint_rules.ctr._bounds import crossed, is_kept, told


def broken(seen: Observed | None, value: Value, each: PromisedValue) -> dict[str, Finding]:
    """The promises that a value breaks, by their keys."""
    if seen is None:
        return {"": _unseen(value, each)}
    found: dict[str, Finding] = {}
    counts = seen.statistics
    if each.promise.finite and counts.finite < counts.elements:
        found["finite"] = _not_finite(seen, each)
    for key, measured in _measured(seen):
        bounds = getattr(each.promise, key)
        if bounds is not None and not is_kept(measured, bounds):
            found.setdefault(key, _outside(seen, each, key, measured))
    return found


def _measured(seen: Observed) -> Iterator[tuple[str, float]]:
    """The measured number of each key: of a range that which is farther out."""
    counts = seen.statistics
    low = -math.inf if counts.negative_infinite else counts.minimum
    high = math.inf if counts.positive_infinite else counts.maximum
    if low <= high:
        yield "range", low
        yield "range", high
    if counts.finite:
        yield "mean", counts.mean
        yield "std", math.sqrt(counts.variance)
    yield "sparsity", counts.zeros / max(1, counts.elements)


_WORDS = {"std": "standard deviation", "sparsity": "share of zeros"}


def _outside(seen: Observed, each: PromisedValue, key: str, measured: float) -> Finding:
    bounds, counts = getattr(each.promise, key), seen.statistics
    what = f"{_WORDS.get(key, key)} of {seen.value.name!r} is {measured:.6g}"
    if key == "range":
        low = -math.inf if counts.negative_infinite else counts.minimum
        high = math.inf if counts.positive_infinite else counts.maximum
        what = f"{seen.value.name!r} ranges from {low:.6g} to {high:.6g}"
    return Finding(
        seen,
        f"{what} ({told(bounds)})",
        measured=measured,
        limit=crossed(measured, bounds),
        hint=f"look what changed before {seen.value.name!r}, or change values.{each.name}.{key}",
    )


def _not_finite(seen: Observed, each: PromisedValue) -> Finding:
    counts = seen.statistics
    bad = counts.elements - counts.finite
    return Finding(
        seen,
        f"{bad:,} of {counts.elements:,} elements of {seen.value.name!r} are NaN or infinite "
        "(promised finite)",
        measured=bad,
        limit=0,
        unit="elements",
        hint=f"look for the node that makes them (ACT001, ACT002) before {seen.value.name!r}",
    )


def _unseen(value: Value, each: PromisedValue) -> Finding:
    return Finding(
        value,
        f"{value.name!r} cannot be recorded in a run; its promise is not judged",
        severity=Severity.WARNING,
        hint=f"promise something of the value before or after it instead of values.{each.name}",
    )
