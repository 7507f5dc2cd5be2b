"""onnxruntime's symbolic shape inference, for what onnx's own does not know.

It needs no session. Operators that onnxruntime has and its tool lacks are taught to it here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from onnx import ModelProto, TensorProto, helper
from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

_PASSES = 5
"""The tool starts over after it has merged two symbols; it does so this often at most."""


def infer_symbolically(model: ModelProto) -> Iterator[ValueInfoProto]:
    """The types that the tool finds for values of the main graph, up to where it stops."""
    logging.disable()  # it logs what it cannot do; the process it runs in ends soon
    tool = SymbolicShapeInference(2**31 - 1, auto_merge=True, guess_output_rank=False, verbose=0)
    _teach(tool)
    tool._preprocess(_without_bytes(model))
    with suppress(Exception):  # it raises at what it does not know; the values before are known
        for _ in range(_PASSES):
            if tool.run_:
                tool._infer_impl()
    for info in tool.known_vi_.values():
        if info.type.tensor_type.HasField("shape"):
            yield info


def _without_bytes(model: ModelProto) -> ModelProto:
    """A copy whose large tensors are inputs of their type: their bytes are not at hand here."""
    bare = ModelProto()
    bare.CopyFrom(model)
    graph = bare.graph
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        if node.attribute and _is_elsewhere(node.attribute[0].t):
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if _is_elsewhere(tensor)]:
        shape = list(tensor.dims)
        graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, shape))
        graph.initializer.remove(tensor)
    return bare


def _is_elsewhere(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def _teach(tool: Any) -> None:
    lessons = {"FusedMatMul": _fused_matmul, "TransposeMatMul": _fused_matmul, "QGemm": _qgemm}
    tool.dispatcher_ = {op: partial(lesson, tool) for op, lesson in lessons.items()} | (
        tool.dispatcher_
    )


def _fused_matmul(tool: Any, node: NodeProto) -> None:
    """A product of which either operand may be transposed in its last two axes."""
    left, right = (list(tool._get_shape(node, slot)) for slot in (0, 1))
    flags = _flags(node)
    if flags.get("transBatchA") or flags.get("transBatchB") or min(len(left), len(right)) < 2:
        return
    rows = left[-1] if flags.get("transA") else left[-2]
    columns = right[-2] if flags.get("transB") else right[-1]
    batch = tool._broadcast_shapes(left[:-2], right[:-2])
    _give(tool, node, [*batch, rows, columns])


def _qgemm(tool: Any, node: NodeProto) -> None:
    left, right = (tool._get_shape(node, slot) for slot in (0, 3))
    flags = _flags(node)
    _give(tool, node, [left[flags.get("transA", 0)], right[1 - flags.get("transB", 0)]])


def _flags(node: NodeProto) -> dict[str, int]:
    return {attribute.name: attribute.i for attribute in node.attribute}


def _give(tool: Any, node: NodeProto, shape: list[Any]) -> None:
    """An output of the first input's element type."""
    element_type = tool.known_vi_[node.input[0]].type.tensor_type.elem_type
    dims = [size if isinstance(size, int) else str(size) for size in shape]
    info = helper.make_tensor_value_info(node.output[0], element_type, dims)
    tool.known_vi_[node.output[0]].CopyFrom(info)
