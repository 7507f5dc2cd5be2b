"""Promised numbers: whether they are kept, and how they are written."""

from __future__ import annotations

from typing import TypeVar

Number = TypeVar("Number", int, float)


def limits(promised: Number | tuple[Number, Number]) -> tuple[Number, Number]:
    """The lowest and the highest number that keep a promise."""
    return promised if isinstance(promised, tuple) else (promised, promised)


def is_kept(seen: float, promised: float | tuple[float, float]) -> bool:
    """Whether a number is as promised; NaN is not."""
    lowest, highest = limits(promised)
    return lowest <= seen <= highest


def crossed(seen: float, promised: float | tuple[float, float]) -> float:
    """The end of the bounds that a number is beyond."""
    lowest, highest = limits(promised)
    return highest if seen > highest else lowest


def told(promised: float | tuple[float, float]) -> str:
    """`promised 53`, `promised 50 to 60`."""
    lowest, highest = limits(promised)
    return f"promised {_number(lowest)}" + ("" if lowest == highest else f" to {_number(highest)}")


def _number(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(nbytes: float) -> str:
    """A size as people write it: 117.2 MiB."""
    unit = 0
    while nbytes >= 1024 and unit < len(_UNITS) - 1:
        nbytes, unit = nbytes / 1024, unit + 1
    return f"{nbytes:,.0f} {_UNITS[unit]}" if not unit else f"{nbytes:,.1f} {_UNITS[unit]}"


def scaled(number: float) -> str:
    """Operations as people write them: 4.09 GFLOP."""
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:.4g} {unit}FLOP"
    return f"{number:.4g} FLOP"
