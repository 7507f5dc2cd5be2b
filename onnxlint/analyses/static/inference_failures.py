"""The nodes at which shape inference fails."""

from __future__ import annotations

from onnxlint.analyses.static.inference_complaints import InferenceFailure
from onnxlint.analyses.static.shapes import Shapes


class InferenceFailures:
    """The nodes at which shape inference fails, every one and not only the first.

    They are known later than the types that `Shapes` tells: rules that ask for them run when others
    have run.
    """

    works_beside = True

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    @classmethod
    def build(cls, shapes: Shapes) -> InferenceFailures:
        """Waits for nothing; the first question does."""
        return cls(shapes)

    @property
    def is_done(self) -> bool:
        """Whether no question has to wait."""
        return self._shapes.are_failures_known

    @property
    def found(self) -> list[InferenceFailure]:
        """The failures; empty where no shapes are inferred: see the problem of `Shapes`."""
        return self._shapes.failures
