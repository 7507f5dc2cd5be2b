"""What a file may say against all reason ends in a finding or in silence, never in a crash."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.inputs.valid_operands import _MAKERS
from onnxlint.analyses.stability.sensitivity import _Following
from onnxlint.analyses.static.constant_folding import ConstantFolding
from onnxlint.analyses.static.schemas import Schemas
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.config import load
from onnxlint.job import Job, plan
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.exporter_metadata import LONGEST_SCOPES, module_path
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.stored_tensors import LARGEST_FILL
from onnxlint.model.graph.walk import Walk
from onnxlint.model.preflight import Preflight, all_tensors
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.testing import model_from_text, shared_workers

SHARDS = 8
"""The operators are spread over so many models; inference starts anew after many of their nodes."""


@cache
def everything() -> Job:
    return plan(load(None), discover(), "")


def lint(path: Path, *, run: bool = False) -> ModelReport:
    settings = Settings(samples=2, time_limit=20)
    job = replace(everything(), path=str(path), settings=settings, static_only=not run)
    return lint_model(job, workers=shared_workers())


def codes(report: ModelReport) -> set[str]:
    return {finding.code for finding in report.findings}


def assert_judged(report: ModelReport) -> None:
    crashes = [finding.message for finding in report.findings if finding.code == "LNT001"]
    assert crashes == []
    assert report.error is None


@pytest.fixture
def judged(tmp_path):
    """Lints a model, which no rule of ours may fail at."""

    def judge(model: ModelProto, *, run: bool = False) -> ModelReport:
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        report = lint(path, run=run)
        assert_judged(report)
        return report

    return judge


def net(nodes: list[NodeProto], *tensors: TensorProto, opset: int = 21, **inputs: Any):
    """A model of these nodes that reads floats `x`, and gives what its last node makes."""
    declared = {"x": [TensorProto.FLOAT, ["N", 3, 4]]} | inputs
    outputs = [name for node in nodes[-1:] for name in node.output][:1]
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info(name, *each) for name, each in declared.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        list(tensors),
    )  # fmt: skip
    domains = {node.domain for node in nodes} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 3) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def constants() -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.ones((3, 4), np.float32), "w"),
        numpy_helper.from_array(np.array([1, 2], np.int64), "k"),
    ]


# Attributes, inputs and outputs of every operator

ATTRIBUTES: dict[int, Any] = {
    AttributeProto.INT: 2**62,
    AttributeProto.INTS: [-(2**63), 2**62, 0],
    AttributeProto.FLOAT: float("nan"),
    AttributeProto.FLOATS: [float("inf"), -1.0],
    AttributeProto.STRING: "nonsense",
    AttributeProto.STRINGS: ["a", "b"],
    AttributeProto.TENSOR: helper.make_tensor("t", TensorProto.STRING, [2], [b"a", b"b"]),
    AttributeProto.GRAPH: helper.make_graph([], "empty", [], []),
}
"""A value of each type that fits no attribute's meaning."""


def operators(shard: int) -> Iterator[Any]:
    schemas = sorted(defs.get_all_schemas(), key=lambda schema: (schema.domain, schema.name))
    return (s for s in schemas[shard::SHARDS] if s.domain in ("", "ai.onnx.ml"))


def calls(schema: Any) -> NodeProto:
    """A node that reads the input and constants in turns."""
    inputs = [("x", "w", "k")[slot % 3] for slot in range(min(len(schema.inputs), 6))]
    return helper.make_node(schema.name, inputs, ["made"], domain=schema.domain)


def named_apart(nodes: list[NodeProto]) -> list[NodeProto]:
    for number, node in enumerate(nodes):
        node.name = f"node {number}"
        for slot in range(len(node.output)):
            node.output[slot] = node.output[slot] and f"{node.output[slot]} {number}.{slot}"
    return nodes


