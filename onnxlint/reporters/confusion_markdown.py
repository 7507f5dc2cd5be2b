"""The confusion of classes as a folded table of Markdown; of many classes those that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxlint.report import ConfusionTable
from onnxlint.reporters.markdown_text import plain

MOST_CLASSES = 10
"""Classes whose whole table is shown; a choice: a comment is some 80 characters wide."""

MOST_ROWS = 10
"""Classes, and confusions, that are listed of many."""

LONGEST = 60
"""Characters of a name; a choice."""


def confusion_table(confusion: ConfusionTable) -> Iterator[str]:
    """One element for a reader to open; says so where no class is taken for another."""
    if not confusion.different:
        yield "No class is taken for another."
        return
    if len(confusion.classes) <= MOST_CLASSES and confusion.matrix is not None:
        lines, what = _whole(confusion, confusion.matrix), "labels down, predictions across"
    else:
        lines, what = _cut(confusion), f"the worst of {len(confusion.classes):,} classes"
    yield f"<details><summary>Confusion of classes: {what}</summary>"
    yield from ("", *lines, "", "</details>")


def _whole(confusion: ConfusionTable, matrix: Sequence[Sequence[int]]) -> Iterator[str]:
    names = [_cell(name) for name in confusion.classes]
    yield f"| | {' | '.join(names)} |"
    yield f"|---|{'--:|' * len(names)}"
    for name, row in zip(names, matrix, strict=True):
        yield f"| {name} | {' | '.join(f'{count:,}' for count in row)} |"


def _cut(confusion: ConfusionTable) -> Iterator[str]:
    yield from ("| Class | Labels | Recall |", "|---|--:|--:|")
    for name, labels, recall in confusion.lowest()[:MOST_ROWS]:
        yield f"| {_cell(name)} | {labels:,} | {recall:.4g} |"
    yield from ("", "| Label | Predicted as | Times |", "|---|---|--:|")
    for each in confusion.pairs[:MOST_ROWS]:
        yield f"| {_cell(each.label)} | {_cell(each.predicted)} | {each.count:,} |"


def _cell(name: str) -> str:
    return plain(name, LONGEST).replace("\n", " ")
