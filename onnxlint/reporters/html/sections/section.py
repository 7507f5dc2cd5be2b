"""What a section is: a title, a template, and what the template reads."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from onnxlint.portrait.parts import PARTS, NotMade, part
from onnxlint.report import ModelReport

VIEWS: Mapping[str, tuple[str, str]] = {
    "drawing": ("Architecture", "drawing:View"),
    "interface": ("Inputs and outputs", "interface:View"),
    "comparison": ("Beside the reference", "comparison:View"),
    "layers": ("Layers", "layers:View"),
    "pictures": ("Feature maps and attention", "pictures:View"),
    "predictions": ("Predictions", "predictions:View"),
    "samples": ("Data", "samples:View"),
    "representations": ("Representations", "representations:View"),
}
"""Title of each part's section, and the module of this folder and class that its template reads.

The class is called with the part and the report. `templates/sections/NAME.html.jinja` shows it, as
`view`; style and script beside it, of the same name, are on the page where the section is.
"""


class Section(Struct, frozen=True):
    """A part of a portrait as it stands on the page; `problem` is why it is not there."""

    name: str
    title: str
    model: int
    view: Any = None
    problem: str | None = None

    @property
    def id(self) -> str:
        """Where it is on the page."""
        return f"{self.name}-{self.model}"

    @property
    def template(self) -> str:
        """What shows it."""
        return f"sections/{self.name}.html.jinja"


def sections(report: ModelReport, number: int) -> Iterator[Section]:
    """Those of one model, which has this number on the page."""
    if report.series is not None:
        from onnxlint.reporters.html.sections.checkpoints import View

        yield Section("checkpoints", "Over the checkpoints", number, View(report.series, report))
    for name in PARTS:
        made = part(report.portrait or {}, name)
        if made is None:
            continue
        title, view = VIEWS[name]
        if isinstance(made, NotMade):
            yield Section(name, title, number, problem=made.reason)
            continue
        module, _, kind = view.partition(":")
        loaded = importlib.import_module(f"onnxlint.reporters.html.sections.{module}")
        yield Section(name, title, number, getattr(loaded, kind)(made, report))
