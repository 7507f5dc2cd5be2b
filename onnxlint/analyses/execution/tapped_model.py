"""Puts taps into a model: nodes that show a value while it runs, see `runtime.worker.taps`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.model.file.making import make_node
from onnxlint.runtime import COMPILED, DOMAIN

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPERATOR = "Tap"

UNSEEN = -1
"""The number of a tap that shows nothing."""


def can_tap(model: ModelProto) -> bool:
    """Whether there are operators of ours, which are compiled on installation.

    What imports no opset is refused by onnxruntime, and would not be if it imported ours.
    """
    return Path(COMPILED).exists() and bool(model.opset_import)


def tap(model: ModelProto, names: Sequence[str]) -> None:
    """Adds a tap on each of these values of the main graph, numbered in this order.

    onnxruntime goes from the leaves of a graph back to what they need, the last leaf first: as the
    taps are all the leaves, and stand in reverse, each runs as soon as its value is there. So the
    outputs are tapped as well, to show nothing.
    """
    nodes = [*_taps(model, names)]
    model.graph.node.extend(reversed(nodes))
    model.opset_import.add(domain=DOMAIN, version=1)


def _taps(model: ModelProto, names: Sequence[str]) -> Iterator[NodeProto]:
    outputs = (value.name for value in model.graph.output if value.type.HasField("tensor_type"))
    numbers = dict.fromkeys(outputs, UNSEEN) | {name: at for at, name in enumerate(names)}
    for value in (value for node in model.graph.node for value in node.output):
        if value in numbers:
            name = f"onnxlint-tap:{value}"
            number = numbers[value]
            yield make_node(OPERATOR, [value], [name], name=name, domain=DOMAIN, tap=number)
