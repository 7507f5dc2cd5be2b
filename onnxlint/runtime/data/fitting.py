"""Whether data fits the model's inputs: names, dtypes, shapes, and the likely cause where not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot


@dataclass(frozen=True, slots=True)
class Misfit:
    """What of the data does not fit: at which input, and why that is likely so."""

    input: str | None
    problem: str
    cause: str = ""

    def __str__(self) -> str:
        return f"{self.problem}; {self.cause}" if self.cause else self.problem


class MisfitError(DataError):
    """Data that was read, and does not fit the model."""

    def __init__(self, misfits: list[Misfit]) -> None:
        super().__init__("; ".join(map(str, misfits)))
        self.misfits = misfits


@dataclass(frozen=True)
class Fitted:
    """Arrays under the model's names, in its dtypes.

    `converted` gives, by input, the floating-point dtype that the data had.
    """

    arrays: dict[str, Array]
    converted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fed:
    """The runs that data gives, and how many samples they hold; `note` tells what was done."""

    feeds: list[dict[str, Array]]
    samples: int
    converted: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def fitted(arrays: Mapping[str, Array], slots: list[Slot], *, as_given: bool = False) -> Fitted:
    """The arrays as the model wants them; `as_given`, there is no other batch axis.

    Raises:
        MisfitError: they do not fit.
    """
    if len(slots) == len(arrays) == 1:
        arrays = {slots[0].name: next(iter(arrays.values()))}
    safe = {_safe(name): array for name, array in arrays.items()}
    found: dict[str, Array] = {}
    converted: dict[str, str] = {}
    misfits: list[Misfit] = []
    for slot in slots:
        array = arrays.get(slot.name, safe.get(_safe(slot.name)))
        if array is None:
            has = ", ".join(map(repr, arrays)) or "nothing"
            misfits.append(Misfit(slot.name, f"no array for input {slot.name!r}", f"it has {has}"))
            continue
        misfits += [*_dtype_misfits(array, slot), *_shape_misfits(array, slot, as_given)]
        if not misfits:
            found[slot.name] = _cast(array, slot)
            if array.dtype.kind == slot_dtype(slot).kind == "f" and array.dtype != slot_dtype(slot):
                converted[slot.name] = str(array.dtype)
    if misfits:
        raise MisfitError(misfits)
    return Fitted(found, converted)


def fed_as_given(feeds: list[dict[str, Array]], slots: list[Slot]) -> Fed:
    """Feeds that are runs already; a sample without its batch axis becomes a batch of one.

    Raises:
        MisfitError: they do not fit.
    """
    ranks = {slot.name: len(slot.dims) for slot in slots}
    runs, samples = [], 0
    converted: dict[str, str] = {}
    for feed in feeds:
        if feed and all(array.ndim == ranks.get(name, 0) - 1 for name, array in feed.items()):
            feed = {name: array[None] for name, array in feed.items()}
        run = fitted(feed, slots, as_given=True)
        runs.append(run.arrays)
        converted.update(run.converted)
        first = next(iter(run.arrays.values()), None)
        samples += len(first) if first is not None and first.ndim else 1
    return Fed(runs, samples, converted)


def slot_dtype(slot: Slot) -> np.dtype[Any]:
    """What an input's arrays are."""
    return np.dtype(object if slot.dtype == "str" else slot.dtype)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _cast(array: Array, slot: Slot) -> Array:
    return array.astype(slot_dtype(slot), copy=False)


def _dtype_misfits(array: Array, slot: Slot) -> Iterator[Misfit]:
    wanted = slot_dtype(slot)
    told = f"input {slot.name!r} is {array.dtype}, and the model wants {slot.dtype}"
    if array.dtype.kind in "OUST":
        if slot.dtype != "str":
            yield Misfit(slot.name, f"input {slot.name!r} is text, the model wants {slot.dtype}",
                         "encode it as the training did")  # fmt: skip
    elif slot.dtype == "str":
        yield Misfit(slot.name, told, "give it as text")
    elif array.dtype.kind in "iu" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            problem = f"{told}: {array.min()} to {array.max()} does not fit into it"
            likely = {array.dtype.itemsize, wanted.itemsize} == {1}
            yield Misfit(
                slot.name, problem, "int8 against uint8: shift it by 128" if likely else ""
            )
    elif not np.can_cast(array.dtype, wanted, "same_kind"):
        scaled = array.dtype.kind == "f" and "8" in slot.dtype and wanted.kind in "iu"
        cause = "is it scaled already, and the model wants raw pixels?" if scaled else "convert it"
        yield Misfit(slot.name, told, cause)


def _shape_misfits(array: Array, slot: Slot, as_given: bool) -> Iterator[Misfit]:
    offset = array.ndim - len(slot.dims)
    if offset == 0 and _matches(array.shape, slot, free_first=not as_given):
        return
    if offset == 1 and not as_given and _matches(array.shape[1:], slot, free_first=False):
        return
    wanted = f"[{', '.join(map(str, slot.dims))}]"
    problem = f"input {slot.name!r} has shape {list(array.shape)}, the model wants {wanted}"
    if not as_given:
        problem += ", with samples along the first axis"
    yield Misfit(slot.name, problem, _cause(array.shape, slot))


def _matches(shape: tuple[int, ...], slot: Slot, *, free_first: bool) -> bool:
    return len(shape) == len(slot.dims) and all(
        isinstance(dim, str) or size == dim or (axis == 0 and free_first)
        for axis, (size, dim) in enumerate(zip(shape, slot.dims, strict=True))
    )


def _cause(shape: tuple[int, ...], slot: Slot) -> str:
    rank = len(slot.dims)
    if len(shape) == rank - 1 and _matches((0, *shape), slot, free_first=True):
        return "the axis of the samples is missing: it looks like a single one"
    if len(shape) != rank:
        return f"it has {len(shape)} axes, not {rank}"
    if rank == 4:
        n, a, b, c = shape
        if _matches((n, c, a, b), slot, free_first=True):
            return "it looks like NHWC where NCHW is wanted: transpose it by (0, 3, 1, 2)"
        if _matches((n, b, c, a), slot, free_first=True):
            return "it looks like NCHW where NHWC is wanted: transpose it by (0, 2, 3, 1)"
        axis = next((axis for axis in (1, 3) if slot.dims[axis] in (1, 3, 4)), None)
        if axis is not None and shape[axis] != slot.dims[axis]:
            return f"{shape[axis]} channels instead of {slot.dims[axis]}"
        return ""
    last = slot.dims[-1] if rank == 2 else None
    if not isinstance(last, int):
        return ""
    if shape[1] < last:
        return f"{last - shape[1]} of {last} features are missing"
    hint = " (the label?)" if shape[1] == last + 1 else ""
    return f"{shape[1] - last} features too many{hint}"
