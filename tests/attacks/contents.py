"""What stands in a model that no exporter would write: types, attributes, places of data (M2, M4).

`fuzz.py` finds such things by chance; these are the ones that were found, and their kinds.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attacks.harness import (
    Case,
    Command,
    Outcome,
    canary,
    complete,
    found,
    linux_only,
    silent_about,
    unread,
)
from attacks.models import FLAWED, HEADER, SOUND, parsed, write

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

REPORT = ("--format", "json")
STATIC = ("--static-only", *REPORT)


def cases() -> Iterator[Case]:
    yield from _types()
    yield from _attributes()
    yield from _operands()
    yield from _external()
    yield from _operators()


# --- types, dims, versions ---------------------------------------------------------------------

Change = Callable[["ModelProto"], Any]


def _dims(*dims: int) -> Change:
    def change(model: ModelProto) -> None:
        shape = model.graph.input[0].type.tensor_type.shape
        del shape.dim[:]
        for dim in dims:
            shape.dim.add(dim_value=dim)

    return change


def _opset(version: int) -> Change:
    return lambda model: setattr(model.opset_import[0], "version", version)


def _element(kind: int) -> Change:
    return lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", kind)


def _nested(kind: str, depth: int) -> Change:
    def change(model: ModelProto) -> None:
        inner = model.graph.input[0].type
        inner.Clear()
        for _ in range(depth):
            part = getattr(inner, f"{kind}_type")
            if kind == "map":
                part.key_type = 99
            inner = part.value_type if kind == "map" else part.elem_type
        inner.tensor_type.elem_type = 1

    return change


def _output_dims(*dims: int) -> Change:
    def change(model: ModelProto) -> None:
        shape = model.graph.output[0].type.tensor_type.shape
        del shape.dim[:]
        for dim in dims:
            shape.dim.add(dim_value=dim)

    return change


def _weight_dims(*dims: int) -> Change:
    def change(model: ModelProto) -> None:
        model.graph.initializer[0].dims[:] = dims

    return change


def _weight_type(kind: int) -> Change:
    return lambda model: setattr(model.graph.initializer[0], "data_type", kind)


MOST, LEAST = 2**63 - 1, -(2**63)

TYPES: dict[str, Change] = {
    "input_negative": _dims(-5, 3),
    "input_least": _dims(LEAST, 3),
    "input_most": _dims(MOST, 3),
    "input_product_overflows": _dims(2**32, 2**32, 3),
    "input_zero": _dims(0, 3),
    "input_many": _dims(*[1] * 65, 3),
    "input_very_many": _dims(*[1] * 5_000, 3),
    "input_huge_rank_2": _dims(*[2] * 64),
    "output_negative": _output_dims(-5, 2),
    "output_many": _output_dims(*[1] * 65),
    "weight_negative": _weight_dims(-3, -2),
    "weight_many": _weight_dims(*[1] * 65, 6),
    "weight_most": _weight_dims(MOST, 2),
    "weight_overflow_to_zero": _weight_dims(2**32, 2**32),
    "weight_zero": _weight_dims(0),
    "weight_type_0": _weight_type(0),
    "weight_type_99": _weight_type(99),
    "weight_type_least": _weight_type(-(2**31)),
    "weight_type_text": _weight_type(8),
    "weight_type_int4": _weight_type(22),
    "opset_min": _opset(LEAST),
    "opset_max": _opset(MOST),
    "opset_zero": _opset(0),
    "opset_negative": _opset(-1),
    "opset_million": _opset(10**6),
    "ir_zero": lambda model: setattr(model, "ir_version", 0),
    "ir_least": lambda model: setattr(model, "ir_version", LEAST),
    "ir_most": lambda model: setattr(model, "ir_version", MOST),
    "version_least": lambda model: setattr(model, "model_version", LEAST),
    "element_0": _element(0),
    "element_99": _element(99),
    "element_least": _element(-(2**31)),
    "type_missing": lambda model: model.graph.input[0].ClearField("type"),
    "type_empty": lambda model: model.graph.input[0].type.Clear(),
    "sequence_of_sequences": _nested("sequence", 40),
    "optional_of_optionals": _nested("optional", 40),
    "map_of_maps": _nested("map", 40),
    "sparse_type": lambda model: setattr(
        model.graph.input[0].type.sparse_tensor_type, "elem_type", 1
    ),
    "dim_of_both": lambda model: (
        setattr(model.graph.input[0].type.tensor_type.shape.dim[1], "dim_param", "K"),
        model.graph.input[0].type.tensor_type.shape.dim.add(),
    ),
    "no_opset": lambda model: model.ClearField("opset_import"),
    "opset_twice": lambda model: model.opset_import.add(domain="", version=3),
    "no_inputs": lambda model: model.graph.ClearField("input"),
    "no_outputs": lambda model: model.graph.ClearField("output"),
    "no_nodes": lambda model: model.graph.ClearField("node"),
    "input_twice": lambda model: model.graph.input.add().CopyFrom(model.graph.input[0]),
    "node_of_nothing": lambda model: model.graph.node.add(),
    "segment": lambda model: setattr(model.graph.initializer[0].segment, "begin", LEAST),
}


def _types() -> Iterator[Case]:
    yield Case(
        "types_static", "M2", partial(_changed_all, STATIC), (_all_told,), slow=True, seconds=40
    )
    yield Case(
        "types_run", "M2", partial(_changed_all, REPORT), (_all_told,), slow=True, seconds=60
    )
    for name in ("input_negative", "input_many", "opset_min"):
        build = partial(_changed, TYPES[name])
        yield Case(name, "M2", build, slow=name != "opset_min")
    yield Case("fill_value_text", "M2", partial(_filled, ("text",)))
    yield Case("fill_values", "M2", partial(_filled, tuple(KINDS)), (_all_told,), slow=True)
    yield Case("dequantised_of_unknown_type", "M2", _dequantised, slow=True)
    yield Case("shape_without_input", "M2", _shape_without_input, slow=True)


def _changed(change: Change, folder: Path) -> Command:
    model = parsed(FLAWED)
    change(model)
    return Command((write(folder / "model.onnx", model), *REPORT))


def _changed_all(options: tuple[str, ...], folder: Path) -> Command:
    for name, change in TYPES.items():
        model = parsed(FLAWED)
        change(model)
        write(folder / "types" / f"{name}.onnx", model)
    return Command(("types", *options))


def _all_told(outcome: Outcome) -> str | None:
    """Each model has a report; crashed rules break by themselves."""
    number = len(list(outcome.folder.glob("*/*.onnx")))
    told = len(outcome.models)
    return None if told == number else f"{told} of {number} models are reported"


def _filled(kinds: tuple[str, ...], folder: Path) -> Command:
    """The value that ConstantOfShape repeats is a tensor, or should be."""
    text = """net (float[N] x) => (float[N] y) <int64[1] s = {3}> {
        f = ConstantOfShape <value = 3> (s)
        y = Add(x, f)
    }"""
    for kind in kinds:
        model = parsed(text)
        attribute = model.graph.node[0].attribute[0]
        attribute.Clear()
        attribute.name = "value"
        KINDS[kind](attribute)
        write(folder / "fills" / f"{kind}.onnx", model)
    return Command(("fills", *REPORT))


def _dequantised(folder: Path) -> Command:
    model = parsed("""net (float[N, 3] x) => (float[N, 2] y)
        <uint8[3, 2] w = {1, 2, 3, 4, 5, 6}, float s = {0.5}, uint8 z = {0}> {
        d = DequantizeLinear(w, s, z)
        y = MatMul(x, d)
    }""")
    model.graph.initializer[0].data_type = 77
    return Command((write(folder / "model.onnx", model), *REPORT))


def _shape_without_input(folder: Path) -> Command:
    model = parsed("net (float[N, 3] x) => (int64[2] y) { s = Shape(x)  y = Identity(s) }")
    del model.graph.node[0].input[:]
    return Command((write(folder / "model.onnx", model), *REPORT))


# --- attributes of the wrong kind --------------------------------------------------------------

KINDS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda a: None,
    "type_0": lambda a: setattr(a, "type", 0),
    "text": lambda a: (setattr(a, "type", 3), setattr(a, "s", b"\xff\x1b[2J")),
    "number": lambda a: (setattr(a, "type", 1), setattr(a, "f", float("nan"))),
    "integer": lambda a: (setattr(a, "type", 2), setattr(a, "i", LEAST)),
    "integers": lambda a: (setattr(a, "type", 7), a.ints.extend([MOST, LEAST, 0])),
    "no_integers": lambda a: setattr(a, "type", 7),
    "numbers": lambda a: (setattr(a, "type", 6), a.floats.extend([float("inf")])),
    "texts": lambda a: (setattr(a, "type", 8), a.strings.extend([b"\xff", b""])),
    "tensor": lambda a: (setattr(a, "type", 4), a.t.dims.append(-1)),
    "tensor_of_text": lambda a: (setattr(a, "type", 4), setattr(a.t, "data_type", 8),
                                 a.t.string_data.append(b"\xff")),
    "graph": lambda a: (setattr(a, "type", 5), a.g.node.add()),
    "graphs": lambda a: (setattr(a, "type", 10), a.graphs.add()),
    "sparse": lambda a: (setattr(a, "type", 11), a.sparse_tensor.dims.append(3)),
    "protos": lambda a: (setattr(a, "type", 13), a.tp.tensor_type.shape.dim.add()),
    "reference": lambda a: (setattr(a, "type", 2), setattr(a, "ref_attr_name", "no_such")),
    "every": lambda a: (setattr(a, "type", 2), setattr(a, "i", 1), setattr(a, "f", 1.0),
                        setattr(a, "s", b"x"), a.t.dims.append(2), a.ints.append(1)),
}  # fmt: skip


def _attributes() -> Iterator[Case]:
    """Every attribute of every standard operator, of each wrong kind: one model a kind."""
    for kind in KINDS:
        for run in (False, True):
            if run and kind not in ("text", "integer", "integers", "tensor"):
                continue
            build = partial(_mistyped, kind, REPORT if run else STATIC)
            name = f"attributes_{kind}{'_run' if run else ''}"
            yield Case(name, "M2", build, slow=True, seconds=60)


def _schemas() -> list[Any]:
    from onnx import defs

    schemas = {schema.name: schema for schema in defs.get_all_schemas() if not schema.domain}
    return [schemas[name] for name in sorted(schemas)]


def _mistyped(kind: str, options: tuple[str, ...], folder: Path) -> Command:
    model = parsed(SOUND)
    for schema in _schemas():
        node = model.graph.node.add(op_type=schema.name, name=f"n{schema.name}")
        node.input.extend(["x"] * max(1, schema.min_input))
        node.output.extend(f"{schema.name}{n}" for n in range(max(1, schema.min_output)))
        for name in schema.attributes:
            attribute = node.attribute.add(name=name)
            KINDS[kind](attribute)
    return Command((write(folder / "model.onnx", model), *options))


def _operands() -> Iterator[Case]:
    """Every standard operator without inputs, without outputs, with too many or nameless ones."""
    for name in ("no_inputs", "no_outputs", "many_inputs", "empty_inputs", "empty_outputs",
                 "constants", "texts", "undefined", "own_output"):  # fmt: skip
        build = partial(_operated, name, STATIC)
        yield Case(f"operands_{name}", "M2", build, slow=True, seconds=60)


def _operated(name: str, options: tuple[str, ...], folder: Path) -> Command:
    model = parsed("""net (float[N, 3] x, string[N] t) => (float[N, 3] y) <int64[2] k = {1, 2}>
        { y = Relu(x) }""")
    for schema in _schemas():
        node = model.graph.node.add(op_type=schema.name, name=f"n{schema.name}")
        number = max(1, schema.min_input)
        inputs = {"no_inputs": [], "many_inputs": ["x"] * 40, "empty_inputs": [""] * number,
                  "constants": ["k"] * number, "texts": ["t"] * number,
                  "undefined": ["nowhere"] * number,
                  "own_output": [schema.name] * number}  # fmt: skip
        outputs = {"no_outputs": [], "empty_outputs": ["", "", ""]}
        node.input.extend(inputs.get(name, ["x"] * number))
        node.output.extend(outputs.get(name, [schema.name]))
    return Command((write(folder / "model.onnx", model), *options))


# --- M4 and the places of external data --------------------------------------------------------

SECRET = b"ATTACK-SECRET-18481848" + bytes(26)


def _tensor(external: Callable[[TensorProto], None]) -> TensorProto:
    from onnx import TensorProto

    tensor = TensorProto(name="w", data_type=1, dims=[3, 2])
    tensor.data_location = TensorProto.EXTERNAL
    external(tensor)
    return tensor


Put = Callable[["ModelProto", "TensorProto"], Any]


def _into_attribute(tensor: TensorProto, name: str = "value") -> Any:
    from onnx import helper

    return helper.make_attribute(name, tensor)


def _constant(tensor: TensorProto, output: str = "w") -> Any:
    from onnx import NodeProto

    node = NodeProto(op_type="Constant", output=[output])
    node.attribute.append(_into_attribute(tensor))
    return node


def _branch(initializers: list[Any] = [], nodes: list[Any] = []) -> Any:  # noqa: B006 - only read
    from onnx import GraphProto, helper

    graph = GraphProto(name="branch", initializer=initializers)
    graph.node.extend([*nodes, helper.make_node("Identity", ["w"], ["u"])])
    graph.output.append(helper.make_tensor_value_info("u", 1, [3, 2]))
    return graph


def _owned(model: ModelProto, graph: Any, depth: int = 1) -> None:
    """The graph becomes a branch of an If, or of an If in an If."""
    from onnx import GraphProto, helper

    for _ in range(depth - 1):
        outer = GraphProto(name="outer")
        outer.node.append(_condition("p2"))
        outer.node.append(
            helper.make_node("If", ["p2"], ["v"], then_branch=graph, else_branch=graph)
        )
        outer.output.append(helper.make_tensor_value_info("v", 1, [3, 2]))
        graph = outer
    _without_weight(model)
    model.graph.node.insert(0, _condition("p"))
    branches = {"then_branch": graph, "else_branch": graph}
    model.graph.node.insert(1, helper.make_node("If", ["p"], ["w"], **branches))


def _condition(name: str) -> Any:
    import numpy as np
    from onnx import helper, numpy_helper

    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.array(True)))


def _without_weight(model: ModelProto) -> None:
    del model.graph.initializer[:]


def _in_function(model: ModelProto, body: list[Any], defaults: list[Any] = []) -> None:  # noqa: B006
    from onnx import FunctionProto, NodeProto, OperatorSetIdProto

    _without_weight(model)
    model.opset_import.add(domain="own", version=1)
    function = FunctionProto(name="held", domain="own", output=["w"])
    function.opset_import.append(OperatorSetIdProto(domain="", version=21))
    function.node.extend(body)
    function.attribute_proto.extend(defaults)
    model.functions.append(function)
    model.graph.node.insert(0, NodeProto(op_type="held", domain="own", output=["w"]))


def _place_initializer(model: ModelProto, tensor: TensorProto) -> None:
    model.graph.initializer[0].CopyFrom(tensor)


def _place_unused(model: ModelProto, tensor: TensorProto) -> None:
    model.graph.initializer.add().CopyFrom(tensor)
    model.graph.initializer[-1].name = "unused"


def _place_sparse(model: ModelProto, tensor: TensorProto, *, indices: bool = False) -> None:
    from onnx import TensorProto

    _without_weight(model)
    sparse = model.graph.sparse_initializer.add(dims=[3, 2])
    plain = TensorProto(name="w", data_type=7 if not indices else 1, dims=[6])
    plain.raw_data = struct.pack("<6q", *range(6)) if not indices else bytes(24)
    values, places = (plain, tensor) if indices else (tensor, plain)
    sparse.values.CopyFrom(values)
    sparse.values.name = "w"
    sparse.indices.CopyFrom(places)


def _place_sparse_constant(model: ModelProto, tensor: TensorProto) -> None:
    from onnx import NodeProto

    _without_weight(model)
    node = NodeProto(op_type="Constant", output=["w"])
    attribute = node.attribute.add(name="sparse_value", type=11)
    attribute.sparse_tensor.dims.extend([3, 2])
    attribute.sparse_tensor.values.CopyFrom(tensor)
    model.graph.node.insert(0, node)


def _place_constant(model: ModelProto, tensor: TensorProto) -> None:
    _without_weight(model)
    model.graph.node.insert(0, _constant(tensor))


def _place_list(model: ModelProto, tensor: TensorProto) -> None:
    attribute = model.graph.node[0].attribute.add(name="tensors", type=9)
    attribute.tensors.add().CopyFrom(tensor)


def _place_other_attribute(model: ModelProto, tensor: TensorProto) -> None:
    model.graph.node[0].attribute.append(_into_attribute(tensor, "odd"))


def _place_behind_type(model: ModelProto, tensor: TensorProto) -> None:
    """The attribute says that it is a number, and holds a tensor all the same."""
    attribute = _into_attribute(tensor, "odd")
    attribute.type = 2
    model.graph.node[0].attribute.append(attribute)


def _place_function_default(model: ModelProto, tensor: TensorProto) -> None:
    from onnx import NodeProto

    node = NodeProto(op_type="Constant", output=["w"])
    node.attribute.add(name="value", type=4, ref_attr_name="held")
    _in_function(model, [node], [_into_attribute(tensor, "held")])


def _place_function_graph(model: ModelProto, tensor: TensorProto) -> None:
    """M4: the default of a function's attribute is a graph."""
    from onnx import AttributeProto, NodeProto

    default = AttributeProto(name="held", type=5)
    default.g.CopyFrom(_branch([tensor]))
    chosen = NodeProto(op_type="If", input=["p"], output=["w"])
    for name in ("then_branch", "else_branch"):
        chosen.attribute.add(name=name, type=5, ref_attr_name="held")
    _in_function(model, [_condition("p"), chosen], [default])