def wrong_attributes(schema: Any) -> Iterator[NodeProto]:
    for name in schema.attributes:
        for value in ATTRIBUTES.values():
            node = calls(schema)
            node.attribute.append(helper.make_attribute(name, value))
            yield node


def wrong_numbers(schema: Any) -> Iterator[NodeProto]:
    """Numbers of the right type at the ends of it, and lists of every length."""
    extremes: dict[str, list[Any]] = {
        "INT": [-(2**63), -1, 0, 65, 2**63 - 1],
        "INTS": [[0], [-1] * 70, [2**63 - 1] * 3, [-(2**63)]],
        "FLOAT": [float("-inf"), 0.0, -1.0, 1e-45],
        "FLOATS": [[0.0], [float("nan")] * 70],
        "STRING": ["", "\0", "é" * 3000, "a,b->", "->", ",,,"],
    }
    for name, attribute in schema.attributes.items():
        for value in extremes.get(attribute.type.name, []):
            node = calls(schema)
            given = helper.make_attribute(name, value)
            node.attribute.append(given)
            yield node


def wrong_slots(schema: Any) -> Iterator[NodeProto]:
    """Inputs and outputs that are missing, left out, too many, or all constants."""
    for names in ([], [""], ["w"], ["k", "k"], ["x"] * 9, ["", "w", "k"], ["nowhere", "x", "w"]):
        node = calls(schema)
        del node.input[:]
        node.input.extend(names)
        yield node
    for count in (0, 1, 9):
        node = calls(schema)
        del node.output[:]
        node.output.extend(["made"] * count)
        yield node
    node = calls(schema)
    node.output.insert(0, "")
    yield node


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("damage", [wrong_attributes, wrong_numbers, wrong_slots])
def test_operators_may_be_called_with_anything(judged, damage, shard):
    nodes = named_apart([node for schema in operators(shard) for node in damage(schema)])
    assert len(nodes) > 100
    report = judged(net([*nodes, helper.make_node("Relu", ["x"], ["y"])], *constants()))
    assert "ONX024" in codes(report) or damage is not wrong_attributes
    assert "ONX025" in codes(report) or damage is not wrong_slots


@pytest.mark.parametrize("shard", range(SHARDS))
def test_operators_may_stand_in_a_circle(judged, shard):
    nodes = []
    for number, schema in enumerate(operators(shard)):
        ring = [f"{number} {step}" for step in range(4)]
        for before, after in pairwise([*ring, ring[0]]):
            names = [before, *[("x", "k", "w")[slot % 3] for slot in range(len(schema.inputs) - 1)]]
            nodes.append(helper.make_node(schema.name, names, [after], domain=schema.domain))
        nodes.append(helper.make_node("MatMul", ["x", ring[0]], [f"{number} m"]))
        nodes.append(helper.make_node("Softmax", [ring[1]], [f"{number} s"]))
    assert "ONX015" in codes(judged(net(nodes, *constants()))) or nodes


DOUBLING = ("Reshape", "Add", "Mul", "Where", "Max", "Identity", "Gather")


@pytest.mark.parametrize("op", DOUBLING)
def test_ways_that_double_at_every_node_are_walked_once(judged, op):
    names = [f"v{step}" for step in range(60)]
    count = 1 if op == "Identity" else 3 if op == "Where" else 2
    nodes = [helper.make_node("Shape", ["x"], ["v0"])]
    nodes += [helper.make_node(op, [v] * count, [after]) for v, after in pairwise(names)]
    nodes.append(helper.make_node("Cast", [names[-1]], ["c"], to=TensorProto.BOOL))
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "branch", [], [
        helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])  # fmt: skip
    nodes.append(helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))
    judged(net(nodes))


