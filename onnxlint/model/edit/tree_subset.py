"""A tree ensemble with some of its trees only."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from onnx import AttributeProto, NodeProto

LEAVES = ("class_", "target_")
"""How attributes on what leaves give begin, of classifiers and of regressors."""


class Leaves(Struct, frozen=True):
    """What the leaves of an ensemble give, row by row: of which tree, for which output, how much.

    `trees` are the numbers of all trees, in their order.
    """

    trees: list[int]
    tree: list[int]
    output: list[int]
    weight: list[float]
    has_base: bool
    transform: str
    is_average: bool
    is_classifier: bool

    @property
    def outputs(self) -> int:
        """Classes or targets that leaves give numbers for."""
        return len(set(self.output))


def leaves_of(node: NodeProto) -> Leaves | None:
    """What an ensemble of the older operators gives; None where its attributes are not there."""
    from onnx.helper import get_attribute_value

    found: dict[str, Any] = {}
    for each in node.attribute:
        found[each.name.removesuffix("_as_tensor")] = _numbers(each, get_attribute_value(each))
    kind = next((prefix for prefix in LEAVES if f"{prefix}treeids" in found), None)
    if kind is None or "nodes_treeids" not in found:
        return None
    weight = [float(each) for each in found.get(f"{kind}weights", [])]
    trees, outputs = [*found[f"{kind}treeids"]], [*found.get(f"{kind}ids", [])]
    if not len(trees) == len(outputs) == len(weight):
        return None
    return Leaves(
        [*dict.fromkeys(found["nodes_treeids"])], trees, outputs, weight,
        any(found.get("base_values", ())), found.get("post_transform", b"NONE").decode(),
        found.get("aggregate_function", b"SUM") == b"AVERAGE", kind == LEAVES[0],
    )  # fmt: skip


def keep_trees(node: NodeProto, kept: Collection[int]) -> None:
    """Leaves out all other trees of an ensemble of the older operators."""
    named = {each.name: each for each in node.attribute}
    for prefix in ("nodes_", *LEAVES):
        ids = named.get(f"{prefix}treeids")
        if ids is None:
            continue
        wanted = frozenset(kept)
        rows = [row for row, tree in enumerate([*ids.ints]) if tree in wanted]
        for name, each in named.items():
            if name.startswith(prefix):
                _keep_rows(each, rows)


def _keep_rows(attribute: AttributeProto, rows: list[int]) -> None:
    from onnx import AttributeProto, numpy_helper

    if attribute.type == AttributeProto.TENSOR:
        array = numpy_helper.to_array(attribute.t)[rows]
        attribute.t.CopyFrom(numpy_helper.from_array(array, attribute.t.name))
        return
    for field in ("ints", "floats", "strings"):
        values = getattr(attribute, field)
        if values:
            chosen = [values[row] for row in rows]
            del values[:]
            values.extend(chosen)


def _numbers(attribute: AttributeProto, value: Any) -> Any:
    from onnx import AttributeProto, numpy_helper

    return numpy_helper.to_array(value) if attribute.type == AttributeProto.TENSOR else value