def _place_function_branch(model: ModelProto, tensor: TensorProto) -> None:
    from onnx import helper

    graph = _branch([tensor])
    chosen = helper.make_node("If", ["p"], ["w"], then_branch=graph, else_branch=graph)
    _in_function(model, [_condition("p"), chosen])


def _place_training(model: ModelProto, tensor: TensorProto, field: str = "algorithm") -> None:
    info = model.training_info.add()
    getattr(info, field).CopyFrom(_branch([tensor]))


PLACES: dict[str, Put] = {
    "initializer": _place_initializer,
    "unused_initializer": _place_unused,
    "sparse_values": _place_sparse,
    "sparse_indices": partial(_place_sparse, indices=True),
    "sparse_constant": _place_sparse_constant,
    "constant": _place_constant,
    "list_of_tensors": _place_list,
    "other_attribute": _place_other_attribute,
    "behind_another_type": _place_behind_type,
    "branch_initializer": lambda m, t: _owned(m, _branch([t])),
    "branch_constant": lambda m, t: _owned(m, _branch(nodes=[_constant(t)])),
    "branch_in_branch": lambda m, t: _owned(m, _branch([t]), depth=2),
    "function_constant": lambda m, t: _in_function(m, [_constant(t)]),
    "function_branch": _place_function_branch,
    "function_default": _place_function_default,
    "function_default_graph": _place_function_graph,
    "training_algorithm": _place_training,
    "training_initialization": partial(_place_training, field="initialization"),
}

