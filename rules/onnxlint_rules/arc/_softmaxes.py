"""What the rules about softmaxes share."""

from onnxlint import Node, Shapes, Value, Walk, WayBack
from onnxlint.model.graph.operators import LAYOUT, MOVING


class Feeders:
    """Finds the node whose numbers a node reads as its first input."""

    def __init__(self) -> None:
        self._behind = WayBack(_laid_out, _made, _passed)

    def of(self, node: Node) -> tuple[Node | None, bool]:
        """That node, and whether the axes stayed; none where it is an input or the node itself."""
        value = node.input(0)
        nearest = None if value is None else value.producer
        if value is None or nearest is None or nearest.op not in MOVING:  # as most are
            made, same_layout = nearest, True
        else:
            made, same_layout = self._behind(value)
        return (None if made is node else made), same_layout


def _laid_out(value: Value) -> Value | None:
    """What a value is handed on from."""
    node = value.producer
    return node.input(0) if node is not None and node.op in MOVING else None


def _made(value: Value) -> tuple[Node | None, bool]:
    node = value.producer
    return (None if node is not None and node.op in MOVING else node), True


def _passed(value: Value, behind: tuple[Node | None, bool]) -> tuple[Node | None, bool]:
    node = value.producer
    return behind[0], behind[1] and node is not None and node.op not in LAYOUT


def is_prediction(node: Node) -> bool:
    """Whether a node's numbers are an output of the model as they are."""
    walk = Walk([node.output])
    for value in walk:
        if value.is_output and value.scope.parent is None:
            return True
        for follower in value.readers:
            if follower.op in MOVING and follower.input(0) is value:
                walk.add(follower.output)
    return False


def axes(node: Node, shapes: Shapes) -> range | None:
    """The axes that a softmax normalises over, from 0; None where the rank is unknown.

    Before opset 13 that is every axis from `axis` on.
    """
    rank, flattens = shapes.rank(node.input(0)), node.scope.opsets.get("", 13) < 13
    first = shapes.axis(node.input(0), node.attribute("axis", 1 if flattens else -1))
    if rank is None or first is None:
        return None
    return range(first, rank if flattens else first + 1)


def runs_over_rows(node: Node, shapes: Shapes) -> bool:
    """Whether a softmax normalises each row, along the last axis; where unknown it may."""
    shape, over = shapes.of(node.input(0)), axes(node, shapes)
    if shape is None or over is None:
        return True
    several = [axis for axis in over if shape.dim(axis) != 1]
    return len(several) < 2 and over[-1] == (shape.rank or 0) - 1
