"""ONNX test data sets: folders `test_data_set_*` with a tensor a file, a run each."""

from __future__ import annotations

from pathlib import Path

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.fitting import Fed, fed_as_given
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot


def folders(path: Path) -> list[Path]:
    """The data sets at this path; empty where it holds none."""
    found = sorted(path.glob("test_data_set_*"), key=lambda each: (len(each.name), each.name))
    return [each for each in found or [path] if each.is_dir() and any(each.glob("input_*.pb"))]


def read(sets: list[Path], slots: list[Slot]) -> Fed:
    """The inputs of every set.

    Raises:
        MisfitError: they do not fit the model.
        DataError: a file is no tensor.
    """
    return fed_as_given([_inputs(folder, slots) for folder in sets], slots)


def _inputs(folder: Path, slots: list[Slot]) -> dict[str, Array]:
    """Tensors by their names where these are the inputs', else in the order of the inputs."""
    numbered = {int(file.stem[6:]): file for file in folder.glob("input_*.pb")
                if file.stem[6:].isdecimal()}  # fmt: skip
    tensors = [_tensor(file) for _, file in sorted(numbered.items())]
    names = [name for name, _ in tensors]
    known = [slot.name for slot in slots]
    if not set(names) <= set(known):
        spare = [f"input_{number}.pb" for number in range(len(known), len(names))]
        names = [*known[: len(names)], *spare]
    return dict(zip(names, (array for _, array in tensors), strict=True))


def _tensor(file: Path) -> tuple[str, Array]:
    from onnx import TensorProto, numpy_helper

    try:
        proto = TensorProto.FromString(file.read_bytes())
        if proto.external_data:  # its location could be any file of the machine
            raise ValueError("its data is in another file, which is not followed")
        return proto.name, numpy_helper.to_array(proto)
    except Exception as error:  # protobuf and onnx raise many kinds
        raise DataError(f"{file}: is no tensor ({error})") from error