NOT_OPENED = ("training_algorithm", "training_initialization")
"""Places that nobody reads, so that nothing need be said of them."""


def _located(*entries: tuple[str, str]) -> Callable[[TensorProto], None]:
    def fill(tensor: TensorProto) -> None:
        for key, value in entries:
            tensor.external_data.add(key=key, value=value)

    return fill


def _ranged(offset: str, length: str | None = None) -> Callable[[TensorProto], None]:
    sized = [] if length is None else [("length", length)]
    return _located(("location", "ok.bin"), ("offset", offset), *sized)


def _inline_too(tensor: TensorProto) -> None:
    _located(("location", "../secret.bin"))(tensor)
    tensor.raw_data = bytes(24)


def _locations(folder: Path) -> dict[str, Callable[[TensorProto], None]]:
    texts = {
        "above": "../secret.bin", "absolute": f"{folder}/secret.bin",
        "down_and_up": "a/../../secret.bin", "backslash": "..\\secret.bin",
        "drive": "C:\\secret.bin",
        "unc": "\\\\host\\share\\secret.bin", "slashes": f"//{folder}/secret.bin",
        "file_url": f"file://{folder}/secret.bin", "url": "https://example.com/w.bin",
        "home": "~/secret.bin", "empty": "", "dot": ".", "dots": "..", "folder": "folder",
        "link": "link.bin", "linked_folder": "up/secret.bin", "loop": "loop.bin",
        "pipe": "pipe.bin",
        "socket": "socket.bin", "zeros": "/dev/zero", "linked_zeros": "zeros.bin",
        "memory": "/proc/self/mem", "missing": "missing.bin", "nul": "ok.bin\0.txt",
        "nul_before": "../secret.bin\0", "long": "a" * 300, "longer": "a/" * 3_000 + "w",
        "percent": "%2e%2e/secret.bin", "slash_behind": "ok.bin/", "itself": "MODEL",
        "address": "*/_ORT_MEM_ADDR_/*", "direction": "\u202enib.ko",
        "escape": "\x1b[2J../secret.bin",
    }  # fmt: skip
    filled = {name: _located(("location", text)) for name, text in texts.items()}
    return filled | {
        "offset_negative": _ranged("-8"),
        "offset_far": _ranged(str(2**40)),
        "offset_2_63": _ranged(str(2**63)),
        "offset_2_64": _ranged(str(2**64 + 8), "24"),
        "offset_5000_digits": _ranged("9" * 5_000),
        "offset_text": _ranged("eight"),
        "length_negative": _ranged("0", "-24"),
        "length_2_63": _ranged("0", str(2**63)),
        "sum_overflows": _ranged(str(2**63 - 8), str(2**63 - 8)),
        "located_twice": _located(("location", "ok.bin"), ("location", "../secret.bin")),
        "located_twice_first": _located(("location", "../secret.bin"), ("location", "ok.bin")),
        "key_before": _located(("offset", "0"), ("length", "24"), ("location", "../secret.bin")),
        "key_upper": _located(("Location", "../secret.bin"), ("location", "ok.bin")),
        "no_keys": _located(),
        "inline_too": _inline_too,
    }


