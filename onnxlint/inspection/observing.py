"""What was observed of a value in the runs, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.inspection.inspected import Reach, Seen
from onnxlint.model.graph.nodes import Scope, Value

if TYPE_CHECKING:
    from onnxlint.analyses.trace.trace import Observed, Trace

SQUASHING = frozenset({"Sigmoid", "Tanh"})

PRECISE = frozenset({"float16", "float32", "float64"})
"""Dtypes whose precision numpy knows."""

SAME = 1e-6
"""Samples that differ by less, relative to the largest magnitude, do by rounding alone."""


def observed_of(trace: Trace, value: Value | None) -> Observed | None:
    """What was recorded of a value, floats or integers."""
    return trace.of(value) or trace.integers(value)


def seen_of(trace: Trace, value: Value | None) -> Seen | None:
    """What was observed of a value; None where it was not recorded."""
    found = observed_of(trace, value)
    return None if found is None else summed_up(found)


def reach_of(trace: Trace, scope: Scope) -> Reach | None:
    """How often the main graph, a subgraph or a function ran; None where that is not known."""
    if not scope.path:
        runs = len(trace.execution.runs)
        return Reach(runs, runs, runs)
    found = trace.within.scope_reached(scope)
    if found is None:
        return None
    return Reach(found.runs, found.of_runs, found.times, found.is_cut)


def summed_up(found: Observed) -> Seen:
    """What was recorded, in numbers that fit a screen."""
    seen = found.statistics
    has_finite = seen.finite > 0
    return Seen(
        samples=found.of_samples,
        elements=seen.elements,
        nan=seen.nan,
        positive_infinite=seen.positive_infinite,
        negative_infinite=seen.negative_infinite,
        zeros=seen.zeros,
        subnormal=seen.subnormal,
        minimum=seen.minimum if has_finite else None,
        maximum=seen.maximum if has_finite else None,
        mean=seen.mean if has_finite else None,
        rms=seen.rms if has_finite else None,
        dead=_dead(found),
        saturated=_saturated(found),
        constant=None if found.spread is None else found.is_constant(SAME),
    )


def _dead(found: Observed) -> float:
    """The share of channels that are zero in every sample; without channels, of the whole."""
    seen = found.statistics
    if found.channels is None:
        return float(seen.zeros == seen.elements)
    return found.channel_fraction(lambda each: (each.minimum == 0) & (each.maximum == 0))


def _saturated(found: Observed) -> float:
    """The share of a sigmoid's or tanh's outputs whose slope is 0 in the precision of the dtype."""
    if not found.made_by(*SQUASHING) or found.statistics.dtype not in PRECISE:
        return 0.0
    least = found.fraction_of_magnitudes(below=found.epsilon)
    return found.fraction_of_magnitudes(at_least=1.0) + least * found.made_by("Sigmoid")
