"""A model at given sizes of its inputs: functions expanded, sizes that follow computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxlint.model.file.messages import containers
from onnxlint.model.graph.operators import ON_SIZES
from onnxlint.runtime.shape_inference.node_numbers import NUMBER
from onnxlint.runtime.shape_inference.onnx_inference import infer_shapes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

    from onnxlint.types import Array

MOST_PASSES = 8
"""So often shapes are inferred anew: each pass may tell sizes that the next one computes with."""

MOST_ELEMENTS = 1 << 16
"""Elements of a value that is computed: positions of the longest sequences, no activations."""


def sized(
    model: ModelProto, sizes: Mapping[str, int],
    fed: Mapping[str, Sequence[int]] | None = None,
    seen: Mapping[str, tuple[str, Sequence[int]]] | None = None,
) -> ModelProto:  # fmt: skip
    """The model whose inputs have these sizes, 1 where none is given, and no other shape declared.

    `fed` has the shapes of inputs, which hold before the sizes of symbols, `seen` dtypes and shapes
    of values that inference would not know. What the model's sizes
    are computed by are constants in it; its nodes keep the numbers that they have in the order of
    the containers. Native code looks at the model.
    """
    from onnx import inliner

    _number(model)
    if model.functions:
        model = inliner.inline_local_functions(model)
    graph = model.graph
    for value in graph.input:
        _fix(value, sizes, (fed or {}).get(value.name))
    del graph.value_info[:]
    graph.value_info.extend(_declared(graph, seen or {}))
    for value in graph.output:
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    _compute_sizes(model)
    return model


def _number(model: ModelProto) -> None:
    """Writes the number of every node into its metadata, which calls of its function copy."""
    nodes = (node for container in containers(model) for node in container.node)
    for number, node in enumerate(nodes):
        del node.metadata_props[:]
        node.metadata_props.add(key=NUMBER, value=str(number))


def _fix(value: ValueInfoProto, sizes: Mapping[str, int], shape: Sequence[int] | None) -> None:
    """Fills in the free sizes of an input."""
    dims = value.type.tensor_type.shape.dim
    known = [None] * len(dims) if shape is None or len(shape) != len(dims) else shape
    for dim, size in zip(dims, known, strict=True):
        if not dim.HasField("dim_value") or dim.dim_value < 0:
            dim.dim_value = sizes.get(dim.dim_param, 1) if size is None else size


def _declared(
    graph: GraphProto, seen: Mapping[str, tuple[str, Sequence[int]]]
) -> Iterator[ValueInfoProto]:
    """What was seen of the outputs of nodes, as declarations."""
    from onnx import helper

    for name in (name for node in graph.node for name in node.output if name in seen):
        dtype, shape = seen[name]
        with suppress(TypeError, KeyError, ValueError):  # no dtype of numpy's
            element_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
            yield helper.make_tensor_value_info(name, element_type, shape)


def _compute_sizes(model: ModelProto) -> None:
    """Puts constants in the place of nodes whose results follow from sizes, while there are any."""
    known = _stored(model.graph)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    _computed_once(model.graph, {}, known, opsets)
    if not any(node.op_type in ("Shape", "Size") for node in model.graph.node):
        return
    for _ in range(MOST_PASSES):
        inferred = infer_shapes(model, data_prop=True)
        if not _computed_once(model.graph, _shapes(inferred.graph), known, opsets):
            return


def _computed_once(
    graph: GraphProto, shapes: Mapping[str, list[int]], known: dict[str, Array],
    opsets: Mapping[str, int],
) -> bool:  # fmt: skip
    from onnx import helper, numpy_helper

    before = len(known)
    for node in graph.node:
        if node.op_type == "Constant" or len(node.output) != 1 or node.output[0] in known:
            continue
        result = _result(node, shapes, known, opsets)
        if result is not None:
            known[node.output[0]] = result
            tensor = numpy_helper.from_array(result)
            constant = helper.make_node("Constant", [], list(node.output), value=tensor)
            constant.metadata_props.extend(node.metadata_props)
            node.CopyFrom(constant)
    return len(known) > before


def _result(
    node: NodeProto, shapes: Mapping[str, list[int]], known: Mapping[str, Array],
    opsets: Mapping[str, int],
) -> Array | None:  # fmt: skip
    """What a node gives, if it is small and follows from what is known."""
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type in ("Shape", "Size"):
        dims = shapes.get(node.input[0])
        if dims is None:
            return None
        if node.op_type == "Size":
            return np.asarray(np.prod(dims, dtype=np.int64))
        bounds = {entry.name: entry.i for entry in node.attribute}
        return np.array(dims, np.int64)[bounds.get("start", 0) : bounds.get("end", len(dims))]
    if node.op_type not in ON_SIZES or not all(name in known or not name for name in node.input):
        return None
    arrays = [known[name] for name in node.input if name]
    return _evaluated(node, arrays, opsets) if _is_small(node.op_type, arrays) else None


def _is_small(op: str, arrays: list[Array]) -> bool:
    if op == "Range":
        start, limit, delta = (float(array.reshape(-1)[0]) for array in arrays)
        return bool(delta) and 0 <= (limit - start) / delta <= MOST_ELEMENTS
    if op in ("ConstantOfShape", "Expand"):
        return float(np.prod(arrays[-1].astype(np.float64))) <= MOST_ELEMENTS
    return True


def _evaluated(node: NodeProto, arrays: list[Array], opsets: Mapping[str, int]) -> Array | None:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in dict.fromkeys(node.input) if name]
    values = dict(zip([name for name in node.input if name], arrays, strict=True))
    graph = helper.make_graph(
        [node], "one", [helper.make_empty_tensor_value_info(name) for name in names],
        [helper.make_empty_tensor_value_info(node.output[0])],
    )  # fmt: skip
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    model = helper.make_model(graph, opset_imports=imports)
    try:
        with np.errstate(all="ignore"):
            (result,) = ReferenceEvaluator(model).run(None, values)
    except Exception:  # onnx's own kinds; the value then stays unknown
        return None
    array: Array = np.asarray(result)
    return array if array.size <= MOST_ELEMENTS and array.dtype.kind in "biuf" else None


def _stored(graph: GraphProto) -> dict[str, Any]:
    """The small constants of a graph, those whose data lies in it."""
    from onnx import TensorProto, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and not node.domain:
            value = [entry.t for entry in node.attribute if entry.name == "value"]
            tensors.update(zip(node.output, value, strict=False))
    return {
        name: numpy_helper.to_array(tensor)
        for name, tensor in tensors.items()
        if tensor.data_location != TensorProto.EXTERNAL
        and tensor.data_type != TensorProto.STRING
        and np.prod(tensor.dims, dtype=np.float64) <= MOST_ELEMENTS
    }


def _shapes(graph: GraphProto) -> dict[str, list[int]]:
    """The shapes of a graph that are wholly known."""
    found = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        dims = tensor.shape.dim
        if tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            found[value.name] = [dim.dim_value for dim in dims]
    return found
