"""What is made by onnx's classes alone is what onnx's own helpers make."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxlint.model.file.load import open_model
from onnxlint.model.file.making import make_attribute, make_node, make_tensor, make_type
from onnxlint.model.file.mapped_files import Files
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.testing import model_from_text

GRAPH = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "inner", [], [])
FLAG = numpy_helper.from_array(np.array([True, False]))


@pytest.mark.parametrize("value", [3, True, -(2**40), 0.25, "nearest", FLAG, GRAPH])
def test_attributes(value):
    assert make_attribute("a", value) == helper.make_attribute("a", value)


@pytest.mark.parametrize("words", [{}, {"name": "n"}, {"domain": "d", "to": 1, "axis": 0}])
def test_nodes(words):
    assert make_node("Op", ["x", ""], ["y"], **words) == helper.make_node(
        "Op", ["x", ""], ["y"], **words
    )


@pytest.mark.parametrize("dims", [None, [], [2, "batch", None], (0,)])
def test_types(dims):
    assert make_type(TensorProto.FLOAT16, dims) == helper.make_tensor_type_proto(10, dims)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, np.float16])
@pytest.mark.parametrize("shape", [(), (2, 3), (0,)])
def test_tensors(dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    usual = numpy_helper.from_array(array.astype(dtype))
    assert make_tensor(array, usual.data_type) == usual


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "float64", "uint64"])
@pytest.mark.parametrize("dims", [[], [2, 3], [0]])
def test_numbers_one_by_one_are_read_as_onnx_reads_them(dtype, dims, tmp_path):
    element_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    numbers = [5, 0, 7, 2**31 - 1, 1, 1][: np.prod(dims, dtype=int)]
    proto = helper.make_tensor("t", element_type, dims, numbers)
    found = Tensor(proto, Files(tmp_path / "m.onnx", tmp_path), tuple(dims)).array()
    usual = numpy_helper.to_array(proto)
    assert (found.dtype, found.shape) == (usual.dtype, usual.shape)
    assert (found == usual).all()


@pytest.mark.parametrize("text", [
    "i = Identity(x) y = Add(i, i)",
    "c = Constant<value_float = 1.5>() y = Add(x, c)",
    "c = Constant<value_ints = [1, -2]>() f = Cast<to = 1>(c) y = Add(x, f)",
    "s = Constant<value_ints = [2, 3]>() f = ConstantOfShape(s) y = Add(x, f)",
])  # fmt: skip
def test_small_constants_are_the_same_read_by_themselves_and_as_arrays(text, tmp_path):
    model = model_from_text("net (float[N] x) => (float[N] y) {" + text + "}")
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with open_model(str(path)) as opened:
        graph = Graph(opened)
        for value in graph.values():
            array = graph.constant(value)
            is_whole = array is not None and array.dtype.kind in "iu"
            assert graph.integers(value) == (array.reshape(-1).tolist() if is_whole else None)
            is_one = array is not None and array.size == 1
            assert graph.number(value) == (array.item() if is_one else None)


@pytest.mark.parametrize("dims", [(-1,), (2, -1), (3,), (2,)])
def test_integers_that_do_not_fit_their_dims_are_none(dims, tmp_path):
    proto = numpy_helper.from_array(np.array([1, 2]))
    proto.dims[:] = dims
    tensor = Tensor(proto, Files(tmp_path / "m.onnx", tmp_path), dims)
    assert tensor.integers() == ([1, 2] if dims == (2,) else None)
