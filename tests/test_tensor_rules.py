import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxlint.model.file.dtypes import numpy_dtype
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.testing import run_rule
from onnxlint_rules.gra.duplicate_initializer import duplicate_initializer
from onnxlint_rules.onx.invalid_sparse_tensor import invalid_sparse_tensor
from onnxlint_rules.onx.tensor_field_mismatch import tensor_field_mismatch
from onnxlint_rules.onx.tensor_several_fields import tensor_several_fields
from onnxlint_rules.onx.tensor_size_mismatch import tensor_size_mismatch

LARGE = numpy.arange(128 * 128, dtype="float32").reshape(128, 128)


@pytest.fixture
def save(tmp_path):
    """Saves a model without nodes that stores these tensors."""

    def write(*tensors, sparse=(), external=False):
        graph = helper.make_graph([], "net", [], [], tensors, sparse_initializer=sparse)
        model = helper.make_model(graph)
        onnx.save(model, tmp_path / "model.onnx", save_as_external_data=external)
        return tmp_path / "model.onnx"

    return write


def messages(rule, path):
    report = run_rule(rule, path)
    assert report.complete, report
    return [finding.message for finding in report.findings]


TYPED = [
    ("float32", "float_data"), ("complex64", "float_data"), ("float16", "int32_data"),
    ("bool", "int32_data"), ("int64", "int64_data"), ("float64", "double_data"),
    ("complex128", "double_data"), ("uint32", "uint64_data"),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "field"), TYPED)
@pytest.mark.parametrize("raw", [True, False])
def test_every_field_of_a_well_written_tensor_is_accepted(save, dtype, field, raw):
    array = numpy.ones((3, 5), dtype)
    element_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    data = array.tobytes() if raw else array.reshape(-1)
    tensor = helper.make_tensor("w", element_type, array.shape, data, raw=raw)
    path = save(tensor)
    with open_model(str(path)) as model:
        ((_, stored),) = Graph(model).tensors
        assert stored.filled_fields == ("raw_data" if raw else field,)
        assert stored.stored_bytes == stored.nbytes == array.nbytes
    for rule in (tensor_field_mismatch, tensor_size_mismatch, tensor_several_fields):
        assert messages(rule, path) == []


@pytest.mark.parametrize("element_type", [TensorProto.INT4, TensorProto.FLOAT8E4M3FN])
def test_small_elements_in_their_typed_field(save, element_type):
    tensor = helper.make_tensor("w", element_type, [3], [1, 2, 3])
    assert messages(tensor_size_mismatch, save(tensor)) == []


def test_data_left_in_the_file_is_measured(save):
    tensor = numpy_helper.from_array(LARGE, "w")
    tensor.raw_data += b"abc"
    path = save(tensor)
    with open_model(str(path)) as model:
        assert model.files.spans
    (message,) = messages(tensor_size_mismatch, path)
    assert message == "tensor 'w' contains 65,539 bytes, float[128, 128] requires 65,536"
    assert messages(tensor_several_fields, path) == []


def test_strings_are_counted(save):
    tensor = helper.make_tensor("w", TensorProto.STRING, [2], [b"a", b"b"])
    assert messages(tensor_size_mismatch, save(tensor)) == []
    tensor.dims[0] = 3
    assert "contains 2 strings" in messages(tensor_size_mismatch, save(tensor))[0]


def test_external_data_is_judged_elsewhere(save):
    path = save(numpy_helper.from_array(LARGE, "w"), external=True)
    for rule in (tensor_field_mismatch, tensor_size_mismatch, tensor_several_fields):
        assert messages(rule, path) == []


@pytest.mark.parametrize(
    ("indices", "dims", "said"),
    [
        ([0, 3], [4], None),
        ([[0, 3], [1, 0]], [2, 4], None),
        ([0, 4], [4], "from 0 to 4"),
        ([-1, 0], [4], "from -1 to 0"),
        ([3, 0], [4], "out of ascending order"),
        ([1, 1], [4], "out of ascending order"),
        ([[1, 0], [0, 3]], [2, 4], "out of ascending order"),
        ([[0, 3], [2, 0]], [2, 4], "from 0 to 2"),
        ([0, 1, 2], [4], "int64[3]"),
        ([[0], [1]], [2, 4], "int64[2, 1]"),
    ],
)
def test_sparse_indices(save, indices, dims, said):
    values = numpy_helper.from_array(numpy.float32([5, 7]), "w")
    places = numpy_helper.from_array(numpy.int64(indices))
    sparse = onnx.SparseTensorProto(values=values, indices=places, dims=dims)
    found = messages(invalid_sparse_tensor, save(sparse=[sparse]))
    assert len(found) == (said is not None)
    assert all(said in message for message in found)


@pytest.mark.parametrize("second", [LARGE, LARGE.T.copy(), LARGE.reshape(-1), LARGE + 1])
def test_copies(save, second):
    tensors = [numpy_helper.from_array(LARGE, "a"), numpy_helper.from_array(second, "b")]
    found = messages(duplicate_initializer, save(*tensors))
    if second.shape == LARGE.shape and second.sum() == LARGE.sum():
        assert found == ["65,536 bytes stored 2 times (65,536 wasted): also as 'b'"]
    else:
        assert found == []


def test_data_shared_in_a_file_is_no_copy(save):
    path = save(*(numpy_helper.from_array(LARGE, name) for name in "ab"), external=True)
    assert len(messages(duplicate_initializer, path)) == 1
    model = onnx.load(path, load_external_data=False)
    first, second = model.graph.initializer
    del second.external_data[:]
    second.external_data.extend(first.external_data)
    path.write_bytes(model.SerializeToString())
    assert messages(duplicate_initializer, path) == []


@pytest.mark.parametrize("name", sorted({*TensorProto.DataType.keys()} - {"UNDEFINED"}))
def test_typed_fields_and_dtypes_are_those_of_onnx(save, name):
    number = TensorProto.DataType.Value(name)
    with open_model(save(TensorProto(name="t", data_type=number, dims=[0]))) as model:
        ((_, tensor),) = Graph.build(model).tensors
    assert tensor.typed_field == helper.tensor_dtype_to_field(number)
    assert numpy_dtype(number) == helper.tensor_dtype_to_np_dtype(number)
