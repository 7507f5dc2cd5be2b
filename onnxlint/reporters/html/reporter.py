"""The format `html`: one file that a browser opens, from disk and without any network."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.model.graph.place import Place
from onnxlint.reporters.html.page import page
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Gathering, Outcome
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


class Html(Gathering):
    """One self-contained page: its style and its script are in it, and nothing else may load."""

    def end(self, outcome: Outcome) -> str:
        """The page."""
        from markupsafe import Markup

        style, script = (_read(name) for name in ("page.css", "page.js"))
        return (
            environment(TEMPLATES)
            .get_template("page.html.jinja")
            .render(
                page=page(self.run, self.reports, outcome),
                policy=policy(style, script),
                style=Markup(style),
                script=Markup(script),
            )
        )


def environment(templates: Path) -> Environment:
    """Templates in which every text is escaped: for markup, and for what moves or hides text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        finalize=_inert,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["where"] = _where
    return made


def _where(place: Place) -> str:
    return where(place).removesuffix(": ")


def _inert(value: Any) -> Any:
    """What a template shows; a text that is markup already came through here before."""
    return printable(value) if type(value) is str else value


def policy(style: str, script: str = "") -> str:
    """What a browser may do with a page: use the style and the script in it, nothing else."""
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


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
