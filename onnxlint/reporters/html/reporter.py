"""The format `html`: one file that a browser opens, from disk and without any network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from functools import cache
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

        shown = page(self.run, self.reports, outcome)
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


@cache
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


def _joined(sections: Collection[str], suffix: str) -> str:
    """The style, or the script, of the page and of these sections of it, which share `figures`."""
    files = [
        TEMPLATES / f"{name}.{suffix}" for name in ("page", *(["figures"] if sections else []))
    ]
    files += [TEMPLATES / "sections" / f"{name}.{suffix}" for name in sections]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