@pytest.mark.parametrize(("op", "size"), [("Concat", None), ("Add", 6), ("Mul", 9), ("Sub", 0)])
def test_sizes_that_double_are_folded_while_they_are_small(graph_of, op, size):
    attribute = "<axis = 0>" if op == "Concat" else ""
    steps = "".join(f"v{i + 1} = {op} {attribute} (v{i}, v{i}) " for i in range(1, 40))
    text = f"n (float[3] x) => (float y) {{ v1 = Shape(x) {steps} y = Own(v40) }}"
    with graph_of(text) as graph:
        folding = ConstantFolding(graph, Shapes(graph, None, "not inferred"))
        values = graph.main.values
        assert folding.of(values["v40"]) is None  # too deep
        assert folding.of(values["v30"]) == {"Add": 3 * 2**29, "Sub": 0}.get(op)
        assert folding.of(values["v2"]) == size


@pytest.mark.parametrize("damage", [wrong_attributes, wrong_slots])
def test_operators_are_written_out_for_targets_whatever_they_are_called_with(tmp_path, damage):
    schemas = [s for shard in range(SHARDS) for s in operators(shard)]
    schemas = [s for s in schemas if s.context_dependent_function_opset_versions]
    nodes = named_apart([node for schema in schemas for node in damage(schema)])
    path = tmp_path / "model.onnx"
    path.write_bytes(net(nodes, *constants(), opset=27).SerializeToString())
    settings = Settings(targets=("ort-cpu", "ort-web-1.20"))
    job = replace(everything(), path=str(path), settings=settings, static_only=True)
    report = lint_model(job)
    assert_judged(report)


def test_fill_value_that_is_no_tensor(judged):
    shape = helper.make_node("Shape", ["x"], ["s"])
    for opset in (8, 21):
        fill = helper.make_node("ConstantOfShape", ["s"], ["y"], value="text")
        assert "RUN001" in codes(judged(net([shape, fill], opset=opset), run=True))


@pytest.mark.parametrize("name", ["value_int", "value_ints", "value_float", "value_floats"])
@pytest.mark.parametrize("value", ATTRIBUTES.values(), ids=str)
@pytest.mark.parametrize("opset", [9, 21])
def test_constant_of_any_type(name, value, opset, tmp_path):
    model = net([helper.make_node("Constant", [], ["y"], **{name: value})], opset=opset)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with open_model(str(path)) as opened:
        graph = Graph(opened)
        constant = graph.constant(graph.main.values["y"])
        kinds = {"int": "i", "ints": "i", "float": "f", "floats": "f"}
        fits = isinstance(value, int | float | list) and type(value) is not str
        fits = fits and helper.make_attribute(name, value).type in {
            "value_int": [AttributeProto.INT], "value_ints": [AttributeProto.INTS],
            "value_float": [AttributeProto.FLOAT], "value_floats": [AttributeProto.FLOATS],
        }[name]  # fmt: skip
        assert (constant is not None) == fits
        assert constant is None or constant.dtype.kind == kinds[name.removeprefix("value_")]


def test_fills_of_fills_and_of_themselves(judged):
    nodes = [helper.make_node("ConstantOfShape", ["s"], ["s"])]
    nodes += [
        helper.make_node("ConstantOfShape", [f"f{step}"], [f"f{step + 1}"]) for step in range(2000)
    ]
    nodes += [helper.make_node("Reshape", ["x", each], [f"{each}y"]) for each in ("s", "f2000")]
    judged(net(nodes))


# Dims, types and numbers


ABSURD_DIMS = [[-5, 3], [2**62, 2**62], [1] * 70, [-1, 3], [0], [2**63 - 1] * 300, ["N"] * 40]


def told(dims: list[Any]) -> str:
    return f"{len(dims)} dims from {dims[0]}"


@pytest.mark.parametrize("dims", ABSURD_DIMS, ids=told)
def test_input_of_absurd_dims(judged, dims):
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["y"])]
    report = judged(net(nodes, *constants(), x=[TensorProto.FLOAT, dims]), run=True)
    fed = dims in ([-5, 3], [-1, 3])  # onnxruntime takes a negative size for a free one
    stopped = {"RUN001", "RUN002", "RUN010", "SEC006"} & codes(report)
    assert bool(stopped) != fed, codes(report)


