"""Whoever wants to know how the linting of a model goes on."""

from __future__ import annotations

from onnxlint.findings import Diagnostic
from onnxlint.rules.rule import Rule


class Watcher:
    """Is told of each step while it happens; this one does nothing about it."""

    may_interrupt = False
    """Whether this process is there for linting alone, and a rule may be interrupted in it."""

    def begins(self, doing: str, rule: Rule | None = None) -> None:
        """Something begins: a rule runs, or an analysis is made."""

    def found(self, diagnostics: list[Diagnostic]) -> None:
        """A rule ran, and this is what it found."""

    def check_unharmed(self) -> None:
        """A rule ran: whether this process still has what it needs."""

    def begins_anew(self) -> None:
        """The rules run from the start, as after the model was fixed."""
