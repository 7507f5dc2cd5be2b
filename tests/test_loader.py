"""Reading files: any bytes give a model or one sentence, and large tensors stay in the file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import tries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.load import known_size, open_model
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.protobuf_wire import WireError, skeleton
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.testing import model_from_text

SEED = model_from_text("""net (float[N, 3] x) => (float[N, 2] y)
<float[3, 2] w = {1, 2, 3, 4, 5, 6}> {
    c = Greater(x, x)
    h = MatMul(x, w)
    y = If(c)<then_branch: graph = t () => (float[N, 2] a) {a = Relu(h)},
              else_branch: graph = e () => (float[N, 2] b) {b = Neg(h)}>
}""").SerializeToString()


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, cut out and put in."""
    data = bytearray(SEED)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["set", "cut", "insert"]))
        if kind == "set":
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 20))]
        else:
            data[at:at] = draw(st.binary(max_size=12))
        if not data:
            break
    return bytes(data)


@given(st.one_of(mutations(), st.binary(max_size=200)))
@settings(tries(400), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_give_a_graph_or_one_sentence(tmp_path, data):
    path = tmp_path / "fuzzed.onnx"
    path.write_bytes(data)
    try:
        with open_model(str(path)) as model:
            graph = Graph(model)
            Preflight.build(graph)
            for value in graph.values():
                try:
                    tensor = graph.tensor(value)
                    if tensor is not None:
                        tensor.array()
                except TensorError as error:
                    assert str(error)
    except ModelError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=6), st.integers(1, 300))
def test_skeleton_leaves_out_what_is_large_and_nothing_else(tensors, large):
    model = helper.make_model(helper.make_graph([], "g", [], []))
    for number, (constant, size) in enumerate(tensors):
        tensor = numpy_helper.from_array(np.full(size, number, np.uint8), f"t{number}")
        if constant:
            model.graph.node.add(op_type="Constant").attribute.append(
                helper.make_attribute("value", tensor)
            )
        else:
            model.graph.initializer.append(tensor)
    data = model.SerializeToString()
    reduced = skeleton(memoryview(data), large)
    lengths = sorted(length for _, length in reduced.spans)
    assert lengths == sorted(size for _, size in tensors if size >= large)
    for offset, length in reduced.spans:
        assert len(set(data[offset : offset + length])) == 1
    kept = onnx.ModelProto.FromString(reduced.data)
    assert len(kept.graph.initializer) == sum(not constant for constant, _ in tensors)


@pytest.mark.parametrize("fields", [100, 3_999, 4_001, 20_000])
def test_skeleton_finds_what_is_large_behind_any_number_of_short_fields(fields):
    node = onnx.NodeProto(op_type="TreeEnsemble")
    node.attribute.add(name="nodes", type=onnx.AttributeProto.INTS, ints=range(fields))
    weight = numpy_helper.from_array(np.ones(100_000, np.float32), "w")
    model = onnx.ModelProto(graph=onnx.GraphProto(node=[node], initializer=[weight]))
    inner = node.attribute[0]
    inner.doc_string = "d" * 100_000
    inner.strings.append(b"s" * 100_000)
    model.graph.node[0].CopyFrom(node)
    reduced = skeleton(memoryview(model.SerializeToString()), known={"Attribute": {8, 9}})
    kept = onnx.ModelProto.FromString(reduced.data)
    assert [length for _, length in reduced.spans] == [400_000]
    assert [*kept.graph.node[0].attribute[0].ints] == [*range(fields)]
    assert kept.graph.node[0].attribute[0].strings == [b"s" * 100_000]
    assert not kept.graph.node[0].attribute[0].doc_string


FIXTURES = Path(__file__).parent.parent / "fixtures"

UNKNOWN = b"\xfa\x3f\x05hello"  # field 1023


@pytest.mark.parametrize("fixture", ["demo/flawed.onnx", "language/llama/intact.onnx"])
@pytest.mark.parametrize("at_once", [1, 2, 3, 1000])
def test_what_is_known_is_counted_whatever_is_copied_at_once(fixture, at_once, monkeypatch):
    model = onnx.load(FIXTURES / fixture, load_external_data=False)
    model.metadata_props.add(key="a", value="b")
    expected = model.ByteSize()
    for part in (model, model.graph, model.graph.node[0], model.graph.node[-1],
                 *model.graph.initializer[:1], *model.functions[:1]):  # fmt: skip
        part.MergeFromString(UNKNOWN)
    assert model.ByteSize() > expected
    monkeypatch.setattr("onnxlint.model.file.load._COPIED_AT_ONCE", at_once)
    before = model.SerializeToString()
    assert known_size(model) == expected
    assert model.SerializeToString() == before


def test_skeleton_refuses_endless_nesting():
    data = b""
    for _ in range(150):  # graph > node > attribute > graph …
        graph = b"\x0a" + _length(len(data)) + data
        attribute = b"\x32" + _length(len(graph)) + graph
        data = b"\x2a" + _length(len(attribute)) + attribute
    with pytest.raises(WireError, match="nested deeper"):
        graph = b"\x0a" + _length(len(data)) + data
        skeleton(memoryview(b"\x3a" + _length(len(graph)) + graph), large=1)


def _length(number: int) -> bytes:
    out = io.BytesIO()
    while number > 127:
        out.write(bytes([number & 127 | 128]))
        number >>= 7
    out.write(bytes([number]))
    return out.getvalue()


