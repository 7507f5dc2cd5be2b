"""What changed between two releases as a page, with both models side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.portrait.comparison import Comparison
from onnxlint.portrait.parts import part, plain
from onnxlint.release_diff import Release, ReleaseDiff
from onnxlint.report import ModelReport
from onnxlint.reporters.diff_rows import ADDED, CHANGED, REMOVED, Section
from onnxlint.reporters.diff_sections import headline, run_on, sections, unchanged
from onnxlint.reporters.html.models import Model
from onnxlint.reporters.html.printing import rendered
from onnxlint.reporters.html.sections.section import sections as parts_of
from onnxlint.version import __version__

BESIDE = "comparison"
"""The part of the new model that shows both, layer by layer."""

SIDES = ("interface", "drawing")
"""Parts that are shown of each model."""

SIGNS: Mapping[str, str] = {ADDED: "added", REMOVED: "removed", CHANGED: "changed"}

MOST_ROWS = 1_000
"""Changes of a section that are shown; a choice, some 200 kB of a page."""


class DiffPage(Struct, frozen=True):
    """All that the template reads of a diff."""

    diff: ReleaseDiff
    sides: Sequence[tuple[str, Model]]
    beside: Model

    @property
    def old(self) -> Release:
        """The earlier model."""
        return self.diff.old

    @property
    def new(self) -> Release:
        """The later one."""
        return self.diff.new

    @property
    def verdict(self) -> str:
        """In a word."""
        return "changed" if self.diff.differs else "no change"

    @property
    def headline(self) -> str:
        """Which topics changed."""
        return headline(self.diff)

    @property
    def changes(self) -> list[Section]:
        """Topics in which something changed; sizes are in a table of their own."""
        return [section for section in sections(self.diff) if section.title != "size"]

    @property
    def unchanged(self) -> list[str]:
        """Topics in which nothing did."""
        return unchanged(self.diff) if self.diff.differs else []

    @property
    def run_on(self) -> str | None:
        """What both were run on."""
        return run_on(self.diff)

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """Title, and what it is of the old and of the new model."""
        return [*_numbers(self.diff)]


def render(diff: ReleaseDiff, old: ModelReport, new: ModelReport) -> str:
    """The page; the reports have the portraits of both models."""
    sides = [("Old", _side(_mirrored(old, new), 1)), ("New", _side(new, 2))]
    beside = _with(new, 2, {BESIDE})
    page = DiffPage(diff, sides, beside)
    models = [beside, *(model for _, model in sides)]
    names = (each.name for model in models for each in model.sections)
    return rendered(
        "diff.html.jinja", names, page=page, signs=SIGNS, most_rows=MOST_ROWS, version=__version__
    )


def _side(report: ModelReport, number: int) -> Model:
    return _with(report, number, SIDES)


def _with(report: ModelReport, number: int, names: Collection[str]) -> Model:
    shown = [each for each in parts_of(report, number) if each.name in names]
    return Model(number, report, (), shown)


def _mirrored(old: ModelReport, new: ModelReport) -> ModelReport:
    """The old model with what the new one knows of its layers beside those of the old."""
    made = part(new.portrait or {}, BESIDE)
    if not isinstance(made, Comparison):
        return old
    return replace(old, portrait={**(old.portrait or {}), BESIDE: plain(made.mirrored())})


def _numbers(diff: ReleaseDiff) -> Iterator[tuple[str, str, str]]:
    if diff.score is not None:
        measure = diff.score.measure[:1].upper() + diff.score.measure[1:]
        yield measure, f"{diff.score.old:.4g}", f"{diff.score.new:.4g}"
    for name in ("parameters", "nodes", "macs", "peak_memory", "bytes"):
        before, after = getattr(diff.old, name), getattr(diff.new, name)
        if None not in (before, after):
            title = "MACs" if name == "macs" else name.replace("_", " ").capitalize()
            yield title, f"{before:,}", f"{after:,}"
