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
    prediction; where there is an accuracy, half of its lead over that is lost, too. Or the outputs
    are no numbers any more.
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
    return score.measure == "RMSE" or _lead_lost(score, low[0]) > 0.5


def _lead_lost(score: ScoreCurve, best: int) -> float:
    """The share of the accuracy beyond guessing that is gone since a checkpoint."""
    before, after, chance = score.figure[best], score.figure[-1], score.chance_figure
    if before is None or after is None or chance is None or before <= chance:
        return 0.0
    return (before - after) / (before - chance)


def beats_guessing(score: ScoreCurve) -> bool:
    """Whether some checkpoint is 5% below the best constant prediction."""
    low, chance = lowest(score.judged), score.judged_chance
    return low is None or chance is None or low[1] < 0.95 * chance


def is_beyond_chance(score: ScoreCurve) -> bool:
    """Whether some checkpoint is below the best constant prediction by more than noise."""
    low, chance = lowest(score.judged), score.judged_chance
    return low is not None and chance is not None and chance - low[1] > noise(score, low[0])
