"""Random damage to a model, by its bytes and by its fields.

Everything comes from the `random.Random` that is handed in, so that a mutant can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from onnx import AttributeProto, ModelProto, NodeProto, defs

BYTES_SHARE = 0.3
"""So many mutants are damaged by their bytes; most of those are refused by protobuf at once."""

INTEGERS = (0, 1, -1, 2, 3, -5, 7, 16, 64, 65, 70, 255, 1000, 10**6, 2**31 - 1, 2**31, -(2**31),
            2**32, 2**62, 2**63 - 1, -(2**63))  # fmt: skip
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 3.4e38, -3.4e38, float("nan"), float("inf"), float("-inf"))
TEXTS = ("", "x", "y", "N", "0", "-1", "\0", "\x1b[31m", "a/b/../c", "../up", "/etc/hostname",
         "ai.onnx", "com.microsoft", "[]", "{[]: 1}", "[" * 3000, "nan", "1e999", "9" * 5000,
         "é\u202e\U0001f600", "name with spaces", "n" * 70_000, "weights.bin", "offset", "length",
         "location", "function:a::b", "%s{0}", "NOTSET", "SAME_UPPER", "ij,jk->ik", "->",
         "...")  # fmt: skip
METADATA = ("pkg.torch.onnx.name_scopes", "pkg.torch.onnx.stack_trace",
            "pkg.torch.onnx.class_hierarchy", "namespace")  # fmt: skip
BLOBS = (b"", b"\0", b"\xff" * 8, b"\x80\x80", b"text", b"\0" * 4096)
DEPTH = 12
"""Messages are put into each other this often at most."""

_TYPES = {
    "f": AttributeProto.FLOAT, "i": AttributeProto.INT, "s": AttributeProto.STRING,
    "t": AttributeProto.TENSOR, "g": AttributeProto.GRAPH, "floats": AttributeProto.FLOATS,
    "ints": AttributeProto.INTS, "strings": AttributeProto.STRINGS,
    "tensors": AttributeProto.TENSORS, "graphs": AttributeProto.GRAPHS,
    "sparse_tensor": AttributeProto.SPARSE_TENSOR, "tp": AttributeProto.TYPE_PROTO,
}  # fmt: skip
"""The fields of an attribute that hold its value."""


def damaged(random: Random, seeds: Sequence[ModelProto], *, gently: bool = False) -> bytes:
    """One mutant of one of the seeds; `gently` that has a chance to run."""
    seed = random.choice(seeds)
    if random.random() < (0.02 if gently else BYTES_SHARE):
        data = seed.SerializeToString()
        for _ in range(random.choice((1, 1, 2, 4, 16))):
            data = random.choice(BYTE_KINDS)(random, data)
        return data
    model = ModelProto()
    model.CopyFrom(seed)
    for _ in range(1 if gently else random.choice((1, 1, 2, 3, 6))):
        random.choice(FIELD_KINDS)(random, model, seeds)
    return model.SerializeToString()


# Bytes


def flip(random: Random, data: bytes) -> bytes:
    return _with(data, _at(random, data), lambda byte: byte ^ 1 << random.randrange(8))


def replace(random: Random, data: bytes) -> bytes:
    return _with(data, _at(random, data), lambda _: random.choice((0, 1, 0x7F, 0x80, 0xFF)))


def step(random: Random, data: bytes) -> bytes:
    """A small number, as the length of a field is one, plus or minus one."""
    return _with(data, _at(random, data), lambda byte: byte + random.choice((-1, 1)) & 0xFF)


def insert(random: Random, data: bytes) -> bytes:
    at = _at(random, data)
    return data[:at] + random.choice((random.randbytes(random.randrange(1, 9)), *BLOBS)) + data[at:]


def remove(random: Random, data: bytes) -> bytes:
    at = _at(random, data)
    return data[:at] + data[at + random.choice((1, 2, 8, 64)) :]


def truncate(random: Random, data: bytes) -> bytes:
    return data[: _at(random, data)]


def repeat(random: Random, data: bytes) -> bytes:
    at = _at(random, data)
    part = data[at : at + random.choice((1, 8, 64, 512))]
    return data[:at] + part * random.choice((2, 3, 10)) + data[at:]


def move(random: Random, data: bytes) -> bytes:
    at, to, size = _at(random, data), _at(random, data), random.choice((2, 16, 128))
    return data[:to] + data[at : at + size] + data[to:]


def long_number(random: Random, data: bytes) -> bytes:
    at = _at(random, data)
    return data[:at] + b"\xff" * random.choice((1, 4, 9, 10)) + b"\x01" + data[at + 1 :]


BYTE_KINDS: Sequence[Callable[[Random, bytes], bytes]] = (
    flip, flip, replace, step, step, insert, remove, truncate, repeat, move, long_number,
)  # fmt: skip


def _at(random: Random, data: bytes) -> int:
    return random.randrange(len(data)) if data else 0


def _with(data: bytes, at: int, change: Callable[[int], int]) -> bytes:
    return data[:at] + bytes(map(change, data[at : at + 1])) + data[at + 1 :]


# Fields

Message = Any
Fields = Callable[[Random, ModelProto, Sequence[ModelProto]], None]


def change_scalar(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """Any field of any message set to an extreme."""
    message = _any_message(random, model)
    _set(random, model, message, random.choice(_scalars(message)))


def change_text(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A name becomes another name of the model: cycles, redefinitions, missing values."""
    message = _any_message(random, model, "NodeProto", "ValueInfoProto", "TensorProto")
    named = [f for f in _scalars(message) if f.type == f.TYPE_STRING]
    _set(random, model, message, random.choice(named))


