"""Writes what mkdocs finds in no file of docs/: rules, reference, and the pages of the root.

mkdocs loads it as a hook (`mkdocs.yml`), so that nothing that the code says is kept by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import api_pages
import rule_pages
import settings_pages

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]\[]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")

FROM_ROOT = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "fixtures/README.md": "fixtures.md",
}
"""Pages that lie outside docs/, by their path in the repository, and what they are in the site."""


def on_config(config: Any) -> Any:
    """Called by mkdocs: completes the navigation."""
    for section in config.nav:
        for title, pages in section.items():
            if title == "Rules":
                section[title] = rule_pages.navigation()
            elif title == "Reference":
                section[title] = [*pages, *api_pages.navigation()]
            elif isinstance(pages, list):
                section[title] = [page for page in pages if _is_there(page)]
    return config


def _is_there(page: str | dict[str, str]) -> bool:
    path = page if isinstance(page, str) else next(iter(page.values()))
    return path not in FROM_ROOT.values() or path in from_root()


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs: adds the generated pages."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """The text of each generated page, by its path in the site."""
    return {**from_root(), **rule_pages.pages(), **settings_pages.pages(), **api_pages.pages()}


def from_root() -> dict[str, str]:
    """The pages that lie outside docs/, as far as they are there, with links within the site."""
    return {
        page: LINK.sub(lambda link, at=Path(path).parent: _link(link, at), file.read_text("utf-8"))
        for path, page in FROM_ROOT.items()
        if (file := ROOT / path).is_file()
    }


def _link(link: re.Match[str], folder: Path) -> str:
    """A link of a page of the repository; to what is no page of the site it is only its words."""
    text, anchor = link[1], link[3] or ""
    path = (folder / link[2]).as_posix()
    if path.startswith("docs/"):
        return f"[{text}]({path.removeprefix('docs/')}{anchor})"
    if path in FROM_ROOT and (ROOT / path).is_file():
        return f"[{text}]({FROM_ROOT[path]}{anchor})"
    return text
