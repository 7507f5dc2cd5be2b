"""The types of inputs and outputs beside what is promised of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from onnxlint import Finding, Shapes, Value

_SHOWN = {"float": "float32", "double": "float64"}
ANY = "*"


class Promise(Protocol):
    """What the contract says of the type of an input or output."""

    @property
    def shape(self) -> list[int | str] | None:
        """Sizes, names of dynamic dimensions, and `*` for any."""
        ...

    @property
    def element_type(self) -> str | None:
        """The dtype."""
        ...


def broken(shapes: Shapes, value: Value, what: str, promised: Promise) -> Iterator[Finding]:
    """A finding for a dtype, and one for a shape, that is not as promised."""
    shape, dtype, dims = shapes.of(value), promised.element_type, promised.shape
    seen = "not a tensor" if shape is None else _SHOWN.get(shape.dtype, shape.dtype)
    table = f"{what}s.{value.name}"
    if dtype is not None and seen != dtype:
        yield Finding(
            value,
            f"{what} {value.name!r} is {seen} (promised {dtype})",
            hint=f"export the {what} as {dtype}, or change {table}.dtype",
        )
    got = None if shape is None else shape.dims
    if dims is not None and (got is None or not fits(got, dims)):
        told = "of unknown shape" if got is None else f"[{', '.join(str(d or '?') for d in got)}]"
        yield Finding(
            value,
            f"{what} {value.name!r} is {told} (promised [{', '.join(map(str, dims))}])",
            hint=f"export with the promised shape, or change {table}.shape",
        )


def fits(seen: Sequence[int | str | None], promised: Sequence[int | str]) -> bool:
    """Whether sizes are equal, names stand for dynamic dimensions, and `*` for anything.

    Where the same name is promised twice, the model's names must not differ.
    """
    if len(seen) != len(promised):
        return False
    bound: dict[str, str] = {}
    for got, wanted in zip(seen, promised, strict=True):
        if wanted == ANY:
            continue
        if isinstance(wanted, int):
            if got != wanted:
                return False
        elif isinstance(got, int) or (got and bound.setdefault(wanted, got) != got):
            return False
    return True