INPUT_DIMS = [[], [0], [3], ["N"], [2, 0], ["N", 3, 4], [-7, "N"], [1] * 7, ["a+b", "a"], [2**20]]


@pytest.mark.parametrize("element_type", [TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL])
@pytest.mark.parametrize("dims", INPUT_DIMS, ids=str)
def test_inputs_are_made_up_for_operators_called_with_anything(tmp_path, dims, element_type):
    """Each operator reads inputs alone, and says extreme numbers of what they mean."""
    nodes = named_apart([
        node
        for shard in range(SHARDS)
        for schema in operators(shard)
        for node in ([calls(schema), *wrong_numbers(schema)] if schema.name in _MAKERS else [])
    ])  # fmt: skip
    inputs = {}
    for node in nodes:
        for slot in range(len(node.input)):
            node.input[slot] = f"{node.name}.{slot}"
            inputs[node.input[slot]] = [element_type, dims]
    model = net(nodes, **inputs)
    model.graph.value_info.extend(
        helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, dims) for node in nodes
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with open_model(str(path)) as opened:
        graph = Graph(opened)
        made = Inputs.build(graph, Shapes(graph, None, "not inferred"), Settings(samples=2))
        assert made.obstacle is None or made.obstacle.endswith("too large for synthetic samples")
        for attempt in islice(made.attempts(), 3):
            for feed in (attempt.feeds[0], *(boundary.feed for boundary in attempt.limits)):
                assert feed.keys() == {value.name for value in graph.inputs}


def test_symbols_may_be_any_expression(judged):
    for symbol in (
        "9" * 5000,
        "(" * 900,
        "N*" * 400 + "9",
        "1" + "0" * 300,
        "-" * 900,
        "\0",
        "1/0",
    ):
        node = helper.make_node("Relu", ["x"], ["y"])
        judged(net([node], x=[TensorProto.FLOAT, ["N", symbol, 3]]), run=True)


@pytest.mark.parametrize("dims", [d for d in ABSURD_DIMS if isinstance(d[0], int)], ids=told)
@pytest.mark.parametrize("element_type", [TensorProto.FLOAT, TensorProto.INT4, TensorProto.STRING])
@pytest.mark.parametrize("large", [False, True])
def test_tensor_of_absurd_dims(judged, dims, element_type, large):
    tensor = TensorProto(name="w", data_type=element_type)
    tensor.dims.extend(dims)
    tensor.raw_data = bytes(100_000 if large else 12)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Reshape", ["x", "w"], ["r"]),
        helper.make_node("ConstantOfShape", ["w"], ["f"]),
        helper.make_node("QuantizeLinear", ["x", "w", "w"], ["q"]),
        helper.make_node("DequantizeLinear", ["w", "w"], ["d"]),
        helper.make_node("Gemm", ["x", "d"], ["y"]),
    ]
    report = judged(net(nodes, tensor))
    assert codes(report) & {"ONX022", "ONX023", "ONX026", "ONX027", "SEC006"}


def test_fill_that_no_memory_holds_is_not_spelled_out(judged):
    size = numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "k")
    fill = helper.make_node("ConstantOfShape", ["k"], ["f"])
    nodes = [fill, *(helper.make_node(op, ["x", "f"], [op]) for op in ("Add", "Mul", "Where"))]
    nodes.append(helper.make_node("Pow", ["x", "f"], ["p"]))
    assert "SEC006" in codes(judged(net(nodes, size)))
    assert LARGEST_FILL < 2**40


@pytest.mark.parametrize("element_type", [99, -1, 0, 2**31 - 1, TensorProto.COMPLEX64])
@pytest.mark.parametrize("where", ["tensor", "input", "behind"])
def test_unknown_element_type(judged, element_type, where):
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "w")
    scale = numpy_helper.from_array(np.float32(1), "s")
    tensor.data_type = element_type if where != "input" else tensor.data_type
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    if where == "behind":
        nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["d"]),
                 helper.make_node("Reshape", ["d", "w"], ["r"]),
                 helper.make_node("MatMul", ["x", "d"], ["y"])]  # fmt: skip
    model = net(nodes, tensor, scale)
    if where == "input":
        model.graph.input[0].type.tensor_type.elem_type = element_type
    assert {"ONX017", "ONX021", "ONX026", "ONX023"} & codes(judged(model))


