"""What the rules about softmaxes share."""

from onnxlint import Node, Shapes, Walk

SAME_LAYOUT = frozenset({"Identity", "Cast", "Dropout"})
"""Operators that hand on their first input as it is."""

NEW_LAYOUT = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})
"""Operators that hand it on with other axes."""


def feeder(node: Node) -> tuple[Node | None, bool]:
    """The node whose numbers a node reads as its first input, and whether their axes stayed."""
    same_layout = True
    walk = Walk([node.input(0)])
    for value in walk:
        before = value.producer
        if before is None:
            break
        if before.op not in SAME_LAYOUT | NEW_LAYOUT:
            return before, same_layout
        same_layout = same_layout and before.op in SAME_LAYOUT
        walk.add(before.input(0))
    return None, same_layout


def is_prediction(node: Node) -> bool:
    """Whether a node's numbers are an output of the model as they are."""
    walk = Walk([node.output])
    for value in walk:
        if value.is_output and value.scope.parent is None:
            return True
        for follower in value.consumers:
            if follower.op in SAME_LAYOUT | NEW_LAYOUT and follower.input(0) is value:
                walk.add(follower.output)
    return False


def axes(node: Node, shapes: Shapes) -> range | None:
    """The axes that a softmax normalises over, from 0; None where the rank is unknown.

    Before opset 13 that is every axis from `axis` on.
    """
    shape = shapes.of(node.input(0))
    rank = shape.rank if shape is not None else None
    flattens = node.scope.opsets.get("", 13) < 13
    axis = node.attribute("axis", 1 if flattens else -1)
    if rank is None or not -rank <= axis < rank:
        return None
    return range(axis % rank, rank if flattens else axis % rank + 1)
