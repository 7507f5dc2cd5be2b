"""What onnxruntime refuses to load or to run: where in the graph, and why, in few words."""

from __future__ import annotations

import re
from textwrap import shorten

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.place import Place
from onnxlint.runtime.native_text import readable

_WHERE = (
    r"running (?P<op>\S+) node\. Name:'(?P<node>[^']*)'",
    r"for (?P<op>\w+)\(\d+\) (?:node with name |\(node:)'(?P<node>[^']*)'",
    r"Node \((?P<node>.*?)\) Op \((?P<op>\w+)\)",
    r"In Node, \(\"(?P<node>.*?)\", (?P<op>\w+),",
    r"[Tt]ype .* node \((?P<node>.*?)\)",
    r"same node name \((?P<node>.*?)\)",
    r"(?P<op>[\w.]+:\w+)\(-?\d+\) is not a registered",
)
"""How onnxruntime's messages name the node that they are about."""

_WHY = (
    (r"(?:implementation|kernel) for (\w+)\((\d+)\)", "no CPU kernel for {}-{} with these dtypes"),
    (r"([\w.]+:\w+)\(-?\d+\) is not a registered", "unknown operator {}"),
    (r"No Op registered for (\w+) with domain_version of (\d+)", "operator {} is not in opset {}"),
    (r"IR version: (\d+), max supported IR version: (\d+)", "IR version {} (limit {})"),
    (r"Opset (\d+) is under development", "opset {} is not released"),
    (r"Missing opset", "the model imports no opset"),
    (r"Unrecognized attribute: (\w+) for operator (\w+)", "{1} has no attribute {0!r}"),
    (r"Required attribute '(\w+)' is missing", "the required attribute {!r} is missing"),
    (r"has (\w+) size (\d+) not in range \[min=(\d+), max=(\d+)", "{} count {} (limits {} and {})"),
    (r"Node input '(.*?)' is not a graph input", "nothing defines {!r}"),
    (r"Graph output \((.*?)\) does not exist", "nothing defines output {!r}"),
    (r"(?:same node name|Duplicate definition of name) \((.*?)\)", "the name {!r} is used twice"),
    (r"not acyclic", "the nodes form a cycle"),
    (r"External data path does not exist: \"(.*?)\"", "file {} not found"),
    (r"raw_data size \((\d+) bytes\).* \((\d+) bytes\)", "a tensor has {} bytes (expected {})"),
    (r"ShapeInferenceError\] (.*?)$", "shapes do not match: {}"),
    (r"Type Error", "dtypes are not valid for the operator"),
    (r"idx=(-?\d+) must be within the inclusive range (\[.*?\])", "index {} is out of range {}"),
    (r"other than 1\. (\d+) by (\d+)", "sizes {} and {} do not broadcast"),
    (r"Input shape:(\{.*?\}), requested shape:(\{.*?\})", "shape {} cannot become {}"),
    (r"Got invalid (?:dimensions|rank) for input: (\S+)", "data does not match input {!r}"),
)
"""onnxruntime's usual reasons, and the same in few words."""

MESSAGE_LENGTH = 300
"""onnxruntime's message is cut here: some list every kernel that it has."""

_DECORATION = r"Load model from .*? failed:"


_DTYPE_REFUSED = (
    r"(?:does not support|not supported for|[Uu]nsupported (?:data ?)?type:?|not implemented for)"
    r" (?:tensor\()?(?:type )?(?:double|float16|bfloat16|float|u?int\d+|bool|string|complex\d+)\b"
)
"""How a kernel says that it is registered for a dtype, and does not compute in it."""


class RuntimeFailure(Struct, frozen=True):
    """What onnxruntime refused: at which place, why in few words, and its own message.

    `reason` is empty where the message is none of the usual ones; `fed` tells the inputs of a run.
    `is_crash` is true where it did not refuse, but ended the process.
    """

    place: Place
    reason: str
    message: str
    fed: str = ""
    is_crash: bool = False

    @property
    def is_of_dtype(self) -> bool:
        """Whether a kernel refuses a dtype, and so whatever is fed."""
        return re.search(_DTYPE_REFUSED, self.message) is not None

    def __str__(self) -> str:
        own = shorten(self.message, MESSAGE_LENGTH, placeholder=" …")
        if self.is_crash:
            return own
        return f"{self.reason} (onnxruntime: {own})" if self.reason else f"onnxruntime: {own}"


def read_refusal(graph: Graph, text: str) -> RuntimeFailure:
    """Finds place and reason in a message of onnxruntime."""
    message = readable(re.sub(_DECORATION, "", text))
    marks = next(filter(None, ([*re.finditer(pattern, message)] for pattern in _WHERE)), [])
    named = (_named(graph, **mark.groupdict()) for mark in reversed(marks))  # innermost first
    node = next(filter(None, named), None)
    found = ((re.search(pattern, message), reason) for pattern, reason in _WHY)
    reasons = (reason.format(*match.groups()) for match, reason in found if match)
    place = graph.main.place if node is None else node.place
    return RuntimeFailure(place, next(reasons, ""), message)


_FUSION = r"^fused |/\w*(?:Fusion|Fused)\w*/?$"
"""What onnxruntime puts around the name of a node that it fused with others."""


def _named(graph: Graph, node: str = "", op: str = "") -> Node | None:
    """The node of this name, be it fused; without a name the only one of this operator."""
    if node:
        names = {node, re.sub(_FUSION, "", re.sub(_FUSION, "", node))}
        return next((known for known in graph.nodes() if known.name and known.name in names), None)
    nodes = list(graph.nodes(op.replace(":", "::")))
    return nodes[0] if len(nodes) == 1 else None