@pytest.mark.parametrize("opset", [-(2**63), -1, 0, 1, 10_000, 2**31, 2**63 - 1])
@pytest.mark.parametrize("domain", ["", "ai.onnx.ml", "com.microsoft"])
def test_any_opset(judged, opset, domain):
    nodes = [
        helper.make_node("Relu", ["x"], ["h"], domain=domain),
        helper.make_node("Conv", ["h", "w"], ["c"], strides=[1.0]),
        helper.make_node("Softmax", ["c"], ["y"]),
    ]
    model = net(nodes, *constants(), opset=21)
    for entry in model.opset_import:
        if entry.domain == domain:
            entry.version = opset
    report = judged(model)
    assert "ONX008" in codes(report) or opset > 0 or domain == "com.microsoft"


# Names


@pytest.mark.parametrize(
    "scopes",
    ["{[]: 1}", "[" * 100_000, "['a', " * 5000, "9" * 5000, "\0", "[1, 2]", "'" * 99, "['a', 1]",
     "[" + "'a', " * LONGEST_SCOPES + "'b']", "('a', 'b')", r"['\d', 'b']", "__import__('os')"],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_module_path_that_is_no_list_of_names(judged, scopes):
    metadata = {"pkg.torch.onnx.name_scopes": scopes}
    assert module_path("/a/b/Relu", metadata) is None
    model = net([helper.make_node("Relu", ["x"], ["y"])])
    for key in ("name_scopes", "stack_trace", "class_hierarchy"):
        model.graph.node[0].metadata_props.add(key=f"pkg.torch.onnx.{key}", value=scopes)
    judged(model)


@pytest.mark.parametrize(
    ("scopes", "module"),
    [("['', 'layer1', 'layer1.0', 'conv2d']", "layer1.0"), ("""['', "it's", 'add']""", "it's"),
     ("['a','b']", "a"), ("['', 'add']", None), ("['add']", None), ("[]", None)],
)  # fmt: skip
def test_module_path_of_a_list_of_names(scopes, module):
    assert module_path("Relu", {"pkg.torch.onnx.name_scopes": scopes}) == module


def heavy(location: str | None = None) -> tuple[ModelProto, bytes]:
    """A model whose weights stay in the file, or lie in another one; and the weights."""
    weight = numpy_helper.from_array(np.ones((200, 200), np.float32), "w")
    data = weight.raw_data
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "n")
    return net([node], weight, x=[TensorProto.FLOAT, ["N", 200]]), data


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names there are UTF-8")
@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("name", [b"model.onnx", b"mod\xffel.onnx"], ids=["model", "odd"])
@pytest.mark.parametrize("folder", [b"folder", b"fold\xff\xe9er"], ids=["folder", "odd"])
def test_file_names_that_are_no_text(tmp_path, folder, name, outside):
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder))
    place.mkdir()
    path = place / os.fsdecode(name)
    model, data = heavy("w.bin" if outside else None)
    path.write_bytes(model.SerializeToString())
    (place / "w.bin").write_bytes(data)
    report = lint(path, run=True)
    assert_judged(report)
    assert report.samples == 2
    assert not {"RUN001", "RUN002", "RUN003"} & codes(report)


# Graphs in places of their own