def change_attribute(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """An attribute gets a value of another type, with or without saying so."""
    attribute = _any_message(random, model, "AttributeProto")
    if not isinstance(attribute, AttributeProto):
        return
    field = random.choice(list(_TYPES))
    if random.random() < 0.7:
        for other in _TYPES:
            attribute.ClearField(other)
    _fill(random, model, attribute, _field(attribute, field), seeds)
    if random.random() < 0.8:
        attribute.type = _TYPES[field]


def change_operator(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A node gets another operator, and keeps what it has."""
    node = _any_message(random, model, "NodeProto")
    if isinstance(node, NodeProto):
        node.domain, node.op_type = random.choice(_operators())


def change_opset(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    if model.opset_import:
        version = random.choice((random.randrange(1, 30), random.choice(INTEGERS)))
        random.choice(model.opset_import).version = version


def change_slots(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A node's inputs or outputs: too few, too many, omitted, repeated."""
    node = _any_message(random, model, "NodeProto")
    if not isinstance(node, NodeProto):
        return
    names = random.choice((node.input, node.output))
    kind = random.randrange(5)
    if kind == 0 or not names:
        names.append(_text(random, model))
    elif kind == 1:
        del names[:]
    elif kind == 2:
        names[random.randrange(len(names))] = ""
    elif kind == 3:
        names.extend(list(names) * random.choice((1, 3)))
    else:
        names.pop(random.randrange(len(names)))


def change_dims(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """Dims of a tensor or of a declared type: huge, negative, many."""
    message = _any_message(random, model, "TensorProto", "TensorShapeProto")
    kind = random.randrange(4)
    if message.DESCRIPTOR.name == "TensorProto":
        if kind == 0 or not message.dims:
            message.dims.extend(
                random.choice(INTEGERS) for _ in range(random.choice((1, 1, 2, 70)))
            )
        elif kind == 1:
            del message.dims[random.randrange(len(message.dims)) :]
        else:
            message.dims[random.randrange(len(message.dims))] = random.choice(INTEGERS)
    elif message.DESCRIPTOR.name == "TensorShapeProto":
        if kind == 0 or not message.dim:
            for _ in range(random.choice((1, 1, 2, 70))):
                message.dim.add(dim_value=random.choice(INTEGERS))
        elif kind == 1:
            del message.dim[random.randrange(len(message.dim)) :]
        else:
            random.choice(message.dim).dim_value = random.choice(INTEGERS)


def change_element_type(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    message = _any_message(random, model, "TensorProto", "Tensor")
    element_type = random.choice((random.randrange(30), random.choice(INTEGERS)))
    name = "data_type" if message.DESCRIPTOR.name == "TensorProto" else "elem_type"
    if name in message.DESCRIPTOR.fields_by_name:
        setattr(message, name, _fitting_int32(element_type))


def move_outside(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A tensor says that its data lies in another file."""
    tensor = _any_message(random, model, "TensorProto")
    if tensor.DESCRIPTOR.name != "TensorProto":
        return
    tensor.data_location = 1
    locations = ("weights.bin", "\0inline", "model.onnx", *TEXTS)
    tensor.external_data.add(key="location", value=random.choice(locations))
    for key in ("offset", "length"):
        if random.random() < 0.6:
            text = random.choice((str(random.choice(INTEGERS)), random.choice(TEXTS)))
            tensor.external_data.add(key=key, value=text)
    if random.random() < 0.5:
        tensor.ClearField("raw_data")


def change_metadata(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    message = _any_message(random, model, "NodeProto", "ModelProto", "GraphProto")
    message.metadata_props.add(key=random.choice(METADATA), value=random.choice(TEXTS))


def drop_field(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    message = _any_message(random, model)
    filled = message.ListFields()
    if filled:
        message.ClearField(random.choice(filled)[0].name)


def drop_part(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """One of several, such as a node of a graph."""
    parts = _any_parts(random, model)
    if parts:
        del parts[random.randrange(len(parts))]


def duplicate_part(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    parts = _any_parts(random, model)
    if parts:
        part = random.choice(parts)
        for _ in range(random.choice((1, 1, 1, 40))):
            parts.extend([part])


def shuffle_parts(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    parts = _any_parts(random, model)
    if parts:
        order = [_copy(part) for part in parts]
        random.shuffle(order)
        del parts[:]
        parts.extend(order)


def swap_kind(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A message is replaced by one of its kind from this model or another."""
    message = _any_message(random, model)
    if message is model:
        return
    source = random.choice((model, random.choice(seeds)))
    same = [m for m in _messages(source) if m.DESCRIPTOR is message.DESCRIPTOR]
    if same:
        message.CopyFrom(_copy(random.choice(same)))


def fill_field(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A field that is not there yet gets a value."""
    message = _any_message(random, model)
    _fill(random, model, message, random.choice(message.DESCRIPTOR.fields), seeds)


def nest(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """A graph becomes a node's subgraph, several times over."""
    graphs = [m for m in _messages(model) if m.DESCRIPTOR.name == "GraphProto"]
    graph = _copy(random.choice(graphs or [model.graph]))
    for _ in range(random.choice((1, 2, DEPTH))):
        around = type(model.graph)(name="around")
        node = around.node.add(op_type=random.choice(("If", "Loop", "Scan", "Relu", "F")))
        node.input.append(_text(random, model))
        node.output.extend(output.name for output in graph.output)
        around.output.extend(graph.output)
        names = random.choice((["then_branch", "else_branch"], ["body"], ["other"]))
        for name in names:
            attribute = node.attribute.add(name=name, type=AttributeProto.GRAPH)
            attribute.g.CopyFrom(graph)
        graph = around
        if graph.ByteSize() > LARGEST_NEST:
            break
    if random.random() < 0.5:
        model.graph.CopyFrom(graph)
    else:
        model.graph.node.extend(graph.node)


LARGEST_NEST = 100_000


def make_function(random: Random, model: ModelProto, seeds: Sequence[ModelProto]) -> None:
    """The graph as a local function that it calls, with a default that holds a graph maybe."""
    domain, name = random.choice((("d", "F"), ("", "Relu"), ("", ""), random.choice(_operators())))
    function = model.functions.add(domain=domain, name=name)
    function.input.extend(value.name for value in model.graph.input)
    function.output.extend(value.name for value in model.graph.output)
    function.node.extend(model.graph.node)
    function.opset_import.extend(model.opset_import)
    if random.random() < 0.5:
        attribute = function.attribute_proto.add(name="default")
        _fill(random, model, attribute, _field(attribute, random.choice(list(_TYPES))), seeds)
    call = model.graph.node.add(op_type=name, domain=domain)
    call.input.extend(function.input)
    call.output.extend(f"called_{output}" for output in function.output)
    if random.random() < 0.3:  # it calls itself, or another
        random.choice(model.functions).node.add(op_type=name, domain=domain, input=["x"])
    if domain:
        model.opset_import.add(domain=domain, version=1)


FIELD_KINDS: Sequence[Fields] = (
    change_scalar, change_scalar, change_text, change_attribute, change_attribute, change_operator,
    change_opset, change_slots, change_slots, change_dims, change_dims, change_element_type,
    move_outside, change_metadata, drop_field, drop_field, drop_part, duplicate_part,
    shuffle_parts, swap_kind, swap_kind, fill_field, fill_field, nest, make_function,
)  # fmt: skip


def _messages(root: Message) -> list[Message]:
    """A message and all in it."""
    found = [root]
    for message in found:
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                found.extend((value,) if hasattr(value, "ListFields") else value)
    return found


def _any_message(random: Random, model: ModelProto, *names: str) -> Message:
    """A message of the model: kinds are as likely as each other, however many there are of each."""
    by_kind: dict[str, list[Message]] = {}
    for message in _messages(model):
        by_kind.setdefault(message.DESCRIPTOR.name, []).append(message)
    kinds = [name for name in by_kind if not names or name in names] or list(by_kind)
    return random.choice(by_kind[random.choice(kinds)])


def _any_parts(random: Random, model: ModelProto) -> Any:
    """A list that holds something, or None where the message has none."""
    lists = [value for _, value in _any_message(random, model).ListFields() if _is_list(value)]
    return random.choice(lists) if lists else None


def _is_list(value: Any) -> bool:
    return not isinstance(value, str | bytes) and hasattr(value, "__delitem__")


def _scalars(message: Message) -> list[Any]:
    fields = [f for f in message.DESCRIPTOR.fields if f.type != f.TYPE_MESSAGE]
    return fields or list(message.DESCRIPTOR.fields)


def _field(message: Message, name: str) -> Any:
    return message.DESCRIPTOR.fields_by_name[name]


def _copy(part: Any) -> Any:
    if not hasattr(part, "CopyFrom"):
        return part
    copy = type(part)()
    copy.CopyFrom(part)
    return copy


def _fill(
    random: Random, model: ModelProto, message: Message, field: Any, seeds: Sequence[ModelProto]
) -> None:
    """Puts a value into a field, of which kind ever."""
    if field.type != field.TYPE_MESSAGE:
        _set(random, model, message, field)
        return
    value = getattr(message, field.name)
    source = random.choice((model, random.choice(seeds)))
    same = [m for m in _messages(source) if m.DESCRIPTOR is field.message_type]
    small = [m for m in same if m.ByteSize() < LARGEST_NEST]
    given = _copy(random.choice(small)) if small and random.random() < 0.8 else None
    if hasattr(value, "CopyFrom"):
        value.SetInParent()
        if given is not None:
            value.CopyFrom(given)
    elif given is not None:
        value.extend([given])
    else:
        value.add()


def _set(random: Random, model: ModelProto, message: Message, field: Any) -> None:
    """Gives a field of numbers or text another value; of a list one element, or many more."""
    if field.type == field.TYPE_MESSAGE:
        return
    value = _scalar(random, model, field)
    current = getattr(message, field.name)
    if not _is_list(current):
        setattr(message, field.name, value)
    elif current and random.random() < 0.6:
        current[random.randrange(len(current))] = value
    else:
        current.extend([value] * random.choice((1, 1, 2, 100)))


def _scalar(random: Random, model: ModelProto, field: Any) -> Any:
    if field.type == field.TYPE_STRING:
        return _text(random, model)
    if field.type == field.TYPE_BYTES:
        return random.choice(
            (*BLOBS, random.randbytes(random.randrange(40)), _bytes_of_text(random))
        )
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return random.choice(FLOATS)
    if field.type == field.TYPE_ENUM:
        return random.choice(field.enum_type.values).number
    number = random.choice(INTEGERS)
    if field.type == field.TYPE_INT32:
        return _fitting_int32(number)
    return number % 2**64 if field.type == field.TYPE_UINT64 else number


def _fitting_int32(number: int) -> int:
    return max(-(2**31), min(2**31 - 1, number))


def _bytes_of_text(random: Random) -> bytes:
    return random.choice(TEXTS).encode()


def _text(random: Random, model: ModelProto) -> str:
    """A text that is strange, or a name that the model uses."""
    if random.random() < 0.4:
        return random.choice(TEXTS)
    nodes = list(model.graph.node)
    names = [name for node in nodes for name in (*node.input, *node.output, node.name)]
    names += [tensor.name for tensor in model.graph.initializer]
    return random.choice(names or [""])


_OPERATORS: list[tuple[str, str]] = []


def _operators() -> list[tuple[str, str]]:
    if not _OPERATORS:
        _OPERATORS.extend(sorted({(s.domain, s.name) for s in defs.get_all_schemas()}))
        _OPERATORS.extend(("com.microsoft", name) for name in _CONTRIB)
    return _OPERATORS


_CONTRIB = ("FusedConv", "FusedMatMul", "FusedGemm", "Gelu", "FastGelu", "BiasGelu", "Attention",
            "MultiHeadAttention", "SkipLayerNormalization", "QLinearAdd", "QLinearSigmoid",
            "DequantizeLinear", "QuantizeLinear", "MatMulNBits", "GroupNorm",
            "EmbedLayerNormalization", "RotaryEmbedding", "QAttention", "MatMulInteger16",
            "GroupQueryAttention", "QGemm")  # fmt: skip
