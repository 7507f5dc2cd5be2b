"""What a public report is rebuilt as: a small bad model, and the same model repaired."""

from __future__ import annotations

from dataclasses import dataclass, field

from onnxlint.severity import Severity


@dataclass(frozen=True)
class Report:
    """A defect that a file can show. Models are texts as the examples of rules are written."""

    thread: str
    """The public thread: owner/repository#number."""
    defect: str
    """What was wrong, in a few words of our own."""
    rule: str
    """The rule that has to name it."""
    place: str
    """The node or value at which, or its operator."""
    says: str
    """Words that its message has to hold."""
    severity: Severity
    bad: str
    repair: tuple[tuple[str, str], ...] = field(default=())
    """What the twin has in place of which words of `bad`; each has to be there."""
    mended: bool = False
    """Whether onnxlint had to be mended before it found this."""

    @property
    def verdict(self) -> str:
        """In the words of the page."""
        told = "found after a fix" if self.mended else "found"
        return f"{told}, with a sample that shows it" if "# data:" in self.bad else told

    @property
    def twin(self) -> str:
        text = self.bad
        for wrong, right in self.repair:
            assert wrong in text, (self.thread, wrong)
            text = text.replace(wrong, right)
        return text


@dataclass(frozen=True)
class Unseen:
    """A defect that no model file shows, whoever reads it, and why."""

    thread: str
    defect: str
    why: str
