"""Onnx's own shape inference, without the rest of its package.

`onnx.shape_inference.infer_shapes` does the same, but reads the result by a function for which all
of onnx is loaded: for a small model that takes ten times as long as inference.
"""

from __future__ import annotations

from onnx import ModelProto
from onnx.onnx_cpp2py_export import shape_inference as native

InferenceError: type[Exception] = native.InferenceError
"""A node that onnx cannot infer."""


def infer_shapes(
    model: ModelProto | bytes, *, strict: bool = False, data_prop: bool = False
) -> ModelProto:
    """The model with the types that were inferred in its `value_info`.

    Raises:
        InferenceError: a node has none; without `strict`, only where onnx cannot go on.
    """
    serialized = model if isinstance(model, bytes) else model.SerializeToString()
    inferred: bytes = native.infer_shapes(serialized, False, strict, data_prop)
    return ModelProto.FromString(inferred)  # type: ignore[no-any-return]


def check(serialized: bytes) -> None:
    """Infers without following constants, and tells nothing of what it infers.

    Raises:
        InferenceError: a node has no type.
    """
    native.infer_shapes(serialized, False, True, False)
