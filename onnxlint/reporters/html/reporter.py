"""The format `html`: one file that a browser opens, from disk and without any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport, exit_code
from onnxlint.reporters.html.page import Page, file_name, page
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Gathering, Outcome
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


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
    """The text of a page."""
    from markupsafe import Markup

    parts = dict.fromkeys(each.name for model in shown.models for each in model.sections)
    style, script = (_joined(parts, suffix) for suffix in ("css", "js"))
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            page=shown,
            policy=_policy(style, script),
            style=Markup(style),
            script=Markup(script),
        )
    )


def _environment() -> Environment:
    """Templates in which every text is escaped: for markup, and for what moves or hides text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["where"] = _where
    return environment


def _where(place: Place) -> str:
    return where(place).removesuffix(": ")


def _inert(value: Any) -> Any:
    """What a template shows; a text that is markup already came through here before."""
    return printable(value) if type(value) is str else value


def _policy(style: str, script: str) -> str:
    """What a browser may do with the page: use the style and the script in it, nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hashed(style)}",
            f"script-src {_hashed(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _joined(sections: Iterable[str], suffix: str) -> str:
    """The style, or the script, of the page and of these sections of it."""
    files = [TEMPLATES / f"page.{suffix}"]
    files += [TEMPLATES / "sections" / f"{name}.{suffix}" for name in sections]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
