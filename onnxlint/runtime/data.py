"""The user's data: `.npz`, a folder of `.npy`, or ONNX test data sets, as feeds for the model."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot


def feeds_from(path: Path, slots: list[Slot], samples: int) -> list[dict[str, Array]]:
    """The first `samples` samples of the data at `path`, one feed a run.

    Raises:
        DataError: there is no such data, or it does not fit the model's inputs.
    """
    if not path.exists():
        raise DataError(f"{path}: no such data; give a .npz file or a folder")
    sets = sorted(path.glob("test_data_set_*")) or [path]
    if any(next(each.glob("input_*.pb"), None) for each in sets if each.is_dir()):
        return [_checked(feed, slots, path) for feed in _test_sets(sets[:samples], slots)]
    arrays = _checked(_arrays(path), slots, path)
    return list(_split(arrays, slots, samples))


def _test_sets(folders: list[Path], slots: list[Slot]) -> Iterator[dict[str, Array]]:
    from onnx import TensorProto, numpy_helper

    for folder in folders:
        files = sorted(folder.glob("input_*.pb"), key=lambda file: int(file.stem.split("_")[1]))
        feed = {}
        for number, file in enumerate(files):
            try:
                proto = TensorProto.FromString(file.read_bytes())
                array = numpy_helper.to_array(proto)
            except Exception as error:
                raise DataError(f"{file}: is no tensor ({error})") from error
            default = slots[number].name if number < len(slots) else file.stem
            feed[proto.name or default] = array
        yield feed


def _arrays(path: Path) -> dict[str, Array]:
    files = sorted(path.glob("*.npy")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: holds no .npy file and no test_data_set_*/input_0.pb")
    try:
        if path.is_dir():
            return {file.stem: np.load(file) for file in files}
        with np.load(path) as archive:
            if isinstance(archive, np.ndarray):
                return {path.stem: archive}
            return dict(archive)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as numpy arrays ({error})") from error


def _checked(arrays: Mapping[str, Array], slots: list[Slot], path: Path) -> dict[str, Array]:
    """The arrays under the model's names, in its dtypes."""
    if len(slots) == len(arrays) == 1:
        arrays = {slots[0].name: next(iter(arrays.values()))}
    safe = {re.sub(r"[^\w.-]", "_", name): array for name, array in arrays.items()}
    feed = {}
    for slot in slots:
        array = arrays.get(slot.name, safe.get(re.sub(r"[^\w.-]", "_", slot.name)))
        if array is None:
            found = ", ".join(map(repr, arrays)) or "nothing"
            raise DataError(f"{path}: no array for input {slot.name!r}; it has {found}")
        feed[slot.name] = _cast(array, slot, path)
    return feed


def _cast(array: Array, slot: Slot, path: Path) -> Array:
    wanted = np.dtype(object if slot.dtype == "str" else slot.dtype)
    if array.dtype.kind in "US" and slot.dtype == "str":
        return array.astype(object)
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        message = f"input {slot.name!r} is {array.dtype}, and the model wants {slot.dtype}"
        raise DataError(f"{path}: {message}; convert it")
    return array.astype(wanted, copy=False)


def _split(arrays: dict[str, Array], slots: list[Slot], samples: int) -> Iterator[dict[str, Array]]:
    """Cuts arrays along their leading axis: by the model's own batch, or one sample a run."""
    for slot in slots:
        _check_shape(arrays[slot.name], slot)
    stacked = all(arrays[slot.name].ndim == len(slot.dims) + 1 for slot in slots)
    if not stacked and any(not slot.dims for slot in slots):
        yield arrays
        return
    counts = {len(arrays[slot.name]) for slot in slots}
    if len(counts) != 1:
        raise DataError(f"inputs have different numbers of samples: {sorted(counts)}")
    total = min(counts.pop(), samples)
    firsts = [slot.dims[0] for slot in slots if slot.dims]
    batch = next((dim for dim in firsts if isinstance(dim, int)), min(total, 32))
    if stacked:
        yield from ({name: array[at] for name, array in arrays.items()} for at in range(total))
        return
    for start in range(0, total - batch + 1, batch):
        yield {name: array[start : start + batch] for name, array in arrays.items()}
    if total < batch or (total % batch and isinstance(firsts[0], str)):
        yield {name: array[total - total % batch : total] for name, array in arrays.items()}


def _check_shape(array: Array, slot: Slot) -> None:
    offset = array.ndim - len(slot.dims)
    wanted = f"[{', '.join(map(str, slot.dims))}]"
    fits = offset in (0, 1) and all(
        isinstance(dim, str) or size == dim or (axis == 0 and offset == 0)
        for axis, (size, dim) in enumerate(zip(array.shape[offset:], slot.dims, strict=True))
    )
    if not fits:
        message = f"input {slot.name!r} has shape {list(array.shape)}, the model wants {wanted}"
        raise DataError(f"{message}, with samples along the first axis")