HARMLESS = ("key_upper", "slash_behind", "located_twice_first")
"""Read as a file of the folder, or refused: both is right."""


def _external() -> Iterator[Case]:
    kind = partial(Case, row="external", needs=linux_only, seconds=60)
    for place in PLACES:
        checks = (_all_told, unread("secret.bin"), silent_about("ATTACK-SECRET"))
        told = (*checks, _each_refused) if place not in NOT_OPENED else checks
        slow = place not in ("function_default_graph",)
        yield kind(f"external_{place}", build=partial(_stored, place), checks=told, slow=slow,
                   row="M4" if place == "function_default_graph" else "external")  # fmt: skip
    good = (complete("model.onnx", code="INT009"),)
    for place in PLACES:
        if place not in NOT_OPENED:
            yield kind(f"external_{place}_sound", build=partial(_stored_well, place), checks=good,
                       slow=True)  # fmt: skip


def _folder_of_data(folder: Path) -> Path:
    models = folder / "models"
    models.mkdir()
    canary(folder / "secret.bin", SECRET)
    (models / "ok.bin").write_bytes(struct.pack("<6f", *range(6)) + bytes(24))
    (models / "folder").mkdir()
    (models / "up").symlink_to("..")
    (models / "link.bin").symlink_to("../secret.bin")
    (models / "loop.bin").symlink_to("loop.bin")
    (models / "zeros.bin").symlink_to("/dev/zero")
    os.mkfifo(models / "pipe.bin")
    here = Path.cwd()
    os.chdir(models)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.bin")
    os.chdir(here)
    return models


