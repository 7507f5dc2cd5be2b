"""ONNX test data sets: folders `test_data_set_*` with a tensor a file, a run each.

Beside the inputs they hold the outputs that the model should give.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.arrays import LARGEST_BYTES
from onnxlint.runtime.data.batching import fed_as_given
from onnxlint.runtime.data.files import is_folder, names
from onnxlint.runtime.data.fitting import Fed
from onnxlint.runtime.data.tensors import read_tensor
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.runtime.protocol import Array


def folders(path: Path) -> list[Path]:
    """The data sets at this path; empty where it holds none.

    Raises:
        DataError: a folder cannot be listed.
    """
    if not is_folder(path):
        return []
    found = [path / name for name in names(path) if name.startswith("test_data_set_")]
    found.sort(key=lambda each: (len(each.name), each.name))
    return [each for each in found or [path] if each.is_dir() and _tensors(each, "")]


def read(sets: list[Path], slots: list[Slot]) -> Fed:
    """The inputs of every set, and the files of its outputs.

    Raises:
        MisfitError: they do not fit the model.
        DataError: a file is not a tensor, or all are too large together.
    """
    fed = fed_as_given(_all_inputs(sets, slots), slots)
    return replace(fed, expected=[_numbered(folder, "output_") for folder in sets])


def _all_inputs(sets: list[Path], slots: list[Slot]) -> list[dict[str, Array]]:
    feeds, size = [], 0
    for folder in sets:
        feed = _inputs(folder, slots)
        size += sum(array.nbytes for array in feed.values())
        if size > LARGEST_BYTES:
            told = f"the sets up to this one need more than {LARGEST_BYTES / 1024**3:.0f} GiB"
            raise DataError(f"{folder}: {told}; give fewer (--samples)")
        feeds.append(feed)
    return feeds


def _inputs(folder: Path, slots: list[Slot]) -> dict[str, Array]:
    """Tensors by their names where these are the inputs', else in the order of the inputs."""
    tensors = [read_tensor(file) for file in _numbered(folder, "input_").values()]
    names = [name for name, _ in tensors]
    known = [slot.name for slot in slots]
    if not set(names) <= set(known):
        spare = [f"input_{number}.pb" for number in range(len(known), len(names))]
        names = [*known[: len(names)], *spare]
    return dict(zip(names, (array for _, array in tensors), strict=True))


def _numbered(folder: Path, prefix: str) -> dict[int, Path]:
    """The files of a set by their number, in its order."""
    numbers = {name.removesuffix(".pb").removeprefix(prefix): name
               for name in _tensors(folder, prefix)}  # fmt: skip
    return dict(sorted((int(n), folder / name) for n, name in numbers.items() if n.isdecimal()))


def _tensors(folder: Path, prefix: str) -> list[str]:
    found = (name for name in names(folder) if name.endswith(".pb"))
    return [name for name in found if name.startswith(prefix or ("input_", "output_"))]
