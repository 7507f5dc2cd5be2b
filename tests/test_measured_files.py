"""Weights that compiled passes read themselves: as if Python had handed them over in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnxlint.model.file.load import open_model
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime.protocol import Statistics
from onnxlint.runtime.statistics.measure import Measurement

ROWS, COLUMNS = 700, 1024  # a few blocks, the last of them short
RANDOM = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


@contextmanager
def stored(array: np.ndarray, folder: Path) -> Iterator[Tensor]:
    """The tensor in a file of its own, behind some other bytes."""
    (folder / "w.bin").write_bytes(bytes(4096) + array.tobytes())
    proto = TensorProto(name="w", dims=array.shape, data_location=TensorProto.EXTERNAL)
    proto.data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    for key, value in {"location": "w.bin", "offset": "4096", "length": str(array.nbytes)}.items():
        proto.external_data.add(key=key, value=value)
    model = helper.make_model(helper.make_graph([], "net", [], [], [proto]))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    with open_model(folder / "model.onnx") as opened:
        ((_, tensor),) = Graph.build(opened).tensors
        yield tensor


def fed(tensor: Tensor, axis: int | None, start: int, stop: int) -> Statistics:
    seen = Measurement(tensor.stored, tensor.dims, axis, start)
    tensor.feed(seen, start, stop)
    return seen.result


def handed_over(tensor: Tensor, axis: int | None, start: int, stop: int) -> Statistics:
    seen = Measurement(tensor.stored, tensor.dims, axis, start)
    for block in tensor.blocks(seen.step, start, stop):
        seen.add(block)
    return seen.result


def spoilt(*places: int) -> np.ndarray:
    array = RANDOM.copy()
    array.reshape(-1)[[*places]] = [np.nan, np.inf, -np.inf][: len(places)]
    return array


@pytest.mark.parametrize("dtype", [np.float32, np.float16, BFLOAT16, np.int8, np.uint8, np.int32])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("array", [RANDOM, spoilt(0), spoilt(300_000, 300_001, 716_799)])
def test_the_statistics_are_the_same_to_the_last_bit(dtype, axis, array, tmp_path):
    with np.errstate(invalid="ignore"):
        values = array.astype(dtype)
    with stored(values, tmp_path) as tensor:
        for start, stop in ((0, tensor.size), (COLUMNS, tensor.size - COLUMNS), (5, 6)):
            one, other = (each(tensor, axis, start, stop) for each in (fed, handed_over))
            for name in Statistics.__struct_fields__:
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
            assert one.elements == stop - start


def test_a_file_that_became_shorter_is_told(tmp_path):
    with stored(RANDOM.astype(np.float32), tmp_path) as tensor:
        whole = tmp_path / "w.bin"
        with whole.open("r+b") as file:
            file.truncate(whole.stat().st_size - 4)
        with pytest.raises(TensorError, match=r"w\.bin"):
            fed(tensor, None, 0, tensor.size)


def test_weights_in_the_model_file_are_read_there(tmp_path):
    proto = onnx.numpy_helper.from_array(RANDOM.astype(np.float32), "w")
    model = helper.make_model(helper.make_graph([], "net", [], [], [proto]))
    (tmp_path / "model.onnx").write_bytes(b"\x22\x02hi" + model.SerializeToString())
    with open_model(tmp_path / "model.onnx") as opened:
        ((_, tensor),) = Graph.build(opened).tensors
        assert tensor.extent is not None
        seen = fed(tensor, 0, 0, tensor.size)
        assert seen.minimum == np.float32(RANDOM.min())
        assert seen.maximum == np.float32(RANDOM.max())
