"""Where transfer functions come in: by operator, with how exact its kernel is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.at import At
    from onnxlint.analyses.ranges.range import Range

    Function = Callable[[At], Range | Iterable[Range] | None]


class Transfer(Struct, frozen=True):
    """What an operator makes of ranges, and how far its kernel is off what mathematics says.

    The function gives the range of the first output, or those of all; None says that nothing is
    known. It computes with real numbers: rounding to the dtype is done for it. `ulps` are units in
    the last place that onnxruntime's kernel may be off; 1 stands for exact rounding.
    """

    function: Function
    ulps: float


TRANSFERS: dict[str, Transfer] = {}
"""By operator, with its domain where it is not the standard one: `com.microsoft::QuickGelu`."""

POINTWISE: set[str] = set()
"""Each element of the output is made of one element of each input, broadcast."""


def transfer(
    *ops: str, ulps: float = 1.0, pointwise: bool = False
) -> Callable[[Function], Function]:
    """Makes a function the transfer of some operators.

    Args:
        ops: operators with their domain, as `Node.op` has them.
        ulps: units in the last place by which kernels miss the exact result.
        pointwise: each element of the output depends on one element of each input, broadcast.
    """

    def added(function: Function) -> Function:
        for op in ops:
            assert op not in TRANSFERS, op
            TRANSFERS[op] = Transfer(function, ulps)
            if pointwise:
                POINTWISE.add(op)
        return function

    return added


RELATIONS: dict[str, list[Callable[[At, Range], Range]]] = {}
"""By operator: what is known beyond single operands, of how they hang together."""


def relation(
    *ops: str,
) -> Callable[[Callable[[At, Range], Range]], Callable[[At, Range], Range]]:
    """Makes a function narrow what the transfers of some operators give.

    It is handed the first output's range, and returns it, or a narrower one.
    """

    def added(function: Callable[[At, Range], Range]) -> Callable[[At, Range], Range]:
        for op in ops:
            RELATIONS.setdefault(op, []).append(function)
        return function

    return added
