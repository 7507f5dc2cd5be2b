"""Templates to text: every name and message escaped, style and script in the page, no others."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.model.graph.place import Place
from onnxlint.reporters.places import where
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, sections: Iterable[str], **shown: Any) -> str:
    """A page, with style and script of these sections; `shown` is what the template reads."""
    from markupsafe import Markup

    names = [*dict.fromkeys(sections)]
    style, script = (_joined(names, suffix) for suffix in ("css", "js"))
    page = environment(TEMPLATES).get_template(template)
    return page.render(
        **shown, policy=policy(style, script), style=Markup(style), script=Markup(script)
    )


@cache
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


def _joined(sections: Collection[str], suffix: str) -> str:
    """The style, or the script, of the page and of these sections of it, which share `figures`."""
    shared = ["page", *(["figures"] if sections else [])]
    names = [*shared, *(f"sections/{name}" for name in sections)]
    files = [TEMPLATES / f"{name}.{suffix}" for name in names]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())
