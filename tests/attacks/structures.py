"""Valid and broken models that are large in one way each: `STRUCTURES` maps a name to its maker.

Every maker takes the size `n`, to which the bytes of its model are proportional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

Maker = Callable[[int], ModelProto]

STRUCTURES: dict[str, Maker] = {}
"""Every structure by its name."""

LONG_NAME = 1_000_000
"""Characters of a name, at the most: one of 1 MB is as long as a whole model."""


def structure(maker: Maker) -> Maker:
    """Puts a maker into `STRUCTURES`."""
    STRUCTURES[maker.__name__] = maker
    return maker


def _node(op: str, inputs: Sequence[str], outputs: Sequence[str], **given: Any) -> NodeProto:
    return helper.make_node(op, inputs, outputs, **given)


def _info(name: str, dims: Sequence[Any] | None = ("N", 4), kind: int = 1) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def _weight(name: str, shape: Sequence[int] = (4,)) -> TensorProto:
    count = int(np.prod(shape))
    return numpy_helper.from_array(
        np.linspace(0.5, 1.5, count, dtype=np.float32).reshape(shape), name
    )


def _integers(name: str, *numbers: int) -> TensorProto:
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def _model(
    nodes: Iterable[NodeProto],
    inputs: Iterable[ValueInfoProto] = (),
    outputs: Iterable[ValueInfoProto] = (),
    initializers: Iterable[TensorProto] = (),
    value_info: Iterable[ValueInfoProto] = (),
    functions: Iterable[FunctionProto] = (),
    opsets: Sequence[tuple[str, int]] = (("", 21),),
) -> ModelProto:
    graph = GraphProto(name="net")
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.output.extend(outputs)
    graph.initializer.extend(initializers)
    graph.value_info.extend(value_info)
    model = ModelProto(graph=graph, ir_version=10)
    model.functions.extend(functions)
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    return model


def _x() -> list[ValueInfoProto]:
    return [_info("x")]


def _y(name: str = "y", dims: Sequence[Any] | None = None) -> list[ValueInfoProto]:
    return [_info(name, dims)]


def _chain_of(n: int, *ops: tuple[str, Sequence[str], dict[str, Any]], names: bool = True) -> Any:
    """Nodes one after the other from `v0` to `v<n>`; each op with further inputs, attributes."""
    for at in range(n):
        op, more, attributes = ops[at % len(ops)]
        given = attributes | ({"name": f"n{at}"} if names else {})
        yield _node(op, [f"v{at}", *more], [f"v{at + 1}"], **given)


def _chain(n: int, *ops: Any, weights: Iterable[TensorProto] = (), **given: Any) -> ModelProto:
    plain = [(op, (), {}) if isinstance(op, str) else op for op in ops]
    return _model(_chain_of(n, *plain, **given), [_info("v0")], _y(f"v{n}"), weights)


# Many nodes


@structure
def nodes(n: int) -> ModelProto:
    """A chain of cheap operators, two of which read the same weight."""
    return _chain(
        n, "Relu", ("Add", ["w"], {}), "Sigmoid", ("Mul", ["w"], {}), weights=[_weight("w")]
    )


@structure
def unnamed_nodes(n: int) -> ModelProto:
    """The same without names."""
    return _chain(n, "Relu", "Sigmoid", names=False)


@structure
def nodes_of_one_name(n: int) -> ModelProto:
    """All nodes have the same name."""
    return _model(
        (_node("Relu", [f"v{at}"], [f"v{at + 1}"], name="n") for at in range(n)),
        [_info("v0")],
        _y(f"v{n}"),
    )


@structure
def unused_nodes(n: int) -> ModelProto:
    """Nobody reads what they make."""
    unused = (_node("Relu", ["x"], [f"u{at}"]) for at in range(n))
    return _model([_node("Neg", ["x"], ["y"]), *unused], _x(), _y())


@structure
def unused_chain(n: int) -> ModelProto:
    """A chain that leads nowhere."""
    nodes = [_node("Neg", ["v0"], ["y"]), *_chain_of(n, ("Relu", (), {}))]
    return _model(nodes, [_info("v0")], _y())


@structure
def components(n: int) -> ModelProto:
    """As many graphs that have nothing to do with each other as there are nodes."""
    return _model(
        (_node("Relu", [f"x{at}"], [f"y{at}"]) for at in range(n)),
        (_info(f"x{at}") for at in range(n)),
        (_info(f"y{at}") for at in range(n)),
    )


@structure
def reversed_nodes(n: int) -> ModelProto:
    """A chain whose nodes stand in the wrong order."""
    nodes = [*_chain_of(n, ("Relu", (), {}))]
    return _model(nodes[::-1], [_info("v0")], _y(f"v{n}"))


@structure
def ring(n: int) -> ModelProto:
    """A chain that ends where it begins."""
    nodes = [*_chain_of(n, ("Identity", (), {}), ("Relu", (), {}))]
    nodes.append(_node("Identity", [f"v{n}"], ["v0"]))
    return _model(nodes, _x(), _y("v1"))


@structure
def ring_of_identities(n: int) -> ModelProto:
    """The same of Identity alone."""
    nodes = [*_chain_of(n, ("Identity", (), {})), _node("Identity", [f"v{n}"], ["v0"])]
    return _model(nodes, _x(), _y("v1"))


# Deep chains, which rules walk


def _deep(name: str, *ops: Any, weights: Iterable[TensorProto] = ()) -> None:
    def make(n: int) -> ModelProto:
        return _chain(n, *ops, weights=weights)

    make.__name__ = name
    make.__doc__ = f"A chain of nothing but {', '.join(str(op) for op in ops)}."
    structure(make)


_TURN = {"perm": [1, 0]}
_deep("identities", "Identity")
_deep("casts", ("Cast", (), {"to": 10}), ("Cast", (), {"to": 1}))
_deep("transposes", ("Transpose", (), _TURN))
_deep("reshapes", ("Reshape", ["s"], {}), weights=[_integers("s", -1, 4)])
_deep("squeezes", ("Unsqueeze", ["s"], {}), ("Squeeze", ["s"], {}), weights=[_integers("s", 0)])
_deep("dropouts", "Dropout")
_deep("adds", ("Add", ["w"], {}), weights=[_weight("w")])
_deep("muls", ("Mul", ["w"], {}), weights=[_weight("w")])
_deep("relus", "Relu")
_deep("softmaxes", "Softmax")
_deep("softmaxes_turned", "Softmax", ("Transpose", (), _TURN))
_deep("slices", ("Slice", ["s", "e"], {}), weights=[_integers("s", 0), _integers("e", 9)])
_deep("clips", "Clip")
_deep("nots", "Not")
_deep("wheres", ("Where", ["w", "w"], {}), weights=[_weight("w")])
_deep("concats", ("Concat", ["w"], {"axis": 0}), weights=[_weight("w", (1, 4))])
_deep("matmuls", ("MatMul", ["w"], {}), weights=[_weight("w", (4, 4))])
_deep(
    "matmuls_turned",
    ("MatMul", ["w"], {}),
    ("Transpose", (), _TURN),
    weights=[_weight("w", (4, 4))],
)
_deep("gemms", ("Gemm", ["w", "b"], {}), "Relu", weights=[_weight("w", (4, 4)), _weight("b")])
_deep(
    "affine_layers",
    ("MatMul", ["w"], {}),
    ("Add", ["b"], {}),
    weights=[_weight("w", (4, 4)), _weight("b")],
)
_deep(
    "convolutions",
    ("Conv", ["w"], {}),
    ("BatchNormalization", ["b", "b", "b", "b"], {}),
    "Relu",
    weights=[_weight("w", (4, 4, 1, 1)), _weight("b")],
)
_deep("batch_norms", ("BatchNormalization", ["b", "b", "b", "b"], {}), weights=[_weight("b")])
_deep("layer_norms", ("LayerNormalization", ["b"], {}), weights=[_weight("b")])
_deep("poolings", ("MaxPool", (), {"kernel_shape": [1, 1]}))
_deep(
    "recurrences",
    ("LSTM", ["w", "r"], {"hidden_size": 1}),
    weights=[_weight("w", (1, 4, 4)), _weight("r", (1, 4, 1))],
)
_deep(
    "quantisations",
    ("QuantizeLinear", ["s", "z"], {}),
    ("DequantizeLinear", ["s", "z"], {}),
    weights=[_weight("s", ()), numpy_helper.from_array(np.array(3, np.uint8), "z")],
)
_deep("random_operators", ("RandomNormalLike", (), {}))
_deep("exps", "Exp", "Log", "Sqrt", "Reciprocal")
_deep("vendor_operators", ("Gelu", (), {"domain": "com.microsoft"}))
_deep("unknown_operators", "NoSuchOperator")
_deep("einsums", ("Einsum", ["w"], {"equation": "ab,bc->ac"}), weights=[_weight("w", (4, 4))])
_deep(
    "where_masks", ("Where", ["w", "w"], {}), ("Add", ["w"], {}), "Softmax", weights=[_weight("w")]
)


@structure
def residuals(n: int) -> ModelProto:
    """Every block adds what it reads to what it makes: 2^n ways lead through."""
    nodes = []
    for at in range(n // 3):
        nodes += [
            _node("MatMul", [f"v{at}", "w"], [f"m{at}"]),
            _node("Relu", [f"m{at}"], [f"r{at}"]),
            _node("Add", [f"v{at}", f"r{at}"], [f"v{at + 1}"]),
        ]
    return _model(nodes, [_info("v0")], _y(f"v{n // 3}"), [_weight("w", (4, 4))])


@structure
def doublings(n: int) -> ModelProto:
    """Every node reads the one before twice."""
    nodes = (_node("Add", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"))


@structure
def doubled_masks(n: int) -> ModelProto:
    """The same of truths."""
    nodes = (_node("And", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(n))
    return _model(nodes, [_info("v0", kind=9)], [_info(f"v{n}", None, 9)])


@structure
def doubled_sizes(n: int) -> ModelProto:
    """Sizes added to themselves, and a condition at the end."""
    nodes = [_node("Shape", ["x"], ["v0"])]
    nodes += (_node("Add", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(n))
    return _model([*nodes, _node("Reshape", ["x", f"v{n}"], ["y"])], _x(), _y())


@structure
def skips(n: int) -> ModelProto:
    """Every node reads the input, too."""
    nodes = (_node("Add", [f"v{at}", "v0"], [f"v{at + 1}"]) for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"))


@structure
def late_meetings(n: int) -> ModelProto:
    """Two chains side by side, and each node of one reads the other's."""
    nodes = []
    for at in range(n // 2):
        nodes += [
            _node("Relu", [f"a{at}"], [f"a{at + 1}"]),
            _node("Add", [f"b{at}", f"a{at + 1}"], [f"b{at + 1}"]),
        ]
    return _model(nodes, [_info("a0"), _info("b0")], _y(f"b{n // 2}"))


@structure
def caterpillar(n: int) -> ModelProto:
    """A chain, and then every value of it is read by a chain that goes back."""
    half = n // 2
    nodes = [*_chain_of(half, ("Relu", (), {}))]
    nodes += (_node("Add", [f"w{at}", f"v{half - at}"], [f"w{at + 1}"]) for at in range(half))
    return _model(nodes, [_info("v0"), _info("w0")], _y(f"w{half}"))


@structure
def matmul_caterpillar(n: int) -> ModelProto:
    """The same with layers: U-shaped nets are such."""
    half = n // 2
    layers = (_node("MatMul", [f"v{at}", "w"], [f"v{at + 1}"]) for at in range(half))
    back = (_node("Add", [f"w{at}", f"v{half - at}"], [f"w{at + 1}"]) for at in range(half))
    first = _node("Identity", [f"v{half}"], ["w0"])
    return _model([*layers, first, *back], [_info("v0")], _y(f"w{half}"), [_weight("w", (4, 4))])


# Constants


def _constants(
    n: int, op: str, more: int = 0, attributes: Any = None, shape: Any = (4,), place: int = 1
) -> ModelProto:
    """n nodes that each read x and constants of their own."""
    names = [[f"w{at}_{slot}" for slot in range(1 + more)] for at in range(n)]
    nodes = (
        _node(op, [*own[: place - 1], "x", *own[place - 1 :]], [f"y{at}"], **(attributes or {}))
        for at, own in enumerate(names)
    )
    weights = (_weight(name, shape) for own in names for name in own)
    return _model(nodes, _x(), _y("y0"), weights)


@structure
def initializers(n: int) -> ModelProto:
    """Nobody reads them."""
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), (_weight(f"w{at}") for at in range(n)))