def _stored(place: str, folder: Path) -> Command:
    models = _folder_of_data(folder)
    for name, external in _locations(folder).items():
        model = parsed(SOUND)
        PLACES[place](model, _tensor(external))
        write(models / f"{name}.onnx", model)
    return Command(("models", *REPORT))


def _each_refused(outcome: Outcome) -> str | None:
    """Each has an error of the preflight, and was not run."""
    for model in outcome.models:
        name = Path(str(model["path"])).stem
        errors = [f["code"] for f in model["findings"] if f["severity"] == "error"]
        if name not in HARMLESS and not model["error"] and not errors:
            return f"{name} passes"
    return None


def _stored_well(place: str, folder: Path) -> Command:
    models = _folder_of_data(folder)
    model = parsed(SOUND)
    PLACES[place](model, _tensor(_ranged("0", "24")))
    return Command((write(models / "model.onnx", model), *REPORT))


# --- operators that do more than compute -------------------------------------------------------

_MICROSOFT = HEADER.replace("21]", '21, "com.microsoft" : 1, "ai.onnx.ml" : 3]')

OPERATORS: dict[str, str] = {
    "ep_context": """net (float[N, 3] x) => (float[N, 3] y) {
        y = com.microsoft.EPContext <main_context = 1, embed_mode = 0, source = "x",
            ep_cache_context = "../secret.bin"> (x) }""",
    "ep_context_embedded": """net (float[N, 3] x) => (float[N, 3] y) {
        y = com.microsoft.EPContext <main_context = 1, embed_mode = 1,
            ep_cache_context = "/etc/passwd"> (x) }""",
    "tokenizer": """net (string[N] x) => (string[N, M] y) {
        y = com.microsoft.Tokenizer <mark = 0, mincharnum = 1, pad_value = "p",
            tokenexp = "(((a*)*)*)*b"> (x) }""",
    "regex_replace": """net (string[N] x) => (string[N] y) {
        y = RegexFullMatch <pattern = "(?:a?){64}a{64}"> (x) }""",
    "tree_that_loops": """net (float[N, 3] x) => (float[N, 1] y) {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0],
            nodes_nodeids = [0, 1], nodes_featureids = [0, 0], nodes_values = [0.0, 0.0],
            nodes_modes = ["BRANCH_LEQ", "BRANCH_LEQ"], nodes_truenodeids = [1, 0],
            nodes_falsenodeids = [1, 0], target_treeids = [0], target_nodeids = [0],
            target_ids = [0], target_weights = [1.0]> (x) }""",
    "tree_out_of_range": """net (float[N, 3] x) => (float[N, 1] y) {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1000000000, nodes_treeids = [0, 0],
            nodes_nodeids = [0, 1], nodes_featureids = [99999999, 0], nodes_values = [0.0, 0.0],
            nodes_modes = ["BRANCH_LEQ", "LEAF"], nodes_truenodeids = [1, 0],
            nodes_falsenodeids = [1, 0], target_treeids = [0], target_nodeids = [1],
            target_ids = [-7], target_weights = [1.0]> (x) }""",
    "label_encoder": """net (int64[N] x) => (string[N] y) {
        y = ai.onnx.ml.LabelEncoder <keys_int64s = [1, 2, 3], values_strings = ["a"]> (x) }""",
    "tfidf": """net (string[N] x) => (float[M] y) {
        y = TfIdfVectorizer <max_gram_length = 2, max_skip_count = 1000000000,
            min_gram_length = 1, mode = "TF", ngram_counts = [0, 99999],
            ngram_indexes = [-5], pool_strings = ["a"]> (x) }""",
    "beam_search": """net (int32[N, M] x) => (int32[A, B, C] y) {
        n = Constant <value = int32[1] {2000000000}> ()
        y = com.microsoft.BeamSearch <decoder_start_token_id = 0, eos_token_id = 0,
            pad_token_id = 0> (x, n, , n, n) }""",
    "attention_no_heads": """net (float[N, 2, 4] x) => (float[N, 2, 4] y)
        <float[4, 12] w = {1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,
         1,1,1,1,1,1,1,1,1,1,1,1}, float[12] b = {1,1,1,1,1,1,1,1,1,1,1,1}> {
        y = com.microsoft.Attention <num_heads = 0> (x, w, b) }""",
    "svm": """net (float[N, 3] x) => (float[N, 1] y) {
        y = ai.onnx.ml.SVMRegressor <n_supports = 1000000000, coefficients = [1.0],
            support_vectors = [1.0], rho = [0.0], kernel_type = "RBF"> (x) }""",
    "unknown_domain": """net (float[N, 3] x) => (float[N, 3] y) {
        y = com.microsoft.NoSuchOperator <library = "/tmp/evil.so"> (x) }""",
}


def _operators() -> Iterator[Case]:
    for name, text in OPERATORS.items():
        kind = partial(Case, row="operators", time_limit=6, slow=True, seconds=20, needs=linux_only)
        checks = (unread("secret.bin"), silent_about("root:"))
        yield kind(f"operator_{name}", build=partial(_operator, text), checks=checks)
    told = (found("ARC001"),)
    yield Case("session_options_in_metadata", "operators", _session_options, told, slow=True)


def _operator(text: str, folder: Path) -> Command:
    canary(folder / "secret.bin", SECRET)
    model = parsed(_MICROSOFT + text)
    return Command((write(folder / "models" / "model.onnx", model), *REPORT))


def _session_options(folder: Path) -> Command:
    """onnxruntime may read options of a session from a model's metadata."""
    import json

    model = parsed(FLAWED)
    options = {
        "log_severity_level": 0,
        "enable_profiling": 1,
        "inter_op_num_threads": 10_000,
        "intra_op_num_threads": 10_000,
        "optimized_model_filepath": str(folder / "written.onnx"),
    }
    noted = json.dumps({"session_options": options})
    model.metadata_props.add(key="ort_config", value=noted)
    return Command((write(folder / "model.onnx", model), *REPORT))
