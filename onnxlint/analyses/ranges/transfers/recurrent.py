"""Recurrent layers: their states lie where their activations lie, an LSTM's cell near its start."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import starmap

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, limits, precision
from onnxlint.analyses.ranges.registry import transfer

_INF = np.inf

_ENDS: Mapping[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "hardsigmoid": (0.0, 1.0), "softsign": (-1.0, 1.0),
    "relu": (0.0, _INF), "softplus": (0.0, _INF),
}  # fmt: skip
"""Where activations lie, whatever they are fed. Those that have parameters and are not here may
give anything; parameters of a HardSigmoid do not move its ends, which it is cut off at."""

_SLIP = 4 * 2.0**-23
"""How far an activation of onnxruntime's vectorised kernels may pass its end."""

_ACTIVATIONS = {"RNN": ("tanh",), "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}
"""The default activations of one direction."""

_DRIFT = 2.0**-12
"""How far rounding may carry a state that a gate keeps, of its magnitude. A choice: it shrinks as
often as it grows."""

Kinds = list[tuple[str, float | None]]

_LONGEST = 1 << 22
"""Steps beyond which the growth of a cell is not told from rounding."""


@transfer("RNN", "GRU", "LSTM")
def recurrent(at: At) -> list[Range] | None:
    """States of all steps and of the last, and an LSTM's cell.

    RNN: h = f(...). GRU: h = (1 - z) · n + z · h, between the new state and the old one as long as
    z is in [0, 1]. LSTM: c = f · c + i · g and h = o · h(c): with i, f in [0, 1], c grows by
    the largest
    |g| a step at most. Where sequences end early, what follows is 0.
    """
    kinds = _kinds(at)
    if kinds is None:
        return None
    ends = list(starmap(_of_activation, kinds))
    if at.node.op == "LSTM":
        return _long(at, kinds, ends)
    start = _start(at, 5)
    low, high = _hull(ends)
    if at.node.op == "GRU":
        low, high = _hull(ends[1::2])
        if not _is_share(_hull(ends[::2])):
            low, high = -_INF, _INF
        low, high = min(low, start.least), max(high, start.most)  # z keeps the old state
        slip = _DRIFT * max(abs(low), abs(high))
        low, high = low - slip, high + slip
    state = _made(at, kinds, min(low, 0.0), max(high, 0.0), start)
    last = _made(at, kinds, min(low, start.least, 0.0), max(high, start.most, 0.0), start)
    return [state, last]


def _long(at: At, kinds: Kinds, ends: list[tuple[float, float]]) -> list[Range]:
    start, cell = _start(at, 5), _start(at, 6)
    gate, new, out = _hull(ends[::3]), _hull(ends[1::3]), _hull(ends[2::3])
    low, high = -_INF, _INF
    if _is_share(gate) and cell.is_finite:
        low, high = _grown(at, cell, new)
    corners = [_times(g, h) for g in gate for h in out]
    least, most = min(*corners, 0.0), max(*corners, 0.0)
    return [
        _made(at, kinds, least, most, start, cell),
        _made(at, kinds, min(least, start.least), max(most, start.most), start, cell),
        _made(at, kinds, min(low, 0.0), max(high, 0.0), start, cell),
    ]


def _grown(at: At, cell: Range, new: tuple[float, float]) -> tuple[float, float]:
    """The cell: its start, and one new value a step, as long as that is not lost in rounding."""
    eps = precision(at.element_type(0)) or 2.0**-23
    steps = min(_INF if (known := _steps(at)) is None else known, 4 / eps)
    reach = steps * max(abs(new[0]), abs(new[1]))
    slip = 4 * (steps + 1) * eps * (cell.magnitude + reach) if np.isfinite(reach) else 0.0
    low = min(cell.least, 0.0) - (reach if new[0] < 0 else 0.0) - slip
    high = max(cell.most, 0.0) + (reach if new[1] > 0 else 0.0) + slip
    return low, high


def _times(one: float, other: float) -> float:
    return 0.0 if not one or not other else one * other


def _made(at: At, kinds: Kinds, low: float, high: float, *starts: Range) -> Range:
    """A bound that activations give, whatever is fed: NaN alone passes through."""
    finite = all(each.is_finite for each in (*starts, *(e for e in at.read if e is not None)))
    found = at.made(low, high, nan=not finite or _may_overflow(at, kinds), mixes=True, loose=True)
    is_open = not (np.isfinite(low) and np.isfinite(high))
    by_start = any(each.free and (low <= each.least or high >= each.most) for each in starts)
    return replace(found, free=found.free and (is_open or by_start))


def _may_overflow(at: At, kinds: Kinds) -> bool:
    """Whether sums before an activation may be infinite on both sides: ∞ - ∞ is NaN."""
    slots = [slot for slot in (1, 2, 3, 7) if at.has(slot)]
    sizes = [at.size(slot) for slot in slots]
    grows = not all(np.isfinite(_of_activation(*each)).all() for each in kinds)
    if grows or None in sizes:
        return True
    most = max(1.0, at[0].magnitude, *(_start(at, slot).magnitude for slot in (5, 6)))
    if at.has(7):  # the cell itself is weighed
        most += 8 / (precision(at.element_type(0)) or 2.0**-23)
    terms = sum(size for size in sizes if size is not None) + 2
    largest = max(1.0, *(at[slot].magnitude for slot in slots))
    return not most * largest * terms < limits(at.element_type(0))[1] / 4


def _clip(at: At) -> float | None:
    """The limit of what activations are fed; None where there is none."""
    found = at.attribute("clip", None)
    return float(found) if isinstance(found, float) and found > 0 else None


def _kinds(at: At) -> Kinds | None:
    """The activations of all directions; with each the limit of what it is fed."""
    is_double = at.attribute("direction", "forward") in ("bidirectional", b"bidirectional")
    directions = 1 + is_double
    if not at.is_decided("activations", "direction", "clip"):
        return None
    given = at.attribute("activations", None)
    default = _ACTIVATIONS[at.node.op]
    if not given:
        given = list(default) * directions
    names = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
             for each in given]  # fmt: skip
    if len(names) != len(default) * directions:
        return None
    clip = _clip(at)
    return [  # an LSTM's last one is fed the cell, which is not cut off
        (name.lower(), None if len(default) == 3 and slot % 3 == 2 else clip)
        for slot, name in enumerate(names)
    ]