def with_default_graph(location: str, *, referred: bool) -> ModelProto:
    """A function that has a graph as an attribute's default, with data in another file."""
    tensor = TensorProto(name="e", data_type=TensorProto.FLOAT, dims=[3])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    made = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    inner = helper.make_graph(
        [helper.make_node("Add", ["a", "e"], ["z"])], "i", [], [made], [tensor]
    )
    other = helper.make_graph([helper.make_node("Relu", ["a"], ["z"])], "o", [], [made])
    choice = helper.make_node("If", ["c"], ["b"], else_branch=other)
    if referred:
        choice.attribute.add(name="then_branch", type=AttributeProto.GRAPH, ref_attr_name="body")
    function = helper.make_function(
        "local", "F", ["a", "c"], ["b"], [choice], [helper.make_opsetid("", 21)],
        attribute_protos=[helper.make_attribute("body", inner)],
    )  # fmt: skip
    call = helper.make_node("F", ["x", "c"], ["y"], domain="local")
    model = net([call], x=[TensorProto.FLOAT, ["N", 3]], c=[TensorProto.BOOL, []])
    model.functions.append(function)
    return model


@pytest.mark.parametrize("referred", [False, True])
def test_graph_that_is_the_default_of_an_attribute(judged, tmp_path, referred):
    model = with_default_graph("../secret.bin", referred=referred)
    assert "SEC001" in codes(judged(model, run=True))
    with open_model(str(tmp_path / "model.onnx")) as opened:
        graph = Graph(opened)
        (scope,) = [scope for scope in graph.scopes if scope.path == "function:local::F/body"]
        assert scope.owner is None
        assert scope.parent is graph.functions[0]
        assert scope.opsets == {"": 21}
        assert scope.lookup("a") is graph.functions[0].inputs[0]
        assert [tensor.name for _, tensor in graph.tensors] == ["e"]
        assert [tensor.name for tensor in all_tensors(opened.proto)] == ["e"]
        assert scope.nodes[0] in graph.live
        assert Preflight.build(graph).refusal is not None


def test_shapes_are_known_beside_a_default_graph(judged):
    model = with_default_graph("w.bin", referred=True)
    report = judged(model)
    assert "SEC002" in codes(report)
    sound = model.functions[0].attribute_proto[0].g.initializer[0]
    del sound.external_data[:]
    sound.ClearField("data_location")
    sound.raw_data = bytes(12)
    report = judged(model, run=True)
    assert not {"RUN001", "ONX027", "SEC002"} & codes(report)


def functions_in_a_row(count: int, *, ring: bool = False) -> ModelProto:
    """Functions that each call the next one twice; in a ring the last calls the first."""
    model = net([helper.make_node("F0", ["x", ""], ["y"], domain="local")])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("local", 3)]
    for number in range(count):
        following = number + 1 if number + 1 < count else 0
        is_last = following == 0 and not ring
        op, domain = ("Add", "") if is_last else (f"F{following}", "local")
        body = [
            helper.make_node(op, ["a", "b"], ["c"], domain=domain),
            helper.make_node(op, ["c", "b"], ["d"], domain=domain),
        ]
        model.functions.append(
            helper.make_function("local", f"F{number}", ["a", "b"], ["d"], body, opsets)
        )
    return model


@pytest.mark.parametrize("ring", [False, True])
@pytest.mark.parametrize("count", [1, 1500])
def test_functions_that_call_each_other(tmp_path, count, ring):
    path = tmp_path / "model.onnx"
    path.write_bytes(functions_in_a_row(count, ring=ring).SerializeToString())
    with open_model(str(path)) as opened:
        graph = Graph(opened)
        found = list(everything_named("ONX025")(graph, Schemas.build()))
        assert bool(found) != ring  # what the last one needs is left out
        value, following = graph.inputs[0], _Following()
        assert graph.outputs[0] in following.of(value) or ring
        assert len(graph.scopes) == count + 1


def everything_named(code: str) -> Any:
    (rule,) = [rule for rule in everything().rules if rule.code == code]
    return rule


# Files


@pytest.mark.parametrize("tail", [b"\xff", b"\x0f", b"\x3a\xff\xff\xff\x7f", b"\x07" * 9])
def test_broken_file_with_large_weights_is_one_sentence(tmp_path, tail):
    model, _ = heavy()
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString() + tail)
    report = lint(path)
    assert report.error is not None
    assert report.error.startswith("is not an ONNX model")
    assert "\n" not in report.error


