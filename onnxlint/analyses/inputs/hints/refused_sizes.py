"""What onnxruntime's refusal of a run says of the sizes that it wants."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxlint.runtime.feeds.input_slots import Slot

_PAIRS = (
    r"other than 1\. (?P<a>\d+) by (?P<b>\d+)",
    r"[Gg]ot:? (?P<a>\d+),? [Ee]xpected:? (?P<b>\d+)",
    r"[Ee]xpected:? (?P<b>\d+),? (?:but )?[Gg]ot:? (?P<a>\d+)",
    r"W: \{(?P<b>\d+),\d+\} K: (?P<a>\d+)",
    r"C: (?P<a>\d+) kernel channels: (?P<b>\d+) group: (?P<times>\d+)",
)
"""Two sizes that should be the same; what is wanted is the second, or it is not known which."""

_RESHAPED = r"[Ii]nput shape:\{(?P<from>[\d,]+)\}, requested shape:\{(?P<to>[\d,-]+)\}"


def corrected(
    slots: list[Slot], sizes: Mapping[str, int], batch: str | None, message: str
) -> dict[str, int]:
    """Sizes of symbols that had one of two sizes which should be the same: now the other.

    The batch stays. Empty where the message names no such sizes, or no symbol has them.
    """
    dims = {dim for slot in slots for dim in slot.dims if isinstance(dim, str)}
    free = {name: size for name, size in sizes.items() if name in dims and name != batch}
    for had, wanted in _pairs(message):
        for old, new in ((had, wanted), (wanted, had)):
            found = {symbol: new for symbol, size in free.items() if size == old}
            if found and new > 0:
                return found
    for had, wanted in _folds(message):
        longer = {name: size + wanted - had for name, size in free.items() if size > had}
        if len(longer) == 1 and min(longer.values()) > 0:  # windows took the same from either
            return longer
    return {}


def _pairs(message: str) -> Iterator[tuple[int, int]]:
    for pattern in _PAIRS:
        for match in re.finditer(pattern, message):
            groups = match.groupdict()
            yield int(groups["a"]), int(groups["b"]) * int(groups.get("times") or 1)
    yield from _folds(message)


def _folds(message: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(_RESHAPED, message):
        yield from _folded(*([int(dim) for dim in text.split(",")] for text in match.groups()))


def _folded(shape: list[int], wanted: list[int]) -> Iterator[tuple[int, int]]:
    """Sizes that the last ones of a shape would have, so that they fold into what is wanted last.

    As maps by bands do into the features of a layer: {8, 24, 8} into {-1, 2520} with 105 bands.
    """
    folded = prod(shape[1:])
    for size in shape[1:]:
        rest = folded // size if size else 0
        if rest and wanted[1:] and wanted[0] == -1 and prod(wanted[1:]) % rest == 0:
            yield size, prod(wanted[1:]) // rest
