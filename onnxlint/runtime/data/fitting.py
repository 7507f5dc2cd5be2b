"""Whether data fits the model's inputs: names, dtypes, shapes, and the likely cause where not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct, field

from onnxlint.model.file.errors import Misfit, MisfitError
from onnxlint.runtime.data.wording import LONGEST_QUOTE, listed
from onnxlint.runtime.feeds.synthesis import Slot, batch_axes
from onnxlint.runtime.protocol import Array

TEXT_KINDS = "OUST"
"""Kinds of numpy dtypes that are fed as text."""

LACKING = 1 << 24
"""From here on float32 lacks integers."""


class Fitted(Struct, frozen=True):
    """Arrays under the model's names, in its dtypes.

    `converted` gives, by input, the dtype that the data had where it was another one, `unrounded`
    the array as it was given where that has large numbers which the model's dtype lacks.
    """

    arrays: dict[str, Array]
    converted: Mapping[str, str] = field(default_factory=dict)
    unrounded: Mapping[str, Array] = field(default_factory=dict)


class Fed(Struct, frozen=True):
    """The runs that data gives, and how many samples they hold.

    `filled` counts how often the last one was repeated beside that, to fill its batch; `more` are
    samples to look at that are not run, in the same form. `expected` holds for each run the files
    of the outputs that it should give, by their number; it is empty where the data tells none.
    `names` are those of the samples, where each is a file of its own; `unrounded` are all samples
    of an input as they were given, where the model's dtype lacks large numbers of theirs.
    """

    feeds: list[dict[str, Array]]
    samples: int
    converted: Mapping[str, str] = field(default_factory=dict)
    filled: int = 0
    more: list[dict[str, Array]] = field(default_factory=list)
    expected: list[Mapping[int, Path]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    unrounded: Mapping[str, Array] = field(default_factory=dict)

    @property
    def lies_in_folders(self) -> bool:
        """Whether the files of the samples lie in several folders, and none beside these."""
        folders = {name.partition("/")[0] if "/" in name else "" for name in self.names}
        return len(folders) > 1 and "" not in folders

    @property
    def note(self) -> str:
        """What was done beside feeding the data as it is; empty for nothing."""
        return (
            f"the last sample repeated {self.filled} times to fill its batch" if self.filled else ""
        )


def paired(names: Iterable[str], slots: list[Slot]) -> dict[str, str]:
    """The array for each input: of its name, of its name as files are named, or the only one.

    Arrays that numpy named `arr_0` and so on are taken in the order of the inputs.

    Raises:
        MisfitError: an input has none.
    """
    has, wanted = dict.fromkeys(names), [slot.name for slot in slots]
    if len(wanted) == len(has) == 1:
        return dict(zip(wanted, has, strict=True))
    unnamed = [f"arr_{position}" for position in range(len(wanted))]
    if has.keys() == set(unnamed) != set(wanted):
        return dict(zip(wanted, unnamed, strict=True))
    known = {_safe(name): name for name in has} | {name: name for name in has}
    found = {name: known.get(name, known.get(_safe(name))) for name in wanted}
    told = f"the data has {listed([*has]) or 'nothing'}"
    missing = [
        Misfit(name, f"no array for input {name!r}", told)
        for name, array in found.items() if array is None
    ]  # fmt: skip
    if missing:
        raise MisfitError(missing)
    return {name: array for name, array in found.items() if array is not None}


def fitted(arrays: Mapping[str, Array], slots: list[Slot], *, as_given: bool = False) -> Fitted:
    """The arrays as the model wants them; `as_given`, they are one run.

    Raises:
        MisfitError: they do not fit.
    """
    pairs = paired(arrays, slots)
    free = {} if as_given else batch_axes(slots)
    found: dict[str, Array] = {}
    converted: dict[str, str] = {}
    unrounded: dict[str, Array] = {}
    misfits: list[Misfit] = []
    for slot in slots:
        array = arrays[pairs[slot.name]]
        problems = [*_dtype_misfits(array, slot)]
        problems += _shape_misfits(array, slot, free.get(slot.name), as_given)
        if not problems:
            found[slot.name] = _cast(array, slot)
            problems += _overflows(array, found[slot.name], slot)
            problems += _broken_texts(found[slot.name], slot)
            if is_rounded(array, found[slot.name]):
                unrounded[slot.name] = array
        misfits += problems
        if slot.dtype != "str" and array.dtype != slot_dtype(slot):
            converted[slot.name] = str(array.dtype)
    if misfits:
        raise MisfitError(misfits)
    return Fitted(found, converted, unrounded)


def slot_dtype(slot: Slot) -> np.dtype[Any]:
    """What an input's arrays are."""
    return np.dtype(object if slot.dtype == "str" else slot.dtype)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _cast(array: Array, slot: Slot) -> Array:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(slot_dtype(slot), copy=False)


def is_rounded(given: Array, cast: Array) -> bool:
    """Whether numbers became others that are as large as the integers that float32 lacks."""
    is_narrower = cast.dtype.kind == "f" and cast.dtype.itemsize < given.dtype.itemsize
    if not is_narrower or given.dtype.kind not in "iuf" or not given.size:
        return False
    numbers = given.astype(np.float64, copy=False)
    is_large = np.isfinite(numbers) & (np.abs(numbers) >= LACKING)
    return bool((numbers[is_large] != cast[is_large]).any())


