"""Names and messages as Markdown shows them, letter by letter: no markup, link or mention."""

from __future__ import annotations

import re

from onnxlint.model.graph.place import shortened
from onnxlint.safety.printable import printable

_SPECIAL = re.compile(r"([\\`*_\[\]|~$^])")

_ACTIVE = re.compile(r"@|://|www\.|#\d|GH-\d|![\d\[]|:[\w+-]+:|\b[0-9a-f]{7,40}\b|\w/\w[^/]*#")
"""What a comment makes links, mentions, images and pictures of, outside of code."""

_LEADING = re.compile(r"^(\d*)([#>+=-]|(?<=\d)[.)])")
"""What makes a heading, a quotation or a list of a line; a backslash before a digit would show."""


def plain(text: str, longest: int) -> str:
    """A text between other text; words that a comment would act on are shown as code."""
    words = shortened(printable(text), longest).split(" ")
    return _LEADING.sub(r"\1\\\2", " ".join(map(_word, words)))


def code(text: str, longest: int | None = None) -> str:
    """A name, as code; also within a table."""
    text = printable(text) if longest is None else shortened(printable(text), longest)
    text = text.replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[:1] in ("`", "") or text[-1:] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _word(word: str) -> str:
    if not _ACTIVE.search(word):
        return _escaped(word)
    name = word.rstrip(":;,.)")
    return code(name) + word[len(name) :] if _ACTIVE.search(name) else code(word)


def _escaped(word: str) -> str:
    word = _SPECIAL.sub(r"\\\1", word)
    return word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
