"""Lines that are longer than the terminal is wide, broken between words and indented."""

from __future__ import annotations

import re
from collections.abc import Iterator

HANGING = 2
"""Columns by which the rest of a line is further in than its beginning."""

NARROWEST = 20
"""Columns of text that are left beside an indent, however narrow the terminal is."""

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"

_COMMAND = "::"
"""A line that begins so is obeyed by the logs of build services, which may be terminals, too."""


def wrapped(line: str, width: int) -> Iterator[str]:
    """The line in pieces of at most so many columns; a word that is longer stays whole.

    A style ends with each piece, and begins anew with the next: pagers take lines one by one.
    """
    indent = len(line) - len(line.lstrip(" "))
    style = ""
    for piece in _pieces(line, indent, max(width, indent + HANGING + NARROWEST)):
        text = piece.lstrip(" ")
        before = piece[: len(piece) - len(text)] + style
        style = _style_after(style, text)
        yield before + text + (_RESET if style else "")


def _pieces(line: str, indent: int, width: int) -> Iterator[str]:
    from rich.cells import cell_len

    piece, columns = " " * indent, indent
    for blanks, word in re.findall(r"( *)([^ ]+)", line.lstrip(" ")):
        bare = _STYLE.sub("", word)
        size = cell_len(bare)
        stays = not piece.strip() or bare.startswith(_COMMAND)
        if columns + len(blanks) + size > width and not stays:
            yield piece
            piece, columns = " " * (indent + HANGING) + word, indent + HANGING + size
        else:
            piece, columns = piece + blanks + word, columns + len(blanks) + size
    yield piece


def _style_after(style: str, piece: str) -> str:
    for found in _STYLE.findall(piece):
        style = "" if found == _RESET else style + found
    return style
