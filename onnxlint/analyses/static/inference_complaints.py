"""What onnx complains of when it infers shapes, and the nodes that it means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from onnxlint.model.graph.nodes import Node, Scope

_FAILURE = r"\(op_type:(?P<op>[^,()]*), node name: onnxlint-node:(?P<key>\d+):(?P<index>\d+)\): *"
_INNER = r"Inference error\(s\): \(op_type:(?P<op>[^,()]*)[^()]*\): *"
_INSIDE = r"\(op_type:(?P<op>[^,()]*)[^()]*\): *"
_PREFIXES = r"\[(?:Shape|Type)InferenceError\] *"
_TAGGED = r" in node [^ ()]+ \(onnxlint-node:\d+:\d+\)"
"""The node once more, by the name that inference gave it and nobody else knows."""

_CONTRADICTS_DECLARATION = r"Inferred (?:shape and existing shape|elem type) differ"
_MISTAKEN = r"Invalid rank for \w+ broadcasting"
"""onnx 1.23, on constants that it takes for shapes and cannot combine; they may well broadcast."""

_MISSING_INPUT = (
    r"expected to have type but instead is null|Input \d+ is out of bounds"
    r"|inputs are expected to have tensor type"  # QLinearConv's words for it
    r"|Mismatched type: (?:inferred=0 |inferred=\d+ declared=0)"  # of an If's branches
)

_MISSING_TYPE = (
    r"[Tt]ype (?:for input at index \d+ )?is null|expected to have type info"
    r"|Scan input \d+ was not a tensor|zero_point pair is expected to have"
    r"|onnx's shape inference crashes"  # as at a LabelEncoder
)
"""What onnx says where it does not know an input's type, as behind a custom operator; what is of
the wrong type is found by the types alone."""


class InferenceFailure(Struct, frozen=True):
    """A node at which shape inference fails, and onnx's reason."""

    node: Node
    reason: str
    inner_op: str | None = None
    """The operator that fails, where the node's own operator expands to several."""

    @property
    def lacks_type(self) -> bool:
        """Whether onnx says that it does not know the type of what the node reads."""
        return re.search(_MISSING_TYPE, self.reason) is not None

    @property
    def is_missing_input(self) -> bool:
        """Whether an input, or the type of one, is not there."""
        return re.search(_MISSING_INPUT, self.reason) is not None

    @property
    def contradicts_declaration(self) -> bool:
        """Whether the file declares another type for an output than the one inferred."""
        return re.match(_CONTRADICTS_DECLARATION, self.reason) is not None

    @property
    def is_conflict(self) -> bool:
        """Whether inputs and attributes do not fit each other.

        What fails inside the expansion of a standard operator does not count: onnx 1.23 fails so
        at a valid MeanVarianceNormalization without `axes`. Nor does `_MISTAKEN`.
        """
        inside_standard = self.inner_op is not None and self.node.called is None
        mistaken = inside_standard or re.search(_MISTAKEN, self.reason) is not None
        return not (mistaken or self.is_missing_input or self.contradicts_declaration)


def failures_of(scopes: list[Scope], message: str) -> Iterator[InferenceFailure]:
    """Reads onnx's messages: of nested failures the innermost node is the one.

    `scopes` are those of the model, in the order of the containers that inference numbers.
    """
    seen = set()
    for line in message.splitlines():
        marks = [*re.finditer(_FAILURE, line)]
        if not marks:
            continue
        mark = marks[-1]
        node = scopes[int(mark["key"])].nodes[int(mark["index"])]
        if node not in seen:
            seen.add(node)
            reason = re.sub(_TAGGED, "", re.sub(_PREFIXES, "", line[mark.end() :])).strip()
            inner_op = None
            while inner := re.match(_INNER, reason):
                inner_op, reason = inner["op"], reason[inner.end() :]
            yield InferenceFailure(node, reason.rstrip(".") or "no reason given", inner_op)


def told_inside(message: str) -> tuple[str | None, str]:
    """The first operator that does not fit, and onnx's reason; empty where it only lacks inputs.

    `message` is of the inference of a whole model, which goes on behind the first failure.
    """
    for inside in re.split(r"(?=\(op_type:)", message)[1:]:
        if (mark := re.match(_INSIDE, inside)) is None:
            continue
        reason = re.sub(_PREFIXES, "", inside[mark.end() :]).strip().rstrip(".")
        if not (re.search(_MISSING_INPUT, reason) or re.search(_MISTAKEN, reason)):
            return mark["op"], reason
    return None, ""