def _dtype_misfits(array: Array, slot: Slot) -> Iterator[Misfit]:
    wanted = slot_dtype(slot)
    told = f"input {slot.name!r} is {array.dtype}, model expects {slot.dtype}"
    if array.dtype.kind in TEXT_KINDS:
        if slot.dtype != "str":
            yield Misfit(slot.name, f"input {slot.name!r} is text, model expects {slot.dtype}",
                         "encode it as in training")  # fmt: skip
    elif slot.dtype == "str":
        yield Misfit(slot.name, told, "give it as text")
    elif array.dtype.kind in "iu" and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size and (array.min() < limits.min or array.max() > limits.max):
            problem = f"{told}: {array.min()} to {array.max()} is out of range"
            likely = {array.dtype.itemsize, wanted.itemsize} == {1}
            yield Misfit(
                slot.name, problem, "shift it by 128, from int8 to uint8 or back" if likely else ""
            )
    elif array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, wanted, "same_kind"):
        scaled = array.dtype.kind == "f" and "8" in slot.dtype and wanted.kind in "iu"
        raw = "the data may already be scaled while the model expects raw pixels"
        cause = raw if scaled else f"convert it to {slot.dtype}"
        yield Misfit(slot.name, told, cause)


def _overflows(array: Array, cast: Array, slot: Slot) -> Iterator[Misfit]:
    if cast.dtype.kind != "f" or array.dtype.kind not in "fiu":
        return
    lost = np.isinf(cast) & np.isfinite(array)
    if lost.any():
        told = f"input {slot.name!r} is {array.dtype}, model expects {slot.dtype}"
        yield Misfit(slot.name, f"{told}: {array[lost][0]:g} is out of range", "scale it")


def _broken_texts(cast: Array, slot: Slot) -> Iterator[Misfit]:
    """Text with halves of characters, which nothing but Python can hold."""
    for cell in cast.flat if slot.dtype == "str" else ():
        try:
            str(cell).encode()
        except UnicodeEncodeError:
            told = f"input {slot.name!r} contains {ascii(str(cell))[:LONGEST_QUOTE]}"
            yield Misfit(slot.name, f"{told}, which is not valid UTF-8", "save the text as UTF-8")
            return


def _shape_misfits(
    array: Array, slot: Slot, free_axis: int | None, as_given: bool
) -> Iterator[Misfit]:
    offset = array.ndim - len(slot.dims)
    if offset == 0 and _matches(array.shape, slot, free_axis):
        return
    if offset == 1 and not as_given and _matches(array.shape[1:], slot, None):
        return
    wanted = f"[{', '.join(map(str, slot.dims))}]"
    problem = f"input {slot.name!r} has shape {list(array.shape)}, model expects {wanted}"
    if free_axis == 0:
        problem += ", with samples along the first axis"
    yield Misfit(slot.name, problem, _cause(array.shape, slot, free_axis))


def _matches(shape: tuple[int, ...], slot: Slot, free_axis: int | None) -> bool:
    return len(shape) == len(slot.dims) and not list(_differing(shape, slot, free_axis))


def _differing(shape: tuple[int, ...], slot: Slot, free_axis: int | None) -> Iterator[int]:
    """The axes whose size is not the model's."""
    for axis, (size, dim) in enumerate(zip(shape, slot.dims, strict=True)):
        if isinstance(dim, int) and size != dim and axis != free_axis:
            yield axis


def _cause(shape: tuple[int, ...], slot: Slot, free_axis: int | None) -> str:
    rank = len(slot.dims)
    if len(shape) == rank - 1 and _matches((0, *shape), slot, 0):
        return "the batch axis is missing; if this is a single sample, add it with x[None]"
    if len(shape) != rank:
        return f"the data has {len(shape)} axes, not {rank}"
    if rank == 4:
        n, a, b, c = shape
        if _matches((n, c, a, b), slot, free_axis):
            return "the data appears to be NHWC instead of NCHW: transpose it by (0, 3, 1, 2)"
        if _matches((n, b, c, a), slot, free_axis):
            return "the data appears to be NCHW instead of NHWC: transpose it by (0, 2, 3, 1)"
        axis = next((axis for axis in (1, 3) if slot.dims[axis] in (1, 3, 4)), None)
        if axis is not None and shape[axis] != slot.dims[axis]:
            return f"the data has {shape[axis]} channels instead of {slot.dims[axis]}"
    if rank == 2 and isinstance(slot.dims[1], int) and shape[1] != slot.dims[1]:
        return _features(shape, slot.dims[1])
    axis = next(_differing(shape, slot, free_axis))
    return f"axis {axis} has size {shape[axis]}, not {slot.dims[axis]}"


def _features(shape: tuple[int, ...], wanted: int) -> str:
    if shape[0] == wanted:
        return "the data appears to be transposed: samples go along the first axis"
    if shape[1] < wanted:
        return f"{wanted - shape[1]} of {wanted} features are missing"
    extra = shape[1] - wanted
    return "1 extra feature (is the label included?)" if extra == 1 else f"{extra} extra features"
