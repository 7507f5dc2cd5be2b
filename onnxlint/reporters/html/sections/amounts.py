"""Counts, sizes and shares as short texts."""

from __future__ import annotations

from collections.abc import Sequence

_THOUSANDS = ("", "k", "M", "G", "T", "P")
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

EXACT = 100_000
"""Counts below are told to the last digit: a choice, as wide as a rounded one."""

ROUNDED = 999.5
"""Three digits do not tell more."""


def count(number: int) -> str:
    """A count in at most seven characters: `25.6 M`."""
    if number < EXACT:
        return f"{number:,}"
    return _scaled(number, 1000, _THOUSANDS)


def size(number: int) -> str:
    """Bytes: `3.06 MiB`."""
    return _scaled(number, 1024, _BYTES)


def share(part: float) -> str:
    """A share of 1 as per cent; what is neither none nor all is not told as such."""
    if 0 < part < 0.0001:
        return "< 0.01%"
    if 0.9999 < part < 1:
        return "> 99.99%"
    return f"{part:.2%}".replace(".00%", "%")


def figure(number: float) -> str:
    """A number of four digits."""
    return f"{number:.4g}"


def superscript(number: int) -> str:
    """An exponent."""
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _scaled(number: float, step: int, units: Sequence[str]) -> str:
    at = 0
    while at + 1 < len(units) and number >= ROUNDED:
        number, at = number / step, at + 1
    return f"{number:.3g} {units[at]}".rstrip()
