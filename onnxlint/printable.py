"""Text from a file made inert and visible: nothing in it moves a cursor, hides, or ends a line.

The one home of escaping: whatever shows a name, a path or a message that may hold one comes here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any

INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0,
              *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip
"""Letters and marks that show nothing, though Python calls them printable: those that Unicode lists
as Default_Ignorable_Code_Point, and the empty Braille pattern."""


_COMMAND = re.compile(r"^\s*:(?=:)|#(?=#\w*\[)")
"""What the logs of build services obey: `::error::` in front, `##[…]` and `##vso[…]` anywhere."""


def printable(text: str) -> str:
    """One line of text, its control and invisible characters and line breaks as escapes.

    Python's `isprintable` refuses the control characters C0, DEL and C1, the marks of direction,
    those of no width, line and paragraph separators, private use and lone surrogates.
    """
    if not text.isprintable() or not INVISIBLE.isdisjoint(text):
        text = "".join(map(_visible, text))
    return _COMMAND.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)


def printable_lines(text: str) -> str:
    """The same of a text of several lines, which stay apart."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def _visible(character: str) -> str:
    shown = character.isprintable() and character not in INVISIBLE
    return character if shown else ascii(character)[1:-1]


def json_text(document: Any) -> str:
    """A document as strict JSON, in characters that every terminal shows and no encoding lacks."""
    parts: list[str] = []
    _write(document, "\n", parts.append)
    # the one control character that JSON leaves raw, and what a log obeys within a line
    return "".join(parts).replace("\x7f", "\\u007f").replace("##", "#\\u0023")


_WORDS = {None: "null", True: "true", False: "false"}


def _write(value: Any, line: str, out: Callable[[str], None]) -> None:
    """What `json.dumps` writes with an indent of 1, in a third of its time.

    NaN and infinities are strings, lone surrogates escaped, for JSON knows neither.
    """
    if isinstance(value, str):
        out(_quoted(value))
    elif value is None or isinstance(value, bool):
        out(_WORDS[value])
    elif isinstance(value, int):
        out(int.__repr__(value))
    elif isinstance(value, float):
        out(float.__repr__(value) if math.isfinite(value) else _quoted(str(value)))
    elif isinstance(value, Mapping):
        _write_all(
            "{}", ((_quoted(str(key)) + ": ", each) for key, each in value.items()), line, out
        )
    elif isinstance(value, list | tuple):
        _write_all("[]", (("", each) for each in value), line, out)
    else:
        _write(value.item(), line, out)


def _write_all(
    marks: str, items: Iterable[tuple[str, Any]], line: str, out: Callable[[str], None]
) -> None:
    """The items of an object or a list, a line each."""
    inner = f"{line} "
    before = marks[0] + inner
    for key, value in items:
        out(before + key)
        _write(value, inner, out)
        before = f",{inner}"
    out(marks if before[0] == marks[0] else line + marks[1])


def _quoted(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return encode_basestring_ascii(text)
