"""Text from a file made inert and visible: nothing in it moves a cursor, hides, or ends a line.

The one home of escaping: whatever shows a name, a path or a message that may hold one comes here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
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
    import msgspec  # `--help` does without

    return _inert(msgspec.json.format(_compact(document), indent=1))  # json's takes three times


def json_line(document: Any) -> str:
    """The same on one line."""
    return _inert(_compact(document))


def _inert(text: str) -> str:
    """Without the one control character that JSON leaves raw, and what logs obey in a line."""
    return text.replace("\x7f", "\\u007f").replace("##", "#\\u0023")


def _compact(document: Any) -> str:
    with suppress(TypeError, ValueError):  # where it has to be made strict before
        text = json.dumps(document, allow_nan=False)
        if "\\ud" not in text:  # a surrogate, which may be a lone one
            return text
    return json.dumps(_strict(document), allow_nan=False)


def _strict(value: Any) -> Any:
    """NaN and infinities as strings, lone surrogates escaped, for JSON knows neither."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_strict(str(key)): _strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.item() if hasattr(value, "item") else value
