"""Large numbers, as they are read at a glance."""

from __future__ import annotations

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

_POWERS = ("", "k", "M", "G", "T", "P")


def short(count: float) -> str:
    """`12.3M`, `987`: three digits and a power of a thousand."""
    power = 0
    while count >= 999.5 and power < len(_POWERS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g}{_POWERS[power]}"


def of_bytes(count: float) -> str:
    """`12.3 MiB`, `987 bytes`."""
    power = 0
    while count >= 1023.5 and power < len(_UNITS) - 1:
        count, power = count / 1024, power + 1
    digits = ".4g" if count >= 999.5 else ".3g"
    return f"{count:{digits}} {_UNITS[power]}"


def of_time(milliseconds: float) -> str:
    """`1.23 ms`, `45.6 µs`."""
    if milliseconds < 1:
        return f"{milliseconds * 1000:.3g} µs"
    return f"{milliseconds:.3g} ms" if milliseconds < 999.5 else f"{milliseconds / 1000:.3g} s"
