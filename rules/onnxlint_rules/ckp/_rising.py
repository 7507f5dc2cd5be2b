"""A share that is large at the end, and was not before."""

from msgspec import Struct

from onnxlint_rules.ckp._curves import Curve, known


class Rise(Struct, frozen=True):
    """Where it was lowest, how low, and how high it is at the end."""

    at: int
    start: float
    end: float


def rise(curve: Curve, limit: float, least: float) -> Rise | None:
    """The rise of a share to more than the limit, by as much at least; None where there is none."""
    numbers = known(curve)
    if not numbers or curve[-1] is None or curve[-1] <= limit:
        return None
    at, start = min(numbers, key=lambda each: each[1])
    return Rise(at, start, curve[-1]) if curve[-1] - start >= least else None
