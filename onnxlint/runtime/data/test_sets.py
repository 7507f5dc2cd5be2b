"""ONNX test data sets: folders `test_data_set_*` with a tensor a file, a run each."""

from __future__ import annotations

from pathlib import Path

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.fitting import Fed, fed_as_given
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot


def folders(path: Path) -> list[Path]:
    """The data sets at this path; empty where it holds none."""
    found = sorted(path.glob("test_data_set_*")) or [path]
    return [each for each in found if each.is_dir() and any(each.glob("input_*.pb"))]


def read(sets: list[Path], slots: list[Slot]) -> Fed:
    """The inputs of every set.

    Raises:
        MisfitError: they do not fit the model.
        DataError: a file is no tensor.
    """
    return fed_as_given([_inputs(folder, slots) for folder in sets], slots)


def _inputs(folder: Path, slots: list[Slot]) -> dict[str, Array]:
    from onnx import TensorProto, numpy_helper

    feed = {}
    files = [file for file in folder.glob("input_*.pb") if file.stem[6:].isdecimal()]
    for number, file in enumerate(sorted(files, key=lambda file: int(file.stem[6:]))):
        try:
            proto = TensorProto.FromString(file.read_bytes())
            array = numpy_helper.to_array(proto)
        except Exception as error:
            raise DataError(f"{file}: is no tensor ({error})") from error
        default = slots[number].name if number < len(slots) else file.stem
        feed[proto.name or default] = array
    return feed
