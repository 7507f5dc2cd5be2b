"""The format `html`: one file that a browser opens, from disk and without any network."""

from __future__ import annotations

from msgspec.structs import replace

from onnxlint.report import ModelReport, exit_code
from onnxlint.reporters.html.page import Page, file_name, page
from onnxlint.reporters.html.printing import rendered
from onnxlint.reporters.protocol import Gathering, Outcome


class Html(Gathering):
    """One self-contained page: its style and its script are in it, and nothing else may load."""

    _folder: str | None = None

    def begin_pages(self, folder: str) -> None:
        """Models will have pages of their own, in this folder, relative to the report."""
        self._folder = folder

    def page(self, report: ModelReport) -> tuple[str, str]:
        """The name of a model's file, and its text, with all that is known of it."""
        outcome = Outcome(exit_code=exit_code([report]))
        run = replace(self.run, models=1)
        return file_name(report, len(self.reports) + 1), _rendered(page(run, [report], outcome))

    def model(self, report: ModelReport) -> str:
        """Keeps it; its portrait only where it has no page of its own."""
        return super().model(report if self._folder is None else replace(report, portrait=None))

    def end(self, outcome: Outcome) -> str:
        """The page."""
        return _rendered(page(self.run, self.reports, outcome, self._folder))


def _rendered(shown: Page) -> str:
    parts = (each.name for model in shown.models for each in model.sections)
    return rendered("page.html.jinja", parts, page=shown)
