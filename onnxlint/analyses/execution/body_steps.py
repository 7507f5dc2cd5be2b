"""How If, Loop and Scan run their bodies, step by step, as the specification tells it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from onnxlint.analyses.static.body_models import Body, branch
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.types import Array

Steps: TypeAlias = "Generator[dict[str, Array], list[Array], None]"
"""Gives what each step of a body is fed, and takes what its outputs were."""

Read: TypeAlias = "Callable[[Value | None], Array]"

MATCH_INPUTS = "give the body one input for each value that the node passes to it"


class Unknown(Exception):  # noqa: N818 - nothing failed: it is not traced
    """A body is not traced, for the reason that is given; the hint says what to do about it."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


def steps(body: Body, read: Read, most: int) -> Steps:
    """The steps of a body, `most` at most; none of a branch that is not taken.

    Raises:
        Unknown: what it reads is not known, or it is written in a way that is not known.
    """
    node = body.owner
    if node.op == "If" and node.called is None:
        is_taken = bool(read(node.input(0)).all())
        if branch(body) == ("then_branch" if is_taken else "else_branch"):
            yield {}
    elif node.op == "Loop" and node.called is None:
        yield from _loop(body, read, most)
    elif node.op == "Scan" and node.called is None:
        yield from _scan(body, read, most)
    else:
        yield {}


def carried(body: Body) -> Sequence[Value]:
    """The outputs of a body that its next step reads."""
    outputs, node = body.scope.outputs, body.owner
    if node.op == "Loop" and node.called is None:
        return outputs[: max(1, len(node.inputs) - 1)]
    if node.op == "Scan" and node.called is None:
        return outputs[: max(0, len(node.inputs) - _scanned(node))]
    return ()


def _loop(body: Body, read: Read, most: int) -> Steps:
    import numpy as np

    node, names = body.owner, [value.name for value in body.scope.inputs]
    ranks = [_declared_rank(value) for value in body.scope.inputs[:2]]
    if node.input(0) is not None:
        most = min(most, int(read(node.input(0)).reshape(-1)[0]))
    going = np.asarray(True) if node.input(1) is None else read(node.input(1))
    states = [read(value) for value in node.inputs[2:]]
    if len(names) != 2 + len(states):
        raise Unknown("the body has a different number of inputs", MATCH_INPUTS)
    for trip in range(most):
        if not going.all():
            return
        first = [
            np.asarray(trip, np.int64).reshape((1,) * ranks[0]),
            going.reshape((1,) * ranks[1]),
        ]
        going, *states = yield dict(zip(names, [*first, *states], strict=True))


def _scan(body: Body, read: Read, most: int) -> Steps:
    import numpy as np

    node, count = body.owner, _scanned(body.owner)
    if body.scope.opsets.get("", 0) < 9:
        raise Unknown("Scan before opset 9 is not traced", "convert the model to opset 9 or later")
    arrays, names = [*map(read, node.inputs)], [value.name for value in body.scope.inputs]
    if len(names) != len(arrays) or not 0 < count <= len(names):
        raise Unknown("the body has a different number of inputs", MATCH_INPUTS)
    states, scanned = arrays[:-count], arrays[-count:]
    axes = node.integers("scan_input_axes") or [0] * count
    backwards = node.integers("scan_input_directions") or [0] * count
    if not len(axes) == len(backwards) == count:
        raise Unknown(
            "the axes do not match the inputs",
            "give scan_input_axes and scan_input_directions one entry for each scanned input",
        )
    moved = [np.moveaxis(array, axis, 0) for array, axis in zip(scanned, axes, strict=True)]
    for step in range(min(most, *map(len, moved))):
        slices = [
            np.ascontiguousarray(array[-1 - step if back else step])
            for array, back in zip(moved, backwards, strict=True)
        ]
        states = yield dict(zip(names, [*states, *slices], strict=True))


def _scanned(node: Node) -> int:
    count: int = node.attribute("num_scan_inputs", 0)
    return count


def _declared_rank(value: Value) -> int:
    """Some exporters declare the number of the trip, and the condition, as vectors of one."""
    declared = value.type is not None and value.type.tensor_type.HasField("shape")
    return min(1, len(value.type.tensor_type.shape.dim)) if declared and value.type else 0