def _of_activation(name: str, clip: float | None) -> tuple[float, float]:
    """Where an activation lies; one that grows, only as far as what it is fed is clipped."""
    low, high = _ENDS.get(name, (-_INF, _INF))
    if name == "relu" and clip is not None:
        high = clip
    if name == "softplus" and clip is not None:
        high = clip + 1.0
    return low - (_SLIP if low else 0.0), high + _SLIP


def _hull(ends: list[tuple[float, float]]) -> tuple[float, float]:
    return min(low for low, _ in ends), max(high for _, high in ends)


def _is_share(gate: tuple[float, float]) -> bool:
    return gate[0] >= 0 and gate[1] <= 1 + 2 * _SLIP


def _start(at: At, slot: int) -> Range:
    """The initial state: zeros where it is omitted."""
    return at[slot] if at.has(slot) else Range.of(0.0, 0.0)


def _steps(at: At) -> int | None:
    """The most steps that a sequence has; None where that is not known."""
    dims = at.dims(0)
    axis = 1 if at.attribute("layout", 0) == 1 else 0
    size = dims[axis] if dims is not None and len(dims) == 3 else None
    lengths = at[4].most if at.has(4) else _INF
    if isinstance(size, int):
        return int(min(size, lengths)) if np.isfinite(lengths) and lengths >= 0 else size
    return int(lengths) if 0 <= lengths <= _LONGEST else None
