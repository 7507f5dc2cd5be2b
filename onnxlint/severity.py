"""How grave a finding is, and how far the model's training is."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How grave a finding is.

    `ERROR`: the model will fail, or silently give wrong answers. `WARNING`: likely a defect, or a
    cost worth knowing. `INFO`: worth a look.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest, so that sorting puts errors first."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Stage(StrEnum):
    """How far the model's training is: it decides which predictions are to be expected of it."""

    INIT = "init"
    TRAINED = "trained"