LOCATIONS = ["n" * 300, "a" * 5000, "w.bin/x", "dir", ".", "\\", "w.bin\n"]


@pytest.mark.parametrize("location", LOCATIONS, ids=lambda name: name[:8])
@pytest.mark.parametrize("where", ["weight", "fill", "constant"])
def test_external_data_that_is_no_file(judged, tmp_path, location, where):
    (tmp_path / "dir").mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(4))
    tensor = heavy(location)[0].graph.initializer[0]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if where == "fill":
        nodes.insert(0, helper.make_node("ConstantOfShape", ["k"], ["w"], value=tensor))
    elif where == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    tensors = [tensor] if where == "weight" else []
    report = judged(net(nodes, *tensors, constants()[1]))
    assert {"SEC001", "SEC002"} & codes(report)


@pytest.mark.parametrize("key", ["offset", "length"])
@pytest.mark.parametrize("text", ["", "x", "9" * 5000, "-1", "1e3", str(2**70)])
def test_external_data_at_no_number(judged, tmp_path, key, text):
    (tmp_path / "w.bin").write_bytes(bytes(160_000))
    model = heavy("w.bin")[0]
    model.graph.initializer[0].external_data.add(key=key, value=text)
    report = judged(model)
    assert "SEC003" in codes(report) or (key, text) == ("offset", "")


# The means


def test_walk_comes_to_everything_once():
    walk = Walk([1, None])
    found = []
    for number in walk:
        found.append(number)
        walk.add(number % 5 + 1, None, number)
    assert found == [1, 2, 3, 4, 5]


def test_attribute_of_another_type_than_the_schema_says(graph_of):
    text = """n (float[N, 3] x) => (float y) {
        a = Transpose <perm = "0"> (x)
        b = Transpose <perm = [1, 0]> (x)
        y = Own <perm = "0"> (x)
    }"""
    with graph_of(text) as graph:
        wrong, right, unknown = graph.main.nodes
        assert wrong.attribute("perm") is None
        assert right.attribute("perm") == [1, 0]
        assert unknown.attribute("perm") == "0"
        assert [node.integers("perm") for node in graph.main.nodes] == [None, [1, 0], None]
        assert right.integers("axes") == []
        assert wrong.tensor("perm") is None


def test_number_of_a_constant(graph_of):
    text = """n (float[N] x) => (float[N] y)
    <float one = {1.5}, float[2] two = {1, 2}, float[0] none = {}, string[1] s = {"a"}> {
        y = Own(x, one, two, none, s)
    }"""
    with graph_of(text) as graph:
        values = graph.main.nodes[0].inputs
        assert [graph.number(value) for value in values] == [None, 1.5, None, None, None]
        assert graph.constant(values[4]) is None


def test_text_models_are_judged_too(judged):
    judged(model_from_text("n (float[N] x) => (float[N] y) { y = Relu(x) }"))


@pytest.mark.parametrize(
    ("data_type", "bits"),
    [
        (TensorProto.BFLOAT16, np.uint16(0x7F81)),
        (TensorProto.FLOAT16, np.uint16(0x7C01)),
        (TensorProto.FLOAT, np.uint32(0x7F800001)),
        (TensorProto.DOUBLE, np.uint64(0x7FF0000000000001)),
    ],
)
def test_signalling_nan_in_weights_is_found_and_no_rule_warns_of_it(judged, data_type, bits):
    raw = np.full(12, bits).tobytes()
    weight = helper.make_tensor("w", data_type, [3, 4], raw, raw=True)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", data_type, ["N", 3])],
        [helper.make_tensor_value_info("y", data_type, ["N", 4])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    report = judged(model)
    assert not report.crashed
    assert "WGT001" in {finding.code for finding in report.findings}