@structure
def read_initializers(n: int) -> ModelProto:
    """Each is read by a node of its own."""
    return _constants(n, "Add")


@structure
def scalar_initializers(n: int) -> ModelProto:
    """Each has one number, all the same."""
    scalars = (_weight(f"w{at}", ()) for at in range(n))
    nodes = [_node("Relu", ["x"], ["y"])]
    return _model(nodes, _x(), _y(), scalars)


@structure
def large_initializers(n: int) -> ModelProto:
    """Of 1,000 numbers each, all the same: copies."""
    weights = (_weight(f"w{at}", (1000,)) for at in range(n // 50))
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), weights)


@structure
def matrices(n: int) -> ModelProto:
    """Each is multiplied with by a layer of its own, one after the other."""
    nodes = (_node("MatMul", [f"v{at}", f"w{at}"], [f"v{at + 1}"]) for at in range(n))
    weights = (_weight(f"w{at}", (4, 4)) for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"), weights)


@structure
def parallel_matrices(n: int) -> ModelProto:
    """Each layer reads the input."""
    return _constants(n, "MatMul", shape=(4, 4))


@structure
def kernels(n: int) -> ModelProto:
    """A convolution for each, one after the other."""
    nodes = (_node("Conv", [f"v{at}", f"w{at}", f"b{at}"], [f"v{at + 1}"]) for at in range(n))
    weights = [_weight(f"w{at}", (4, 4, 1, 1)) for at in range(n)]
    weights += (_weight(f"b{at}") for at in range(n))
    return _model(nodes, [_info("v0", ("N", 4, 1, 1))], _y(f"v{n}"), weights)


@structure
def tables(n: int) -> ModelProto:
    """Each is looked up in, all at the same places."""
    nodes = (_node("Gather", [f"w{at}", "x"], [f"y{at}"]) for at in range(n))
    weights = (_weight(f"w{at}", (4, 4)) for at in range(n))
    return _model(nodes, [_info("x", kind=7)], _y("y0"), weights)


@structure
def initializers_of_one_name(n: int) -> ModelProto:
    """All have the same name."""
    return _model([_node("Add", ["x", "w"], ["y"])], _x(), _y(), (_weight("w") for _ in range(n)))


@structure
def initializers_of_two(n: int) -> ModelProto:
    """Every name stands twice."""
    weights = (_weight(f"w{at // 2}") for at in range(n))
    return _model([_node("Add", ["x", "w0"], ["y"])], _x(), _y(), weights)


@structure
def initializers_as_inputs(n: int) -> ModelProto:
    """As of old, each is an input, too."""
    model = read_initializers(n)
    model.graph.input.extend(_info(tensor.name, (4,)) for tensor in model.graph.initializer)
    return model


@structure
def sparse_initializers(n: int) -> ModelProto:
    """Sparse ones."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    for at in range(n):
        sparse = model.graph.sparse_initializer.add(dims=[9])
        sparse.values.CopyFrom(_weight(f"w{at}"))
        sparse.indices.CopyFrom(_integers("", 1, 3, 5, 7))
    return model


@structure
def constant_nodes(n: int) -> ModelProto:
    """Constant nodes, each read by a node of its own."""
    nodes = []
    for at in range(n // 2):
        nodes += [
            _node("Constant", [], [f"c{at}"], value=_weight("")),
            _node("Add", ["x", f"c{at}"], [f"y{at}"]),
        ]
    return _model(nodes, _x(), _y("y0"))


@structure
def plain_constants(n: int) -> ModelProto:
    """Constant nodes that spell numbers as attributes, and fills."""
    nodes = []
    for at in range(n // 2):
        nodes += [
            _node("Constant", [], [f"c{at}"], value_ints=[2, 2]),
            _node("ConstantOfShape", [f"c{at}"], [f"y{at}"]),
        ]
    return _model(nodes, _x(), _y("y0"))


@structure
def folded_constants(n: int) -> ModelProto:
    """A chain of nodes that depend on no input."""
    return _model(_chain_of(n, ("Relu", (), {})), _x(), _y(f"v{n}"), [_weight("v0")])


@structure
def identities_of_a_constant(n: int) -> ModelProto:
    """A chain of Identity behind a constant, each read by a layer."""
    nodes = [*_chain_of(n // 2, ("Identity", (), {}))]
    nodes += (_node("MatMul", ["x", f"v{at}"], [f"y{at}"]) for at in range(n // 2))
    return _model(nodes, _x(), _y("y0"), [_weight("v0", (4, 4))])


@structure
def casts_of_a_constant(n: int) -> ModelProto:
    """A chain of Cast behind a constant, each read by a layer."""
    nodes = [*_chain_of(n // 2, ("Cast", (), {"to": 1}))]
    nodes += (_node("MatMul", ["x", f"v{at}"], [f"y{at}"]) for at in range(n // 2))
    return _model(nodes, _x(), _y("y0"), [_weight("v0", (4, 4))])


@structure
def readers_of_one_weight(n: int) -> ModelProto:
    """One matrix, read by all layers."""
    return _model(
        (_node("MatMul", ["x", "w"], [f"y{at}"]) for at in range(n)),
        _x(),
        _y("y0"),
        [_weight("w", (4, 4))],
    )


@structure
def external_tensors(n: int) -> ModelProto:
    """Their data is said to lie in one file."""
    return _external(n, lambda at: "weights.bin")


@structure
def external_files(n: int) -> ModelProto:
    """Each is said to lie in a file of its own."""
    return _external(n, lambda at: f"w{at}.bin")


def _external(n: int, location: Callable[[int], str]) -> ModelProto:
    tensors = []
    for at in range(n):
        tensor = TensorProto(name=f"w{at}", data_type=1, dims=[4], data_location=1)
        for key, value in (("location", location(at)), ("offset", str(16 * at)), ("length", "16")):
            tensor.external_data.add(key=key, value=value)
        tensors.append(tensor)
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), tensors)


@structure
def overlapping_externals(n: int) -> ModelProto:
    """All at the same place of a file."""
    model = _external(n, lambda at: "weights.bin")
    for tensor in model.graph.initializer:
        tensor.external_data[1].value = "0"
    return model


@structure
def external_keys(n: int) -> ModelProto:
    """One tensor says where it lies in n ways."""
    model = _external(1, lambda at: "weights.bin")
    for at in range(n):
        model.graph.initializer[0].external_data.add(key=f"key{at}", value="value")
    return model


# Inputs and outputs


@structure
def inputs(n: int) -> ModelProto:
    """Each is read by a node of its own, and these are summed up."""
    nodes = [_node("Relu", [f"x{at}"], [f"v{at}"]) for at in range(n)]
    nodes.append(_node("Sum", [f"v{at}" for at in range(n)], ["y"]))
    return _model(nodes, (_info(f"x{at}") for at in range(n)), _y())


@structure
def unused_inputs(n: int) -> ModelProto:
    """Nobody reads them."""
    more = (_info(f"x{at}") for at in range(n))
    return _model([_node("Relu", ["x"], ["y"])], [*_x(), *more], _y())


@structure
def concatenated_inputs(n: int) -> ModelProto:
    """One node reads them all."""
    concat = _node("Concat", [f"x{at}" for at in range(n)], ["y"], axis=0)
    return _model([concat], (_info(f"x{at}") for at in range(n)), _y())


@structure
def inputs_in_a_chain(n: int) -> ModelProto:
    """One after the other is added: the first has n nodes behind it."""
    nodes = (_node("Add", [f"v{at}", f"x{at}"], [f"v{at + 1}"]) for at in range(n))
    return _model(nodes, [_info("v0"), *(_info(f"x{at}") for at in range(n))], _y(f"v{n}"))


@structure
def reshaped_inputs(n: int) -> ModelProto:
    """Inputs that tell shapes, behind each other."""
    nodes = (_node("Reshape", [f"v{at}", f"x{at}"], [f"v{at + 1}"]) for at in range(n))
    shapes = (_info(f"x{at}", (2,), 7) for at in range(n))
    return _model(nodes, [_info("v0"), *shapes], _y(f"v{n}"))


@structure
def looked_up_inputs(n: int) -> ModelProto:
    """Indices into one table."""
    nodes = (_node("Gather", ["w", f"x{at}"], [f"y{at}"]) for at in range(n))
    ids = (_info(f"x{at}", kind=7) for at in range(n))
    return _model(nodes, ids, _y("y0"), [_weight("w", (4, 4))])


@structure
def untyped_inputs(n: int) -> ModelProto:
    """Inputs without a type."""
    nodes = [_node("Sum", [f"x{at}" for at in range(n)], ["y"])]
    return _model(nodes, (ValueInfoProto(name=f"x{at}") for at in range(n)), _y())


@structure
def inputs_of_one_name(n: int) -> ModelProto:
    """All have the same name."""
    return _model([_node("Relu", ["x"], ["y"])], (_info("x") for _ in range(n)), _y())


@structure
def symbols(n: int) -> ModelProto:
    """Every dim of every input has a symbol of its own."""
    listed = (_info(f"x{at}", (f"a{at}", f"b{at}")) for at in range(n))
    return _model([_node("Sum", [f"x{at}" for at in range(n)], ["y"])], listed, _y())


@structure
def outputs(n: int) -> ModelProto:
    """Each is made by a node of its own from the same input."""
    nodes = (_node("Relu", ["x"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), (_info(f"y{at}") for at in range(n)))


@structure
def outputs_of_a_chain(n: int) -> ModelProto:
    """Every value of a chain is one."""
    nodes = _chain_of(n, ("Relu", (), {}))
    return _model(nodes, [_info("v0")], (_info(f"v{at + 1}") for at in range(n)))


@structure
def layer_outputs(n: int) -> ModelProto:
    """Every value of a chain of layers is one, and its softmax another."""
    half, nodes = n // 2, []
    for at in range(half):
        nodes += [
            _node("MatMul", [f"v{at}", "w"], [f"v{at + 1}"]),
            _node("Softmax", [f"v{at + 1}"], [f"s{at}"]),
        ]
    listed = [_info(f"v{at + 1}") for at in range(half)] + [_info(f"s{at}") for at in range(half)]
    return _model(nodes, [_info("v0")], listed, [_weight("w", (4, 4))])


@structure
def outputs_of_a_split(n: int) -> ModelProto:
    """One node makes them all."""
    split = _node("Split", ["x"], [f"y{at}" for at in range(n)], num_outputs=n)
    return _model([split], _x(), (_info(f"y{at}") for at in range(n)))


@structure
def split_and_concat(n: int) -> ModelProto:
    """One node makes n values, and one reads them."""
    names = [f"v{at}" for at in range(n)]
    split = _node("Split", ["x"], names, num_outputs=n)
    return _model([split, _node("Concat", names, ["y"], axis=0)], _x(), _y())


@structure
def undefined_outputs(n: int) -> ModelProto:
    """Nothing makes them."""
    listed = [_info("y"), *(_info(f"y{at}") for at in range(n))]
    return _model([_node("Relu", ["x"], ["y"])], _x(), listed)


@structure
def outputs_of_one_name(n: int) -> ModelProto:
    """The same value n times."""
    return _model([_node("Relu", ["x"], ["y"])], _x(), (_info("y") for _ in range(n)))


@structure
def shapeless_outputs(n: int) -> ModelProto:
    """Nothing is declared of them."""
    nodes = (_node("Relu", ["x"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), (ValueInfoProto(name=f"y{at}") for at in range(n)))


@structure
def inputs_as_outputs(n: int) -> ModelProto:
    """What comes in goes out."""
    listed = [_info(f"x{at}") for at in range(n)]
    return _model([_node("Relu", ["x0"], ["y"])], listed, [*listed, _info("y")])


@structure
def softmax_outputs(n: int) -> ModelProto:
    """Each is a prediction."""
    nodes = (_node("Softmax", ["x"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), (_info(f"y{at}") for at in range(n)))


# Wide nodes and values


@structure
def operands(n: int) -> ModelProto:
    """One node reads n constants."""
    node = _node("Sum", ["x", *(f"w{at}" for at in range(n))], ["y"])
    return _model([node], _x(), _y(), (_weight(f"w{at}") for at in range(n)))


@structure
def equal_operands(n: int) -> ModelProto:
    """One node reads one value n times."""
    return _model([_node("Sum", ["x"] * n, ["y"])], _x(), _y())


@structure
def equal_operands_of_a_node(n: int) -> ModelProto:
    """One node reads what another makes n times, and a third reads that."""
    nodes = [
        _node("Relu", ["x"], ["v"]),
        _node("Concat", ["v"] * n, ["w"], axis=0),
        _node("Relu", ["w"], ["y"]),
    ]
    return _model(nodes, _x(), _y())


@structure
def undefined_operands(n: int) -> ModelProto:
    """Nothing makes what a node reads."""
    return _model([_node("Sum", [f"v{at}" for at in range(n)], ["y"])], _x(), _y())


@structure
def undefined_values(n: int) -> ModelProto:
    """Nothing makes what n nodes read."""
    return _model((_node("Relu", [f"v{at}"], [f"y{at}"]) for at in range(n)), _x(), _y("y0"))


@structure
def omitted_operands(n: int) -> ModelProto:
    """All but one are left out."""
    return _model([_node("Sum", ["x", *[""] * n], ["y"])], _x(), _y())


@structure
def readers(n: int) -> ModelProto:
    """One value is read by n nodes, whose results are summed up."""
    nodes = [_node("Relu", ["x"], ["v"])]
    nodes += (_node("Neg", ["v"], [f"v{at}"]) for at in range(n))
    nodes.append(_node("Sum", [f"v{at}" for at in range(n)], ["y"]))
    return _model(nodes, _x(), _y())


@structure
def different_readers(n: int) -> ModelProto:
    """The same, with operators that only carry numbers on."""
    ops = [
        ("Identity", {}),
        ("Cast", {"to": 1}),
        ("Transpose", _TURN),
        ("Dropout", {}),
        ("Relu", {}),
        ("Softmax", {}),
        ("Shape", {}),
        ("Size", {}),
    ]
    nodes = [_node("MatMul", ["x", "w"], ["v"])]
    for at in range(n):
        op, given = ops[at % len(ops)]
        nodes.append(_node(op, ["v"], [f"y{at}"], **given))
    return _model(nodes, _x(), _y("y0"), [_weight("w", (4, 4))])


@structure
def readers_of_a_layer(n: int) -> ModelProto:
    """One layer's result is read by n layers."""
    nodes = [_node("MatMul", ["x", "w"], ["v"])]
    nodes += (_node("MatMul", ["v", "w"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), _y("y0"), [_weight("w", (4, 4))])


@structure
def readers_of_a_softmax(n: int) -> ModelProto:
    """One softmax is read by n of them."""
    nodes = [_node("Softmax", ["x"], ["v"])]
    nodes += (_node("Softmax", ["v"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), _y("y0"))


@structure
def equal_readers(n: int) -> ModelProto:
    """n nodes read the input, and each twice."""
    nodes = (_node("Mul", ["x", "x"], [f"y{at}"]) for at in range(n))
    return _model(nodes, _x(), _y("y0"))


@structure
def values_of_one_name(n: int) -> ModelProto:
    """n nodes make a value of the same name."""
    return _model((_node("Relu", ["x"], ["y"]) for _ in range(n)), _x(), _y())


@structure
def outputs_of_one_node_of_one_name(n: int) -> ModelProto:
    """One node makes n values of the same name."""
    return _model([_node("Split", ["x"], ["y"] * n, num_outputs=n)], _x(), _y())


# Declarations


@structure
def value_infos(n: int) -> ModelProto:
    """A declaration for every value of a chain."""
    nodes = _chain_of(n, ("Relu", (), {}))
    infos = (_info(f"v{at + 1}") for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"), (), infos)


@structure
def wrong_value_infos(n: int) -> ModelProto:
    """Declarations that are none of what comes out."""
    nodes = (_node("Relu", ["x"], [f"y{at}"]) for at in range(n))
    infos = (_info(f"y{at}", (3, 3)) for at in range(1, n))
    return _model(nodes, [_info("x", (4, 4))], _y("y0"), (), infos)


@structure
def value_infos_of_nothing(n: int) -> ModelProto:
    """Declarations of values that are not there."""
    infos = (_info(f"v{at}") for at in range(n))
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), (), infos)


@structure
def value_infos_of_one_name(n: int) -> ModelProto:
    """The same declaration n times."""
    nodes = [_node("Relu", ["x"], ["v"]), _node("Relu", ["v"], ["y"])]
    return _model(nodes, _x(), _y(), (), (_info("v") for _ in range(n)))


@structure
def dims_of_an_input(n: int) -> ModelProto:
    """An input of n axes."""
    return _model([_node("Relu", ["x"], ["y"])], [_info("x", ["N"] + [1] * n)], _y())


@structure
def symbols_of_an_input(n: int) -> ModelProto:
    """An input of n axes, each with a symbol."""
    dims = [f"s{at}" for at in range(n)]
    return _model([_node("Relu", ["x"], ["y"])], [_info("x", dims)], _y())


@structure
def dims_of_a_tensor(n: int) -> ModelProto:
    """A constant of n axes."""
    tensor = TensorProto(name="w", data_type=1, dims=[1] * n, float_data=[2.0])
    return _model([_node("Add", ["x", "w"], ["y"])], _x(), _y(), [tensor])


@structure
def nested_types(n: int) -> ModelProto:
    """n inputs, each a sequence of sequences 20 deep."""
    info = TypeProto()
    inner = info
    for _ in range(20):
        inner = inner.sequence_type.elem_type
    inner.tensor_type.elem_type = 1
    listed = (ValueInfoProto(name=f"x{at}", type=info) for at in range(n // 20))
    return _model([_node("Relu", ["x"], ["y"])], [*_x(), *listed], _y())


# Attributes and metadata


@structure
def attributes(n: int) -> ModelProto:
    """One node of a known operator has n attributes that it has not."""
    many = {f"a{at}": at for at in range(n)}
    return _model([_node("Softmax", ["x"], ["y"], **many)], _x(), _y())


@structure
def attributes_of_a_vendor(n: int) -> ModelProto:
    """One node of an unknown operator has n attributes."""
    node = _node("Any", ["x"], ["y"], domain="com.example", **{f"a{at}": 1.0 for at in range(n)})
    return _model([node], _x(), _y(), opsets=[("", 21), ("com.example", 1)])


@structure
def attributes_of_one_name(n: int) -> ModelProto:
    """n attributes of the same name."""
    node = _node("Softmax", ["x"], ["y"])
    node.attribute.extend(helper.make_attribute("axis", 0) for _ in range(n))
    return _model([node], _x(), _y())


@structure
def tensor_attributes(n: int) -> ModelProto:
    """One node holds n tensors, each in an attribute of its own."""
    node = _node(
        "Any", ["x"], ["y"], domain="com.example", **{f"a{at}": _weight("") for at in range(n)}
    )
    return _model([node], _x(), _y(), opsets=[("", 21), ("com.example", 1)])


@structure
def tensors_of_an_attribute(n: int) -> ModelProto:
    """One attribute holds n tensors."""
    attribute = AttributeProto(name="a", type=AttributeProto.TENSORS)
    attribute.tensors.extend(_weight("") for _ in range(n))
    node = _node("Any", ["x"], ["y"], domain="com.example")
    node.attribute.append(attribute)
    return _model([node], _x(), _y(), opsets=[("", 21), ("com.example", 1)])


@structure
def numbers_of_an_attribute(n: int) -> ModelProto:
    """One attribute holds n numbers."""
    return _model([_node("Transpose", ["x"], ["y"], perm=[*range(n)])], _x(), _y())


@structure
def texts_of_an_attribute(n: int) -> ModelProto:
    """One attribute holds n texts."""
    texts = [f"label {at}" for at in range(n)]
    node = _node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_strings=texts)
    return _model([node], _x(), _y(), opsets=[("", 21), ("ai.onnx.ml", 3)])


@structure
def node_metadata(n: int) -> ModelProto:
    """One node has n entries of metadata."""
    node = _node("Relu", ["x"], ["y"])
    for at in range(n):
        node.metadata_props.add(key=f"key{at}", value="value")
    return _model([node], _x(), _y())


@structure
def node_metadata_and_tensors(n: int) -> ModelProto:
    """One node has n entries of metadata and n tensors."""
    model = tensors_of_an_attribute(n // 2)
    for at in range(n // 2):
        model.graph.node[0].metadata_props.add(key=f"key{at}", value="value")
    return model


@structure
def node_metadata_and_faults(n: int) -> ModelProto:
    """One node has n entries of metadata, and n attributes that are at fault."""
    model = attributes(n // 2)
    for at in range(n // 2):
        model.graph.node[0].metadata_props.add(key=f"key{at}", value="value")
    return model


@structure
def split_with_metadata(n: int) -> ModelProto:
    """One node has n entries of metadata, and n outputs of a name that is taken."""
    node = _node("Split", ["x"], ["y"] * (n // 2), num_outputs=n // 2)
    for at in range(n // 2):
        node.metadata_props.add(key=f"key{at}", value="value")
    return _model([node], _x(), _y())


@structure
def exporter_metadata(n: int) -> ModelProto:
    """Every node tells its module and its stack, as PyTorch's exporter writes it."""
    model = unused_nodes(n)
    trace = "".join(f'File "/home/me/net{at}.py", line {at}, in forward\n' for at in range(5))
    for at, node in enumerate(model.graph.node):
        names = f"['', 'layer{at}', 'layer{at}.act', 'relu']"
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=names)
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    return model


@structure
def model_metadata(n: int) -> ModelProto:
    """The model has n entries of metadata, in pairs of one key."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    for at in range(n):
        model.metadata_props.add(key=f"key{at // 2}", value=f"/home/me/{at}")
    return model


@structure
def long_stack(n: int) -> ModelProto:
    """One node's stack has n frames, and n nodes' names are deep paths."""
    model = _model([_node("Relu", ["x"], ["y"], name="/a" * n)], _x(), _y())
    trace = 'File "/home/me/net.py", line 7, in forward\n' * (n // 4)
    model.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    return model


@structure
def long_names(n: int) -> ModelProto:
    """Names of n characters each, of everything."""
    name = "a" * min(n, LONG_NAME)
    nodes = [
        _node("MatMul", [f"{name}x", f"{name}w"], [f"{name}v"], name=name),
        _node("Softmax", [f"{name}v"], [f"{name}y"], name=f"/{name}/{name}"),
    ]
    return _model(nodes, [_info(f"{name}x")], _y(f"{name}y"), [_weight(f"{name}w", (4, 4))])


@structure
def long_texts(n: int) -> ModelProto:
    """Documentation of n characters of paths, of slashes, of blanks."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    model.doc_string = "/home/me/" * (n // 9)
    model.graph.doc_string = "/" * n
    model.graph.node[0].doc_string = " " * n
    model.producer_name = "C:\\Users\\me\\" * (n // 12)
    return model


@structure
def module_names(n: int) -> ModelProto:
    """Every node has a path for a name, and is at fault."""
    nodes = [_node("Neg", ["x"], ["y"])]
    nodes += (_node("NoSuch", ["x"], [f"u{at}"], name=f"/layer{at}/act/Relu") for at in range(n))
    return _model(nodes, _x(), _y())


# Functions, opsets, subgraphs


def _function(
    name: str,
    nodes: Iterable[NodeProto],
    inputs: Sequence[str] = ("a",),
    outputs: Sequence[str] = ("b",),
    domain: str = "local",
) -> FunctionProto:
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    return helper.make_function(domain, name, inputs, outputs, [*nodes], opsets)


_LOCAL = (("", 21), ("local", 1))


@structure
def functions(n: int) -> ModelProto:
    """Nobody calls them."""
    local = (_function(f"F{at}", [_node("Relu", ["a"], ["b"])]) for at in range(n))
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), functions=local, opsets=_LOCAL)


@structure
def called_functions(n: int) -> ModelProto:
    """Each is called once."""
    local = (_function(f"F{at}", [_node("Relu", ["a"], ["b"])]) for at in range(n // 2))
    nodes = (_node(f"F{at}", [f"v{at}"], [f"v{at + 1}"], domain="local") for at in range(n // 2))
    return _model(nodes, [_info("v0")], _y(f"v{n // 2}"), functions=local, opsets=_LOCAL)


@structure
def nested_calls(n: int) -> ModelProto:
    """Each calls the next one: n deep."""
    local = [
        _function(f"F{at}", [_node(f"F{at + 1}", ["a"], ["b"], domain="local")]) for at in range(n)
    ]
    local.append(_function(f"F{n}", [_node("Relu", ["a"], ["b"])]))
    nodes = [_node("F0", ["x"], ["y"], domain="local")]
    return _model(nodes, _x(), _y(), functions=local, opsets=_LOCAL)


@structure
def nested_calls_with_layers(n: int) -> ModelProto:
    """The same, called by n nodes of the main graph, with a layer at the end."""
    half = n // 2
    local = [
        _function(f"F{at}", [_node(f"F{at + 1}", ["a", "w"], ["b"], domain="local")], ("a", "w"))
        for at in range(half)
    ]
    local.append(_function(f"F{half}", [_node("MatMul", ["a", "w"], ["b"])], ("a", "w")))
    nodes = (_node("F0", [f"v{at}", "w"], [f"v{at + 1}"], domain="local") for at in range(half))
    return _model(
        nodes, [_info("v0")], _y(f"v{half}"), [_weight("w", (4, 4))], functions=local, opsets=_LOCAL
    )


@structure
def ring_of_calls(n: int) -> ModelProto:
    """The last one calls the first one."""
    local = (
        _function(f"F{at}", [_node(f"F{(at + 1) % n}", ["a"], ["b"], domain="local")])
        for at in range(n)
    )
    nodes = [_node("F0", ["x"], ["y"], domain="local")]
    return _model(nodes, _x(), _y(), functions=local, opsets=_LOCAL)


@structure
def calls_of_one_function(n: int) -> ModelProto:
    """n nodes call a function of n nodes."""
    half = n // 2
    inner = [_node("Relu", ["a"], ["v0"]), *_chain_of(half, ("Relu", (), {}))]
    inner.append(_node("Neg", [f"v{half}"], ["b"]))
    nodes = (_node("F", [f"v{at}"], [f"v{at + 1}"], domain="local") for at in range(half))
    return _model(
        nodes, [_info("v0")], _y(f"v{half}"), functions=[_function("F", inner)], opsets=_LOCAL
    )


@structure
def functions_of_one_name(n: int) -> ModelProto:
    """All have the same name."""
    local = (_function("F", [_node("Relu", ["a"], ["b"])]) for _ in range(n))
    nodes = [_node("F", ["x"], ["y"], domain="local")]
    return _model(nodes, _x(), _y(), functions=local, opsets=_LOCAL)


@structure
def inputs_of_a_function(n: int) -> ModelProto:
    """A function of n inputs, outputs and attributes."""
    third = n // 3
    local = _function(
        "F",
        [_node("Relu", [f"a{at}"], [f"b{at}"]) for at in range(third)],
        [f"a{at}" for at in range(third)],
        [f"b{at}" for at in range(third)],
    )
    local.attribute.extend(f"c{at}" for at in range(third))
    node = _node("F", ["x"] * third, [f"y{at}" for at in range(third)], domain="local")
    return _model([node], _x(), _y("y0"), functions=[local], opsets=_LOCAL)


@structure
def opset_imports(n: int) -> ModelProto:
    """n domains that nobody uses."""
    domains = [("", 21), *((f"domain{at}", 1) for at in range(n))]
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), opsets=domains)


@structure
def used_domains(n: int) -> ModelProto:
    """n domains, each of one node."""
    half = n // 2
    domains = [("", 21), *((f"domain{at}", 1) for at in range(half))]
    nodes = (_node("Any", [f"v{at}"], [f"v{at + 1}"], domain=f"domain{at}") for at in range(half))
    return _model(nodes, [_info("v0")], _y(f"v{half}"), opsets=domains)


@structure
def missing_domains(n: int) -> ModelProto:
    """n domains, each of one node, none of them imported."""
    nodes = (_node("Any", [f"v{at}"], [f"v{at + 1}"], domain=f"domain{at}") for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"))


@structure
def operator_names(n: int) -> ModelProto:
    """Every node is of another operator."""
    nodes = (_node(f"Op{at}", [f"v{at}"], [f"v{at + 1}"]) for at in range(n))
    return _model(nodes, [_info("v0")], _y(f"v{n}"))


@structure
def imports_of_one_domain(n: int) -> ModelProto:
    """One domain n times."""
    domains = [("", 21), *(("domain", at + 1) for at in range(n))]
    return _model([_node("Relu", ["x"], ["y"])], _x(), _y(), opsets=domains)


@structure
def imports_and_functions(n: int) -> ModelProto:
    """n domains, and n functions that import nothing."""
    model = opset_imports(n // 2)
    for at in range(n // 2):
        local = model.functions.add(domain="local", name=f"F{at}")
        local.input.append("a")
        local.output.append("b")
        local.node.append(_node("Relu", ["a"], ["b"]))
    return model


def _graph(name: str, nodes: Iterable[NodeProto], output: str) -> GraphProto:
    return helper.make_graph([*nodes], name, [], [_info(output, None)])


def _branch(name: str, read: str) -> GraphProto:
    return _graph(name, [_node("Relu", [read], [f"{name}_y"])], f"{name}_y")


@structure
def conditionals(n: int) -> ModelProto:
    """n nodes with two subgraphs, which read the main graph's input."""
    nodes = (
        _node(
            "If",
            ["c"],
            [f"y{at}"],
            then_branch=_branch(f"t{at}", "x"),
            else_branch=_branch(f"e{at}", "x"),
        )
        for at in range(n // 2)
    )
    return _model(nodes, [*_x(), _info("c", (), 9)], _y("y0"))


@structure
def chained_conditionals(n: int) -> ModelProto:
    """The same, one after the other."""
    nodes = (
        _node(
            "If",
            ["c"],
            [f"v{at + 1}"],
            then_branch=_branch(f"t{at}", f"v{at}"),
            else_branch=_branch(f"e{at}", f"v{at}"),
        )
        for at in range(n // 2)
    )
    return _model(nodes, [_info("v0"), _info("c", (), 9)], _y(f"v{n // 2}"))


@structure
def subgraphs_of_a_node(n: int) -> ModelProto:
    """One node with n graphs."""
    attribute = AttributeProto(name="graphs", type=AttributeProto.GRAPHS)
    attribute.graphs.extend(_branch(f"g{at}", "x") for at in range(n))
    node = _node("Any", ["x"], ["y"], domain="com.example")
    node.attribute.append(attribute)
    return _model([node], _x(), _y(), opsets=[("", 21), ("com.example", 1)])


@structure
def equal_subgraph(n: int) -> ModelProto:
    """Two branches of n nodes each, all the same."""

    def branch(name: str) -> GraphProto:
        nodes = [_node("Relu", ["x"], ["v0"]), *_chain_of(n // 2, ("Relu", (), {}))]
        return _graph(name, nodes, f"v{n // 2}")

    node = _node("If", ["c"], ["y"], then_branch=branch("t"), else_branch=branch("e"))
    return _model([node], [*_x(), _info("c", (), 9)], _y())


@structure
def deep_subgraphs(n: int) -> ModelProto:
    """n nodes, nested 20 deep; protobuf itself allows no more than some 30."""
    deepest = _graph("g20", [*_chain_of(n // 2, ("Relu", (), {}))], f"v{n // 2}")
    for level in range(20, 0, -1):
        branches = {"then_branch": deepest, "else_branch": _branch(f"e{level}", "x")}
        deepest = _graph(
            f"g{level - 1}", [_node("If", ["c"], [f"d{level}"], **branches)], f"d{level}"
        )
    nodes = [*deepest.node]
    nodes += (_node("Relu", ["x"], [f"r{at}"]) for at in range(n // 2))
    return _model(nodes, [*_x(), _info("c", (), 9)], _y("d1"), [_weight("v0")])


@structure
def outputs_of_a_subgraph(n: int) -> ModelProto:
    """Two branches that each hand out n values of the main graph."""
    third = n // 3

    def branch(name: str) -> GraphProto:
        return helper.make_graph([], name, [], [_info(f"v{at}", None) for at in range(third)])

    nodes = [_node("Relu", ["x"], [f"v{at}"]) for at in range(third)]
    nodes.append(
        _node(
            "If",
            ["c"],
            [f"y{at}" for at in range(third)],
            then_branch=branch("t"),
            else_branch=branch("e"),
        )
    )
    return _model(nodes, [*_x(), _info("c", (), 9)], _y("y0"))


@structure
def one_value_handed_out(n: int) -> ModelProto:
    """n branches hand out the same value of the main graph."""

    def branch(name: str) -> GraphProto:
        return helper.make_graph([], name, [], [_info("v", None)])

    nodes = [_node("Relu", ["x"], ["v"])]
    nodes += (
        _node("If", ["c"], [f"y{at}"], then_branch=branch("t"), else_branch=branch("e"))
        for at in range(n // 2)
    )
    return _model(nodes, [*_x(), _info("c", (), 9)], _y("y0"))


@structure
def shadowed_names(n: int) -> ModelProto:
    """A subgraph defines again what the main graph defines."""
    half = n // 2
    nodes = [*_chain_of(half, ("Relu", (), {}))]
    inner = _graph(
        "t", [_node("Neg", ["v0"], ["v1"]), *list(_chain_of(half, ("Neg", (), {})))[1:]], f"v{half}"
    )
    node = _node("If", ["c"], ["y"], then_branch=inner, else_branch=_branch("e", "v1"))
    return _model([*nodes, node], [_info("v0"), _info("c", (), 9)], _y())


@structure
def captured_values(n: int) -> ModelProto:
    """A loop whose body reads n values of the main graph."""
    half = n // 2
    nodes = [_node("Relu", ["x"], [f"v{at}"]) for at in range(half)]
    inner = [_node("Identity", ["go"], ["on"])]
    inner += (
        _node("Add", ["s" if not at else f"s{at}", f"v{at}"], [f"s{at + 1}"]) for at in range(half)
    )
    body = helper.make_graph(
        inner,
        "body",
        [_info("i", (), 7), _info("go", (), 9), _info("s", None)],
        [_info("on", (), 9), _info(f"s{half}", None)],
    )
    nodes.append(_node("Loop", ["", "c", "x"], ["y"], body=body))
    return _model(nodes, [*_x(), _info("c", (), 9)], _y())


@structure
def loops(n: int) -> ModelProto:
    """n loops one after the other."""
    quarter, nodes = n // 4, []
    for at in range(quarter):
        body = helper.make_graph(
            [_node("Identity", ["go"], ["on"]), _node("MatMul", ["s", "w"], ["t"])],
            "body",
            [_info("i", (), 7), _info("go", (), 9), _info("s", None)],
            [_info("on", (), 9), _info("t", None)],
        )
        nodes.append(_node("Loop", ["m", "c", f"v{at}"], [f"v{at + 1}"], body=body))
    return _model(
        nodes,
        [_info("v0"), _info("c", (), 9), _info("m", (), 7)],
        _y(f"v{quarter}"),
        [_weight("w", (4, 4))],
    )


# Parts of nets


@structure
def attentions(n: int) -> ModelProto:
    """Blocks of attention with masks, one after the other."""
    nodes = []
    for at in range(n // 8):
        nodes += [
            _node("MatMul", [f"v{at}", "w"], [f"q{at}"]),
            _node("Transpose", [f"q{at}"], [f"k{at}"], perm=[1, 0]),
            _node("MatMul", [f"q{at}", f"k{at}"], [f"a{at}"]),
            _node("Where", ["mask", f"a{at}", "low"], [f"m{at}"]),
            _node("Softmax", [f"m{at}"], [f"s{at}"]),
            _node("MatMul", [f"s{at}", f"q{at}"], [f"o{at}"]),
            _node("Add", [f"o{at}", f"v{at}"], [f"r{at}"]),
            _node("LayerNormalization", [f"r{at}", "b"], [f"v{at + 1}"]),
        ]
    low = numpy_helper.from_array(np.array(-np.inf, np.float32), "low")
    inputs = [_info("v0", (4, 4)), _info("mask", (4, 4), 9)]
    weights = [_weight("w", (4, 4)), _weight("b"), low]
    return _model(nodes, inputs, _y(f"v{n // 8}"), weights)


@structure
def normalisations(n: int) -> ModelProto:
    """Layer normalisations that are written out, one after the other."""
    nodes = []
    for at in range(n // 7):
        nodes += [
            _node("ReduceMean", [f"v{at}"], [f"m{at}"]),
            _node("Sub", [f"v{at}", f"m{at}"], [f"d{at}"]),
            _node("Pow", [f"d{at}", "two"], [f"s{at}"]),
            _node("ReduceMean", [f"s{at}"], [f"a{at}"]),
            _node("Add", [f"a{at}", "epsilon"], [f"e{at}"]),
            _node("Sqrt", [f"e{at}"], [f"r{at}"]),
            _node("Div", [f"d{at}", f"r{at}"], [f"v{at + 1}"]),
        ]
    weights = [
        numpy_helper.from_array(np.array(2, np.float32), "two"),
        numpy_helper.from_array(np.array(1e-5, np.float32), "epsilon"),
    ]
    return _model(nodes, [_info("v0")], _y(f"v{n // 7}"), weights)


@structure
def shape_subgraphs(n: int) -> ModelProto:
    """Sizes that are taken apart and put together, one reshape after the other."""
    nodes = []
    for at in range(n // 5):
        nodes += [
            _node("Shape", [f"v{at}"], [f"s{at}"]),
            _node("Gather", [f"s{at}", "zero"], [f"g{at}"]),
            _node("Unsqueeze", [f"g{at}", "zero"], [f"u{at}"]),
            _node("Concat", [f"u{at}", "rest"], [f"c{at}"], axis=0),
            _node("Reshape", [f"v{at}", f"c{at}"], [f"v{at + 1}"]),
        ]
    weights = [_integers("zero", 0), _integers("rest", 4)]
    return _model(nodes, [_info("v0")], _y(f"v{n // 5}"), weights)


@structure
def quantised_layers(n: int) -> ModelProto:
    """Layers between QuantizeLinear and DequantizeLinear."""
    nodes = []
    for at in range(n // 4):
        nodes += [
            _node("QuantizeLinear", [f"v{at}", "s", "z"], [f"q{at}"]),
            _node("DequantizeLinear", [f"q{at}", "s", "z"], [f"d{at}"]),
            _node("DequantizeLinear", ["w", "s", "z"], [f"w{at}"]),
            _node("MatMul", [f"d{at}", f"w{at}"], [f"v{at + 1}"]),
        ]
    weights = [
        _weight("s", ()),
        numpy_helper.from_array(np.array(3, np.uint8), "z"),
        numpy_helper.from_array(np.arange(16, dtype=np.uint8).reshape(4, 4), "w"),
    ]
    return _model(nodes, [_info("v0")], _y(f"v{n // 4}"), weights)


@structure
def equal_branches(n: int) -> ModelProto:
    """n nodes that compute the same."""
    nodes = [_node("Relu", ["x"], [f"v{at}"]) for at in range(n)]
    nodes.append(_node("Sum", [f"v{at}" for at in range(n)], ["y"]))
    return _model(nodes, _x(), _y())


@structure
def grid(n: int) -> ModelProto:
    """Every node reads its neighbours above and at the left."""
    side = int(n**0.5)
    nodes = []
    for row in range(1, side):
        for column in range(1, side):
            before = [f"v{row - 1}_{column}", f"v{row}_{column - 1}"]
            nodes.append(_node("Add", before, [f"v{row}_{column}"]))
    edge = [f"v0_{at}" for at in range(1, side)] + [f"v{at}_0" for at in range(1, side)]
    return _model(nodes, map(_info, edge), _y(f"v{side - 1}_{side - 1}"))


@structure
def training_information(n: int) -> ModelProto:
    """Training information and quantisation annotations."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    for at in range(n // 2):
        model.training_info.add().initialization.node.append(_node("Relu", ["x"], [f"t{at}"]))
        model.graph.quantization_annotation.add(tensor_name=f"q{at}")
    return model


# Many that share one long way, and wide nodes that many are beside

READERS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("Softmax", ("v",), {}),
    ("Sigmoid", ("v",), {}),
    ("Relu", ("v",), {}),
    ("MatMul", ("v", "w"), {}),
    ("MatMul", ("w", "v"), {}),
    ("Gemm", ("v", "w", "b"), {"transB": 1}),
    ("Conv", ("v", "k", "b"), {}),
    ("Conv", ("x", "v"), {}),
    ("BatchNormalization", ("v", "b", "b", "b", "b"), {}),
    ("LayerNormalization", ("v", "b"), {}),
    ("Add", ("v", "b"), {}),
    ("Mul", ("v", "v"), {}),
    ("Sum", ("v", "b", "v"), {}),
    ("Gather", ("w", "v"), {}),
    ("Gather", ("v", "i"), {}),
    ("Reshape", ("x", "v"), {}),
    ("Reshape", ("v", "v"), {}),
    ("Where", ("v", "b", "b"), {}),
    ("QuantizeLinear", ("v", "s", "z"), {}),
    ("DequantizeLinear", ("v", "s", "z"), {}),
    ("DynamicQuantizeLinear", ("v",), {}),
    ("TopK", ("v", "i"), {}),
    ("Resize", ("v", "", "b"), {}),
    ("LSTM", ("v", "r", "r"), {"hidden_size": 1}),
    ("Cast", ("v",), {"to": 10}),
    ("Transpose", ("v",), {"perm": [1, 0]}),
    ("Sqrt", ("v",), {}),
    ("Div", ("b", "v"), {}),
    ("Pow", ("v", "b"), {}),
    ("ConstantOfShape", ("v",), {}),
    ("NonZero", ("v",), {}),
    ("Dropout", ("v",), {}),
    ("MatMulInteger", ("v", "w"), {}),
    ("Shape", ("v",), {}),
    ("Slice", ("v", "i", "i"), {}),
)
"""Operators that rules look at, as they read a value `v`, constants and the input `x`."""


def _read_by_all(n: int, nodes: Iterable[NodeProto], value: Callable[[int], str]) -> ModelProto:
    """A model in which n readers of all kinds read values, after the nodes that make these."""
    all_nodes = [*nodes]
    for at in range(n):
        op, read, given = READERS[at % len(READERS)]
        names = [value(at) if name == "v" else name for name in read]
        all_nodes.append(_node(op, names, [f"y{at}"], **given))
    weights = [
        _weight("w", (4, 4)),
        _weight("b"),
        _weight("k", (4, 4, 1, 1)),
        _weight("r", (1, 4, 4)),
        _weight("s", ()),
        numpy_helper.from_array(np.array(3, np.uint8), "z"),
        _integers("i", 1),
        _integers("t", -1, 4),
        _weight("big", (1, 4)),
    ]
    return _model(all_nodes, _x(), _y("y0"), weights)


def _readers_behind(*ops: tuple[str, Sequence[str], dict[str, Any]]) -> None:
    """Makes two structures: readers at the end of one long chain, of the input and a constant."""

    def of_input(n: int) -> ModelProto:
        half = n // 2
        nodes = [_node("MatMul", ["x", "w"], ["v0"]), *_chain_of(half, *ops)]
        return _read_by_all(half, nodes, lambda at: f"v{half}")

    def of_constant(n: int) -> ModelProto:
        half = n // 2
        nodes = [_node("Identity", ["w"], ["v0"]), *_chain_of(half, *ops)]
        return _read_by_all(half, nodes, lambda at: f"v{half}")

    def along_the_way(n: int) -> ModelProto:
        half = n // 2
        nodes = [_node("Identity", ["w"], ["v0"]), *_chain_of(half, *ops)]
        return _read_by_all(half, nodes, lambda at: f"v{at}")

    for make, what in (
        (of_input, "behind"),
        (of_constant, "of_a_constant_behind"),
        (along_the_way, "along"),
    ):
        make.__name__ = f"readers_{what}_{'_'.join(op for op, _, _ in ops)}".lower()
        make.__doc__ = f"Readers of all kinds {what} many {ops[0][0]}."
        structure(make)


_readers_behind(("Identity", (), {}))
_readers_behind(("Cast", (), {"to": 1}))
_readers_behind(("Transpose", (), _TURN))
_readers_behind(("Reshape", ["t"], {}))
_readers_behind(("Dropout", (), {}))
_readers_behind(("Add", ["b"], {}))
_readers_behind(("Relu", (), {}))
_readers_behind(("Slice", ["i", "i"], {}))
_readers_behind(("Concat", ["big"], {"axis": 0}))
_readers_behind(("DequantizeLinear", ["s", "z"], {}))
_readers_behind(("MaxPool", (), {"kernel_shape": [1, 1]}))
_readers_behind(("ConstantOfShape", (), {}))


def _wide(op: str, constants: bool, **given: Any) -> None:
    """Makes a structure: one node of n operands, and n readers of all kinds of it."""

    def make(n: int) -> ModelProto:
        half = n // 2
        names = [f"{'c' if constants else 'm'}{at}" for at in range(half)]
        made = [] if constants else [_node("MatMul", ["x", "w"], [name]) for name in names]
        nodes = [*made, _node(op, ["x", *names], ["v"], **given)]
        model = _read_by_all(half, nodes, lambda at: "v")
        model.graph.initializer.extend(_weight(name) for name in names if constants)
        return model

    make.__name__ = f"readers_of_wide_{op}_of_{'constants' if constants else 'layers'}".lower()
    make.__doc__ = f"Readers of all kinds of one {op} of many operands."
    structure(make)


for _op, _given in (
    ("Sum", {}),
    ("Concat", {"axis": 0}),
    ("Add", {}),
    ("Mul", {}),
    ("Where", {}),
    ("Reshape", {}),
    ("MatMul", {}),
    ("Max", {}),
    ("Cast", {"to": 1}),
):
    _wide(_op, True, **_given)
    _wide(_op, False, **_given)


def _into_wide(op: str) -> None:
    """Makes a structure: n layers with zeros for weights, a sigmoid each, and one node of all."""

    def make(n: int) -> ModelProto:
        third = n // 3
        nodes = []
        for at in range(third):
            nodes += [
                _node("MatMul", ["x", f"w{at}"], [f"m{at}"]),
                _node("Sigmoid", [f"m{at}"], [f"s{at}"]),
            ]
        nodes += [
            _node(op, [f"m{at}" for at in range(third)], ["a"]),
            _node(op, [f"s{at}" for at in range(third)], ["y"]),
        ]
        zeros = (
            numpy_helper.from_array(np.zeros((4, 4), np.float32), f"w{at}") for at in range(third)
        )
        return _model(nodes, _x(), _y(), zeros)

    make.__name__ = f"layers_into_wide_{op}".lower()
    make.__doc__ = f"Layers of zeros, one {op} of them all, and one of their sigmoids."
    structure(make)


for _op in ("Sum", "Add", "Concat", "Mul", "Slice"):
    _into_wide(_op)


@structure
def readers_of_an_untyped_split(n: int) -> ModelProto:
    """One node makes n values of which nothing is known, and each is read."""
    half = n // 2
    split = _node("NoSuch", ["x"], [f"v{at}" for at in range(half)])
    return _read_by_all(half, [split], lambda at: f"v{at}")


@structure
def readers_of_strings(n: int) -> ModelProto:
    """The same of a known operator whose input has no type."""
    half = n // 2
    split = _node("StringSplit", ["q"], [f"v{at}" for at in range(half)])
    return _read_by_all(half, [split], lambda at: f"v{at}")


@structure
def readers_of_a_node_with_attributes(n: int) -> ModelProto:
    """A node with n attributes is asked for one of them by each of its readers."""
    third = n // 3
    nodes = []
    for at, op in enumerate(("Cast", "Transpose", "DequantizeLinear", "Gemm", "Concat", "LSTM")):
        many = {f"a{number}": number for number in range(third // 6)}
        nodes.append(_node(op, ["x", "w"], [f"v{at}"], **many))
    return _read_by_all(third, nodes, lambda at: f"v{at % 6}")


@structure
def layers_of_a_node_with_metadata(n: int) -> ModelProto:
    """Findings of n nodes quote one node with n entries of metadata."""
    half = n // 2
    nodes = [_node("MatMul", ["x", "w"], ["m"]), _node("Relu", ["m"], ["v"])]
    for node in nodes:
        for at in range(half // 2):
            node.metadata_props.add(key=f"key{at}", value="value")
    return _read_by_all(half, nodes, lambda at: "v")


def _joined(name: str, array: Any, *ops: str) -> None:
    """Makes a structure: a chain that takes in one more constant at every step."""

    def make(n: int) -> ModelProto:
        nodes = [_node("Identity", ["x"], ["v0"])]
        for at in range(n):
            op = ops[at % len(ops)]
            given = {"axis": 0} if op == "Concat" else {}
            nodes.append(_node(op, [f"c{at}", f"v{at}"], [f"v{at + 1}"], **given))
        nodes += [
            _node("Cast", [f"v{n}"], ["h"], to=10),
            _node("Slice", ["x", f"v{n}", f"v{n}"], ["y"]),
        ]
        constants = (numpy_helper.from_array(array, f"c{at}") for at in range(n))
        return _model(nodes, _x(), _y(), constants)

    make.__name__ = name
    make.__doc__ = f"A chain of {', '.join(ops)} that takes in a constant at every step."
    structure(make)


_joined("joined_integers", np.array([2**40], np.int64), "Concat")
_joined("joined_floats", np.array([1e9], np.float32), "Concat", "Add", "Mul")
_joined("joined_scales", np.array([1e9], np.float32), "Add", "Mul", "Sub", "Where")


def _concatenated(name: str, array: Any, *ops: tuple[str, Sequence[str], dict[str, Any]]) -> None:
    """Makes a structure: n constants in one node, and a chain behind."""

    def make(n: int) -> ModelProto:
        half = n // 2
        nodes = [_node("Concat", [f"c{at}" for at in range(half)], ["v0"], axis=0)]
        nodes += [
            *_chain_of(half, *ops),
            _node("Slice", ["x", f"v{half}", f"v{half}"], ["y"]),
            _node("Cast", [f"v{half}"], ["h"], to=10),
        ]
        constants = [numpy_helper.from_array(array, f"c{at}") for at in range(half)]
        return _model(nodes, _x(), _y(), [*constants, _integers("t", -1)])

    make.__name__ = name
    make.__doc__ = "Constants in one Concat, and a chain behind it."
    structure(make)


_concatenated("concatenated_integers", np.array([2**40], np.int64), ("Reshape", ["t"], {}))
_concatenated("concatenated_floats", np.array([1e9], np.float32), ("Neg", (), {}))


def _doubled(op: str, slots: int, before: str, after: str, constant: bool = False) -> None:
    """Makes a structure: a chain whose nodes read the one before in several slots each."""

    def make(n: int) -> ModelProto:
        nodes = [_node("MatMul", ["x", "w"], ["m"]), _node(before, ["m"], ["v0"])]
        nodes += (_node(op, [f"v{at}"] * slots, [f"v{at + 1}"]) for at in range(n))
        nodes += [_node(after, [f"v{n}"], ["y"]), _node("MatMul", [f"v{n}", "w"], ["z"])]
        return _model(nodes, _x(), [_info("y", None), _info("z", None)], [_weight("w", (4, 4))])

    make.__name__ = f"doubled_{op}_after_{before}_before_{after}".lower()
    make.__doc__ = f"{before}, then {op} nodes that each read the one before {slots} times."
    structure(make)


for _op, _slots in (("Reshape", 2), ("Slice", 3), ("Clip", 3), ("Squeeze", 2), ("Dropout", 2)):
    for _before in ("Sigmoid", "Relu", "Softmax", "DequantizeLinear"):
        _doubled(_op, _slots, _before, {"Softmax": "Sigmoid"}.get(_before, "Softmax"))


@structure
def quantised_behind_clips(n: int) -> ModelProto:
    """Quantised layers behind which clips read the one before three times."""
    nodes = [
        _node("DequantizeLinear", ["w", "s", "z"], ["d"]),
        _node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        _node("DequantizeLinear", ["q", "s", "z"], ["e"]),
        _node("Gemm", ["e", "d"], ["v0"]),
    ]
    nodes += (_node("Clip", [f"v{at}"] * 3, [f"v{at + 1}"]) for at in range(n))
    nodes.append(_node("QuantizeLinear", [f"v{n}", "s", "z"], ["y"]))
    weights = [
        numpy_helper.from_array(np.full((4, 4), 99, np.int8), "w"),
        _weight("s", ()),
        numpy_helper.from_array(np.array(3, np.int8), "z"),
    ]
    return _model(nodes, _x(), _y(), weights)


@structure
def condition_of_doubled_sizes(n: int) -> ModelProto:
    """An If whose condition is computed from sizes that are added to themselves."""
    half = n // 2
    nodes = [_node("Shape", ["x"], ["v0"])]
    nodes += (_node("Add", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(half))
    nodes += (
        _node(
            "If",
            [f"c{at}"],
            [f"y{at}"],
            then_branch=_branch(f"t{at}", "x"),
            else_branch=_branch(f"e{at}", "x"),
        )
        for at in range(half // 8)
    )
    tests = [_node("Equal", [f"v{half}"] * 2, [f"c{at}"]) for at in range(half // 8)]
    return _model([*nodes[: half + 1], *tests, *nodes[half + 1 :]], [_info("x", (2, 4))], _y("y0"))


@structure
def conditions_of_one_wide_node(n: int) -> ModelProto:
    """Many If nodes whose conditions are computed from one Concat of many sizes."""
    third = n // 3
    nodes = [_node("Shape", ["x"], ["s"]), _node("Concat", ["s"] * third, ["v"], axis=0)]
    for at in range(third // 4):
        nodes += [
            _node("Gather", ["v", "i"], [f"g{at}"]),
            _node("Equal", [f"g{at}", "i"], [f"c{at}"]),
            _node(
                "If",
                [f"c{at}"],
                [f"y{at}"],
                then_branch=_branch(f"t{at}", "x"),
                else_branch=_branch(f"e{at}", "x"),
            ),
        ]
    return _model(nodes, [_info("x", (2, 4))], _y("y0"), [_integers("i", 0)])


def _masked(nodes: list[NodeProto], n: int, mask: Callable[[int], str]) -> ModelProto:
    """n softmaxes, each with a mask of its own."""
    for at in range(n):
        nodes += [
            _node("Where", [mask(at), "x", "low"], [f"w{at}"]),
            _node("Softmax", [f"w{at}"], [f"y{at}"]),
        ]
    low = numpy_helper.from_array(np.array(-np.inf, np.float32), "low")
    masks = (_info(f"k{at}", (4,), 9) for at in range(n + 1))
    return _model(nodes, [*_x(), *masks], _y("y0"), [low])


@structure
def doubled_condition_of_masks(n: int) -> ModelProto:
    """Masks that are truths combined with themselves."""
    half = n // 2
    nodes = [_node("Identity", ["k0"], ["v0"])]
    nodes += (_node("And", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(half))
    nodes += [_node("Or", [f"v{half}", "e"], ["o"])]
    return _masked(nodes, half // 2, lambda at: f"v{half - at % half}")


@structure
def guarded_masks(n: int) -> ModelProto:
    """Masks with which a mask from equality is combined over and over."""
    half = n // 2
    nodes = [_node("Equal", ["x", "x"], ["v0"])]
    nodes += (_node("Or", [f"v{at}"] * 2, [f"v{at + 1}"]) for at in range(half))
    return _masked(nodes, half // 2, lambda at: f"v{half}")


@structure
def masks_of_more_and_more_inputs(n: int) -> ModelProto:
    """The mask of each softmax depends on one input more."""
    third = n // 3
    nodes = [_node("Identity", ["k0"], ["v0"])]
    nodes += (_node("And", [f"v{at}", f"k{at + 1}"], [f"v{at + 1}"]) for at in range(third))
    return _masked(nodes, third, lambda at: f"v{at}")


@structure
def masks_of_many_inputs(n: int) -> ModelProto:
    """Each softmax has an input for its mask."""
    return _masked([], n // 2, lambda at: f"k{at}")


@structure
def unused_readers(n: int) -> ModelProto:
    """Nodes that nothing needs read one value that nothing needs."""
    nodes = [_node("Relu", ["x"], ["y"]), _node("Neg", ["x"], ["u"])]
    nodes += (_node("Neg", ["u"], [f"u{at}"]) for at in range(n))
    return _model(nodes, _x(), _y())


@structure
def unused_split(n: int) -> ModelProto:
    """Nodes that nothing needs read what one node makes that nothing needs."""
    nodes = [
        _node("Relu", ["x"], ["y"]),
        _node("Split", ["x"], [f"u{at}" for at in range(n)], num_outputs=n),
    ]
    nodes += (_node("Neg", [f"u{at}"], [f"z{at}"]) for at in range(n))
    return _model(nodes, _x(), _y())


@structure
def calls_that_leave_out(n: int) -> ModelProto:
    """Calls that leave out what a function hands on to another, and that to another."""
    third = n // 3
    local = [
        _function(f"F{at}", [_node(f"F{at + 1}", ["a", "w"], ["b"], domain="local")], ("a", "w"))
        for at in range(third)
    ]
    local.append(_function(f"F{third}", [_node("Clip", ["a", "w"], ["b"])], ("a", "w")))
    nodes = (_node(f"F{at}", ["x", ""], [f"y{at}"], domain="local") for at in range(third))
    return _model(nodes, _x(), _y("y0"), functions=local, opsets=_LOCAL)


@structure
def ring_behind_an_image(n: int) -> ModelProto:
    """A convolution behind a reshape to a shape that comes out of it."""
    nodes = [
        _node("Reshape", ["x", "s"], ["v0"]),
        *_chain_of(n, ("Cast", (), {"to": 7})),
        _node("Identity", [f"v{n}"], ["s"]),
        _node("Conv", ["q", "k"], ["y"]),
    ]
    return _model(nodes, [_info("x"), _info("q")], _y(), [_weight("k", (4, 4, 1, 1))])


@structure
def ring_behind_a_layer(n: int) -> ModelProto:
    """The same behind a layer that follows another one."""
    nodes = [
        _node("MatMul", ["x", "w"], ["m0"]),
        _node("MatMul", ["m0", "w2"], ["m1"]),
        _node("Reshape", ["m1", "s"], ["v0"]),
        *_chain_of(n, ("Cast", (), {"to": 7})),
        _node("Identity", [f"v{n}"], ["s"]),
    ]
    return _model(nodes, _x(), _y("m1"), [_weight("w", (4, 4)), _weight("w2", (4, 4))])


@structure
def ring_of_fills(n: int) -> ModelProto:
    """Fills whose shape is what they fill."""
    nodes = [*_chain_of(n, ("ConstantOfShape", (), {})), _node("Identity", [f"v{n}"], ["v0"])]
    nodes.append(_node("MatMul", ["x", "v1"], ["y"]))
    return _model(nodes, _x(), _y())


@structure
def endless_shape(n: int) -> ModelProto:
    """A fill whose shape is a fill of 2^40 elements."""
    nodes = [
        _node("ConstantOfShape", ["s"], ["a"]),
        _node("ConstantOfShape", ["a"], ["b"]),
        _node("ConstantOfShape", ["b"], ["c"]),
        _node("MatMul", ["x", "c"], ["y"]),
    ]
    nodes += (_node("Expand", ["x", "b"], [f"e{at}"]) for at in range(n))
    return _model(nodes, _x(), _y(), [_integers("s", 2**40)])


@structure
def paths_of_root(n: int) -> ModelProto:
    """Texts of lines in which a path could begin everywhere."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    lines = (f"{at}" + "/root/" * 600 for at in range(n // 200))
    model.doc_string = "\n".join(lines)
    return model


@structure
def hosts_everywhere(n: int) -> ModelProto:
    """Texts of lines in which a host name, a secret and a source could begin everywhere."""
    model = _model([_node("Relu", ["x"], ["y"])], _x(), _y())
    pieces = (
        "://a-a.a-a.",
        "@a.a.a.",
        "a://a:a",
        "\\\\a.a.\\a",
        "/home/a/home/",
        "C:\\Users\\x\\",
        'File "/a',
        "-----BEGIN A",
        "ghp_aaaa",
    )
    lines = (f"{at}" + pieces[at % len(pieces)] * 400 for at in range(n // 200))
    model.doc_string = "\n".join(lines)
    return model


def _long() -> str:
    return "/long" * 1000


@structure
def long_name_with_faults(n: int) -> ModelProto:
    """One node with a long name has n faults."""
    many = {f"a{at}": at for at in range(n)}
    return _model([_node("Softmax", ["x"], ["y"], name=_long(), **many)], _x(), _y())


@structure
def long_name_quoted(n: int) -> ModelProto:
    """n nodes stand before one with a long name that they read."""
    nodes = [_node("Neg", ["v"], [f"y{at}"]) for at in range(n)]
    return _model([*nodes, _node("Relu", ["x"], ["v"], name=_long())], _x(), _y("y0"))


@structure
def long_name_with_subgraphs(n: int) -> ModelProto:
    """One node with a long name has n subgraphs, each with a fault."""
    model = subgraphs_of_a_node(n)
    model.graph.node[0].name = _long()
    return model


@structure
def long_name_of_a_function(n: int) -> ModelProto:
    """A function with a long name has n nodes, each with a fault."""
    inner = (_node("NoSuch", ["a"], [f"b{at}"], **{f"x{at}": 1}) for at in range(n))
    local = _function(_long(), [_node("Relu", ["a"], ["b"]), *inner])
    nodes = [_node(_long(), ["x"], ["y"], domain="local")]
    return _model(nodes, _x(), _y(), functions=[local], opsets=_LOCAL)


@structure
def long_symbol(n: int) -> ModelProto:
    """A long symbol in the shape of everything."""
    model = unused_nodes(n)
    model.graph.input[0].CopyFrom(_info("x", (_long(), 4)))
    return model


ONCE_SQUARE = (
    "initializers", "initializers_of_one_name", "inputs", "inputs_of_one_name", "functions",
    "functions_of_one_name", "called_functions", "calls_of_one_function", "attributes",
    "attributes_of_one_name", "equal_readers", "different_readers", "equal_operands", "grid",
    "caterpillar", "components", "conditionals", "chained_conditionals", "deep_subgraphs",
    "captured_values", "guarded_masks", "identities_of_a_constant", "exporter_metadata",
    "layer_outputs", "imports_of_one_domain", "external_tensors", "late_meetings",
)  # fmt: skip
"""Those at which something grew with the square of their size."""
