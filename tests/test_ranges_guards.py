"""What a condition says of a value, by the rounded multiple of it that is compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from soundness import Box, Sounding

COUNT = 16

MADE = {
    "multiple": "y = Mul(x, w)",
    "quotient": "y = Div(x, w)",
    "sum": "m = Mul(x, w) y = Add(m, b)",
    "sum that is scaled": "m = Add(x, b) y = Mul(m, w)",
    "magnitude": "m = Mul(x, w) y = Abs(m)",
}
COMPARED = {"Less": "c = Less(y, t)", "Greater": "c = Greater(y, t)", "Equal": "c = Equal(y, t)"}

factors = st.sampled_from([1e-42, 1e-40, 1e-30, 1e-3, 0.1, 1 / 3, 0.75, 3.0, 1e20]).flatmap(
    lambda size: st.sampled_from([size, -size])
)


def model(made: str, compared: str, factor: float, beside: float, limit: float) -> Sounding:
    names = {"w": factor, "b": beside, "t": limit, "o": 0.0}
    given = " ".join(f"{n} = Constant<value_float = {v!r}>()" for n, v in names.items())
    return Sounding(
        '<ir_version: 8, opset_import: ["" : 18]>'
        f" m (float[{COUNT}] x) => (float z)"
        f" {{ {given} {MADE[made]} {COMPARED[compared]} z = Where(c, x, o) }}"
    )


def near(number: float) -> np.ndarray:
    """A number, and those of float32 around it."""
    with np.errstate(over="ignore"):
        found = [np.float32(number)] * COUNT
    for at in range(1, COUNT):
        found[at] = np.nextafter(found[max(at - 2, 0)], np.float32(np.inf if at % 2 else -np.inf))
    return np.array(found, np.float32)


@pytest.mark.parametrize("compared", COMPARED)
@pytest.mark.parametrize("made", MADE)
@given(factor=factors, beside=st.sampled_from([0.0, 1.0, -300.0]), at=st.floats(-1, 1, width=32),
       size=st.sampled_from([1e-30, 1e-3, 1.0, 1e4]))  # fmt: skip
@example(factor=1e-42, beside=0.0, at=0.8, size=1e-3)
@example(factor=0.1, beside=-300.0, at=0.3, size=1.0)
def test_holds_of_what_is_compared(made, compared, factor, beside, at, size):
    with np.errstate(all="ignore"):
        w, b, x = np.float32(factor), np.float32(beside), np.float32(at * size)
        made_of = {"multiple": x * w, "quotient": x / w, "sum": x * w + b,
                   "sum that is scaled": (x + b) * w, "magnitude": abs(x * w)}  # fmt: skip
    limit = made_of[made]
    if not np.isfinite(limit):
        return
    sounding = model(made, compared, float(w), beside, float(limit))
    most = np.float64(2 * size)
    ranges = sounding.check({"x": Box(-most, most)}, points=2)
    for feed in (near(x), near(-x)):
        sounding.check_run(ranges, {"x": np.clip(feed, -most, most).astype(np.float32)})
