"""TOML as people write it: keys, strings and numbers, whatever names a model has."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from onnxlint.safety.printable import INVISIBLE

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}

DIGITS = 4
"""Significant digits of bounds: observed numbers are not exact promises."""


def key(name: str) -> str:
    """A key, quoted where it has to be."""
    return name if _BARE.fullmatch(name) else string(name)


def dotted(*names: str) -> str:
    """A key of several parts, as tables are headed."""
    return ".".join(map(key, names))


def string(text: str) -> str:
    """A string on one line; what no terminal shows is escaped."""
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable() and character not in INVISIBLE:
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def value(written: Any) -> str:
    """A value on one line: a string, number, list, or inline table."""
    if isinstance(written, bool):
        return str(written).lower()
    if isinstance(written, str):
        return string(written)
    if isinstance(written, Mapping):
        inside = ", ".join(f"{key(name)} = {value(each)}" for name, each in written.items())
        return f"{{{inside}}}"
    if isinstance(written, Iterable):
        return f"[{', '.join(map(value, written))}]"
    if isinstance(written, float) and written.is_integer() and abs(written) < 1e15:
        return str(int(written))
    return repr(written)


def rounded_down(number: float, digits: int = DIGITS) -> float:
    """The next number of so few digits that is not larger."""
    return -rounded_up(-number, digits)


def rounded_up(number: float, digits: int = DIGITS) -> float:
    """The next number of so few digits that is not smaller."""
    if not 1e-290 < abs(number) < 1e290:  # beyond, rounding leaves the floats
        return number
    places = digits - 1 - math.floor(math.log10(abs(number)))
    near = round(number, places)
    return near if near >= number else round(near + 10.0**-places, places)
