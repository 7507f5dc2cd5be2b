"""ONNX test data sets: folders `test_data_set_*` with a tensor a file, a run each.

Beside the inputs they hold the outputs that the model should give.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.fitting import Fed, fed_as_given
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot


def folders(path: Path) -> list[Path]:
    """The data sets at this path; empty where it holds none."""
    found = sorted(path.glob("test_data_set_*"), key=lambda each: (len(each.name), each.name))
    return [each for each in found or [path] if each.is_dir() and any(each.glob("*put_*.pb"))]


def read(sets: list[Path], slots: list[Slot]) -> Fed:
    """The inputs of every set, and the files of its outputs.

    Raises:
        MisfitError: they do not fit the model.
        DataError: a file is no tensor.
    """
    fed = fed_as_given([_inputs(folder, slots) for folder in sets], slots)
    return replace(fed, expected=[_numbered(folder, "output_") for folder in sets])


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
    numbers = {file.stem.removeprefix(prefix): file for file in folder.glob(f"{prefix}*.pb")}
    return dict(sorted((int(n), file) for n, file in numbers.items() if n.isdecimal()))


def read_tensor(file: Path) -> tuple[str, Array]:
    """The name and the elements of a tensor in a file.

    Raises:
        DataError: it is none.
    """
    from onnx import TensorProto, numpy_helper

    try:
        proto = TensorProto.FromString(file.read_bytes())
        if proto.external_data:  # its location could be any file of the machine
            raise ValueError("its data is in another file, which is not followed")
        return proto.name, numpy_helper.to_array(proto)
    except Exception as error:  # protobuf and onnx raise many kinds
        raise DataError(f"{file}: is no tensor ({error})") from error
