"""An operand that may lie where its operator fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.analyses.ranges.zones import Kind, Zone


class Hazard(Struct, frozen=True, eq=False):
    """An operand that may lie where its operator fails.

    Attributes:
        node: the operator.
        operand: the value that it reads.
        zone: the numbers that it must not have.
        range: what the operand may be, after all refinements.
        way: the nodes that made the operand what it is, the nearest first; three at most.
        reaches: the outputs of the model that what comes out gets to; None where it was not
            followed to the end.
        certain: every element lies in the zone, whatever is fed.
        of_sizes: the operand is computed of sizes, which may be larger than the model was made for.
    """

    node: Node
    operand: Value
    zone: Zone
    range: Range
    way: tuple[Node, ...]
    reaches: tuple[Value, ...] | None
    certain: bool
    of_sizes: bool = False

    @property
    def kind(self) -> Kind:
        """What goes wrong."""
        return self.zone.kind

    @property
    def is_tight(self) -> bool:
        """Whether the bounds are met by some input of which more is known than its dtype."""
        return not (self.range.free or self.range.loose)
