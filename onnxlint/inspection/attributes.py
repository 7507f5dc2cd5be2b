"""The attributes of a node, as short texts."""

from __future__ import annotations

from typing import Any

from onnxlint.model.graph.nodes import Node, attribute_value

MOST_ELEMENTS = 16
LONGEST = 200
"""Elements of a list and characters of a text that are shown: a choice, a few lines."""


def attribute_texts(node: Node) -> dict[str, str]:
    """Each attribute that the file gives, by name."""
    return {
        name: f"{proto.ref_attr_name} of the function's call" if proto.ref_attr_name
        else _text(attribute_value(proto, None))
        for name, proto in node.attributes.items()
    }  # fmt: skip


def _text(value: Any) -> str:
    from onnx import GraphProto, TensorProto

    if isinstance(value, TensorProto):
        return _tensor_text(value)
    if isinstance(value, GraphProto):
        return f"graph of {len(value.node):,} nodes"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(map(_text, value[:MOST_ELEMENTS]))
        more = f", … ({len(value):,} elements)" if len(value) > MOST_ELEMENTS else ""
        return f"[{shown}{more}]"
    if isinstance(value, bytes):  # an element of a list of texts
        return _text(value.decode(errors="replace"))
    if isinstance(value, float):
        return f"{value:.7g}"
    text = "?" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _tensor_text(tensor: Any) -> str:
    from onnxlint.model.file.dtypes import dtype_name

    return f"tensor {dtype_name(tensor.data_type)}[{', '.join(map(str, tensor.dims))}]"
