"""A reporter that a pack brings: what it raises is told in one sentence, with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from onnxlint.report import ModelReport
from onnxlint.reporters.protocol import MakeReporter, Outcome, Reporter, Run
from onnxlint.rules.diagnosis import words
from onnxlint.rules.packs import PackError
from onnxlint.safety.contained import contained
from onnxlint.safety.unfinished import Terminated

T = TypeVar("T")


class Guarded:
    """Passes everything on to it."""

    def __init__(self, make: MakeReporter, run: Run, label: str) -> None:
        self._label = label
        self._theirs: Reporter = self._call(lambda: make(run))

    def begin(self) -> str:
        """What theirs returns."""
        return self._text(lambda: self._theirs.begin())

    def model(self, report: ModelReport) -> str:
        """What theirs returns."""
        return self._text(lambda: self._theirs.model(report))

    def end(self, outcome: Outcome) -> str:
        """What theirs returns."""
        return self._text(lambda: self._theirs.end(outcome))

    def _text(self, do: Callable[[], str]) -> str:
        text = self._call(do)
        if not isinstance(text, str):
            kind = type(text).__name__
            raise PackError(f"{self._label} returned a {kind} (expected str); report it there")
        return text

    def _call(self, do: Callable[[], T]) -> T:
        try:
            with contained():
                return do()
        except (KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:  # sys.exit, too
            raise PackError(f"{self._label} failed: {words(error)}; report it there") from error
