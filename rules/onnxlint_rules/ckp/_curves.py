"""What curves have in common: the best checkpoint, what is beyond noise, what is known."""

from collections.abc import Sequence

from onnxlint import ScoreCurve

Curve = Sequence[float | None]

LEAST_POINTS = 4
"""Checkpoints from which on a curve has a course; of fewer, any may be chance: a choice."""

ERRORS = 3.0
"""Standard errors beyond which a difference is not laid to chance: once in 370 by chance."""


def known(curve: Curve) -> list[tuple[int, float]]:
    """The numbers that there are, each with its checkpoint."""
    return [(at, value) for at, value in enumerate(curve) if value is not None]


def lowest(curve: Curve) -> tuple[int, float] | None:
    """The first checkpoint at which a curve is lowest."""
    return min(known(curve), key=lambda each: each[1], default=None)


def noise(score: ScoreCurve, at: int) -> float:
    """What of the curve that is judged may be chance, by the number of samples."""
    error = score.judged_noise[at]
    return ERRORS * (error or 0.0)


def is_diverged(score: ScoreCurve) -> bool:
    """Whether the last checkpoint predicts worse than no model at all, after a better one did.

    Twice the lowest loss or more (TheDeepChecker's factor), and worse than the best constant
    prediction; where there is an accuracy, that fell, too. Or the outputs are no numbers any more.
    """
    curve = score.judged
    low = lowest(curve)
    if low is None:
        return False
    last, chance = curve[-1], score.judged_chance
    if last is None:
        return True
    if last <= 2 * low[1] or (chance is not None and last <= chance):
        return False
    return score.measure == "RMSE" or accuracy_lost(score, low[0]) > 0.1


def accuracy_lost(score: ScoreCurve, best: int) -> float:
    """How much lower the accuracy is at the end than at another checkpoint."""
    before, after = score.figure[best], score.figure[-1]
    return 0.0 if before is None or after is None else before - after


def is_better_than_chance(score: ScoreCurve) -> bool:
    """Whether some checkpoint beats the best constant prediction by 5%, or by more than noise."""
    low, chance = lowest(score.judged), score.judged_chance
    if low is None or chance is None:
        return True
    return low[1] < 0.95 * chance or chance - low[1] > noise(score, low[0])
