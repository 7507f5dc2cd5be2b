"""Puts taps into a model: nodes that show a value while it runs, see `runtime.worker.taps`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.model.file.making import make_node
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime import COMPILED, DOMAIN

if TYPE_CHECKING:
    from onnx import ModelProto

OPERATOR = "Tap"

UNSEEN = -1
"""The number of a tap that shows nothing."""


def can_tap(model: ModelProto) -> bool:
    """Whether there are operators of ours, which are compiled on installation.

    What imports no opset is refused by onnxruntime, and would not be if it imported ours.
    """
    return Path(COMPILED).exists() and bool(model.opset_import)


def numbered(graph: Graph, names: Sequence[str]) -> dict[str, int]:
    """What is tapped, in the order of the file: these values of the main graph, by number.

    onnxruntime goes from the leaves of a graph back to what they need, the last leaf first: as the
    taps are all the leaves, and stand in reverse, each runs as soon as its value is there. So the
    outputs are tapped as well, to show nothing.
    """
    outputs = (
        value for value in graph.model.proto.graph.output if value.type.HasField("tensor_type")
    )
    numbers = {value.name: UNSEEN for value in outputs}
    numbers |= {name: number for number, name in enumerate(names)}
    made = (value.name for node in graph.main.nodes for value in node.outputs if value is not None)
    return {name: numbers[name] for name in made if name in numbers}


def tap(model: ModelProto, numbers: Mapping[str, int]) -> None:
    """Adds taps with these numbers on values, which come in the order of the file."""
    for value, number in reversed([*numbers.items()]):
        name = f"onnxlint-tap:{value}"
        node = make_node(OPERATOR, [value], [name], name=name, domain=DOMAIN, tap=number)
        model.graph.node.append(node)
    model.opset_import.add(domain=DOMAIN, version=1)
