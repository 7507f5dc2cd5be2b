"""What a rule says of itself: its docstring in parts, which are its page and its tests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from msgspec import Struct

from onnxlint.rules.references import cited

_INSTEAD = "Instead"
_SECTION = re.compile(r"^(Why|Fix|Bad|Good|Instead):[ \t]*(.*)$", re.MULTILINE)
_HEADER = re.compile(r"(?:\s*<[^>]*>)?\s*")
_SETTING = re.compile(
    r"# (?:stage|option|target|data|labels|train|train-labels|config|series):.*\s*"
)


class Documentation(Struct, frozen=True):
    """A rule's docstring in its parts; `bad` and `good` are example models in ONNX text.

    `patterns` are those of a rule that is nothing but a graph pattern; `marked` the good examples
    whose section is `Instead:`.
    """

    summary: str
    why: str = ""
    fix: str = ""
    bad: tuple[str, ...] = ()
    good: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()

    @classmethod
    def parse(cls, docstring: str) -> Documentation:
        """Splits a docstring at its `Why:`, `Fix:`, `Bad:`, `Good:` and `Instead:` lines."""
        text = inspect.cleandoc(docstring)
        marks = [*_SECTION.finditer(text)]
        summary = text[: marks[0].start()] if marks else text
        sections: dict[str, list[str]] = {
            title: [] for title in ("Why", "Fix", "Bad", "Good", _INSTEAD)
        }
        ends = [*(mark.start() for mark in marks[1:]), len(text)]
        for mark, end in zip(marks, ends, strict=False):  # without a section there is only an end
            body = f"{mark[2]}\n{inspect.cleandoc(text[mark.end() : end])}".strip()
            sections[mark[1]].append(body)
            if mark[1] == _INSTEAD:
                sections["Good"].append(body)
        return cls(
            summary.strip(),
            "\n".join(sections["Why"]),
            "\n".join(sections["Fix"]),
            tuple(sections["Bad"]),
            tuple(sections["Good"]),
            marked=tuple(sections[_INSTEAD]),
        )

    @property
    def instead(self) -> tuple[str, ...]:
        """What to use in place of a bad example: the sections `Instead:`, else the first good one.

        A good example that begins with a comment shows a case that is not reported, as it says.
        """
        return self.marked or tuple(
            text for text in self.good[:1] if not _begins_with_comment(text)
        )

    @property
    def references(self) -> Mapping[str, str]:
        """Issues, papers and pages that its text cites: their words to their addresses."""
        return dict(cited(f"{self.summary} {self.why} {self.fix}"))


def _begins_with_comment(example: str) -> bool:
    """Whether an example says what it shows, beyond settings such as `# data: …`."""
    at = _HEADER.match(example)
    start = at.end() if at else 0
    while setting := _SETTING.match(example, start):
        start = setting.end()
    return example.startswith("#", start)
