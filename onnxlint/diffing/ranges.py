"""Values that were observed in another range on the same samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses import Analyses
from onnxlint.analyses.matching.folding import Foldings
from onnxlint.analyses.matching.layer_graph import LayerVertex
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.release_diff import Observation, RangeChange

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Statistics


class RangeChanges(Struct):
    """The values that moved, of `compared` ones, those that moved most first."""

    changes: list[RangeChange] = field(default_factory=list)
    compared: int = 0


def range_changes(
    old: Analyses, new: Analyses, matching: Matching, foldings: Foldings, tolerance: float
) -> RangeChanges:
    """Compares what all paired layers gave; `tolerance` is what rounding may do."""
    before, after = old.get(Trace), new.get(Trace)
    found = RangeChanges()
    for one, other in matching.pairs.items():
        was = before.of(_given(one, foldings).output)
        now = after.of(_given(other, foldings).output)
        if was is None or now is None or was.of_samples != now.of_samples:
            continue  # one is fused away, or was looked at on fewer samples
        found.compared += 1
        moved = _moved(was.statistics, now.statistics)
        if moved > tolerance:
            ref = matching.new.ref(other)
            views = _observation(was), _observation(now)
            found.changes.append(RangeChange(ref, *views, moved if math.isfinite(moved) else None))
    found.changes.sort(key=lambda change: -math.inf if change.moved is None else -change.moved)
    return found


def _given(layer: LayerVertex, foldings: Foldings) -> LayerVertex:
    """What gives the layer's numbers: the normalisation behind it, if the other side folded it."""
    return foldings.behind.get(layer, layer)


def _observation(seen: Observed) -> Observation:
    counts = seen.statistics
    if not counts.finite:
        return Observation(nan=counts.nan, infinite=counts.infinite)
    return Observation(counts.minimum, counts.maximum, counts.mean, counts.nan, counts.infinite)


def _moved(old: Statistics, new: Statistics) -> float:
    """The largest change of minimum, maximum or mean, relative to the width of the old range.

    The largest number of a dtype counts as infinite, for masks are written so.
    """
    if _is_masked(old) or _is_masked(new):
        return (
            0.0 if _is_masked(old) == _is_masked(new) or old.infinite or new.infinite else math.inf
        )
    if (old.nan > 0, old.infinite > 0) != (new.nan > 0, new.infinite > 0):
        return math.inf
    if not old.finite or not new.finite:
        return math.inf if bool(old.finite) != bool(new.finite) else 0.0
    width = max(old.maximum - old.minimum, abs(old.maximum), abs(old.minimum))
    moved = max(_changes(old, new))
    return moved / width if width else (math.inf if moved else 0.0)


def _is_masked(seen: Statistics) -> bool:
    import numpy as np

    if not seen.finite or not seen.dtype.startswith("float"):
        return False
    edge = float(np.finfo(seen.dtype).max) if seen.dtype in _FLOATS else math.inf
    return max(-seen.minimum, seen.maximum) >= edge * (1 - 1e-6)


_FLOATS = ("float16", "float32", "float64")


def _changes(old: Statistics, new: Statistics) -> Iterator[float]:
    yield abs(new.minimum - old.minimum)
    yield abs(new.maximum - old.maximum)
    yield abs(new.mean - old.mean)