@pytest.fixture
def large_model(tmp_path: Path):
    """A model whose weight and Constant are large enough to stay in the file."""
    weight = np.arange(40_000, dtype=np.float32).reshape(200, 200) / 1e6
    constant = helper.make_node(
        "Constant", [], ["c"], value=numpy_helper.from_array(np.eye(200, dtype=np.float32))
    )
    graph = helper.make_graph(
        [constant, helper.make_node("MatMul", ["x", "w"], ["h"]),
         helper.make_node("Add", ["h", "c"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 200])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [200, 200])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    path = tmp_path / "large.onnx"
    onnx.save(
        helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]), path
    )
    return path, weight


def test_large_tensors_are_mapped_not_copied(large_model):
    path, weight = large_model
    with open_model(str(path)) as model:
        assert len(model.files.spans) == 2
        assert model.proto.ByteSize() < 1000
        graph = Graph(model)
        array = graph.constant(graph.main.values["w"])
        assert not array.flags.owndata
        np.testing.assert_array_equal(array, weight)
        np.testing.assert_array_equal(graph.constant(graph.main.values["c"]), np.eye(200))


def test_what_onnx_saved_again_says_where_its_data_lies(large_model, tmp_path, onnxlint):
    """Once read from external data, onnx writes `DEFAULT` behind the data of each tensor."""
    path, weight = large_model
    model = onnx.load(path)
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, location="apart.data")
    again = onnx.load(tmp_path / "apart.onnx")
    onnx.save(again, path)
    assert again.graph.initializer[0].HasField("data_location")
    with open_model(str(path)) as model:
        assert len(model.files.spans) == 2
        graph = Graph(model)
        np.testing.assert_array_equal(graph.constant(graph.main.values["w"]), weight)
    done = onnxlint(path, "--select", "ONX,RUN001,RUN002")
    assert done.returncode == 0, done.stdout


def test_onnxruntime_finds_weights_in_the_model_file(large_model):
    import onnxruntime as ort

    path, weight = large_model
    with open_model(str(path)) as model:
        data, folder = runnable(model, ["h"])
    assert len(data) < 180_000  # the Constant is in it, the weight is not
    options = ort.SessionOptions()
    key = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(key, str(folder))
    x = np.ones((200, 200), np.float32)
    y, h = ort.InferenceSession(data, options).run(["y", "h"], {"x": x})
    np.testing.assert_allclose(h, x @ weight, rtol=1e-4)
    np.testing.assert_allclose(y - h, np.eye(200), atol=1e-3)


def test_outputs_and_taps_are_written_behind_the_model(write_model):
    from onnx import ModelProto

    text = "net (float[N] x) => (float[N] y) { h = Relu(x) y = Neg(h) }"
    with open_model(str(write_model(text))) as model:
        before = model.proto.SerializeToString()
        data, _ = runnable(model, ["h", "y"], {"h": 0, "y": -1})
        assert model.proto.SerializeToString() == before
    read = ModelProto.FromString(data)
    assert [node.op_type for node in read.graph.node] == ["Relu", "Neg", "Tap", "Tap"]
    assert [node.input[0] for node in read.graph.node] == ["x", "h", "y", "h"]
    assert [output.name for output in read.graph.output] == ["y", "h"]
    assert [each.domain for each in read.opset_import] == ["", "onnxlint"]


@pytest.mark.parametrize("suffix", [".onnxtxt", ".textproto", ".json"])
def test_textual_models(suffix, tmp_path):
    from onnx import printer
    from onnx.serialization import registry

    proto = onnx.ModelProto.FromString(SEED)
    path = tmp_path / f"model{suffix}"
    if suffix == ".onnxtxt":
        path.write_text(printer.to_text(proto))
    else:
        path.write_bytes(registry.get(suffix[1:]).serialize_proto(proto))
    with open_model(str(path)) as model:
        assert [node.op for node in Graph(model).nodes()][:3] == ["Greater", "MatMul", "If"]


def test_broken_text_is_one_sentence(tmp_path):
    path = tmp_path / "model.onnxtxt"
    path.write_text("<ir_version: 10>\nnet (")
    with pytest.raises(ModelError, match="is not an ONNX model") as caught, open_model(str(path)):
        pass
    assert "\n" not in str(caught.value)


@given(st.data())
@tries(150)
def test_no_rule_crashes_on_a_damaged_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "model.onnx"
    path.write_bytes(data.draw(mutations()))
    report = lint_model(plan(load(None), discover(), str(path), static_only=True))
    assert report.crashed == (), report.findings


@pytest.mark.parametrize("location", ["../outside.bin", "link.bin", "pipe"])
def test_no_rule_reads_external_data_that_is_none(write_model, tmp_path, location):
    """Also where nobody asks preflight first: a shape that a rule wants to know."""
    (tmp_path / "outside.bin").write_bytes(np.array([6], np.int64).tobytes())
    path = write_model(
        "n (float[2, 3] x) => (float[6] y) <int64[1] shape = {6}> { y = Reshape(x, shape) }",
        "models/model.onnx",
    )
    model = onnx.load(path)
    shape = model.graph.initializer[0]
    shape.ClearField("int64_data")
    shape.data_location = onnx.TensorProto.EXTERNAL
    shape.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    (path.parent / "link.bin").symlink_to(tmp_path / "outside.bin")
    os.mkfifo(path.parent / "pipe")
    with open_model(str(path)) as opened:
        graph = Graph.build(opened)
        assert graph.constant(graph.main.values["shape"]) is None
