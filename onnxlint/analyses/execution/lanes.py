"""How many runs of a model are made side by side in its worker."""

from __future__ import annotations

from onnxlint.analyses.static.operation_counts import mean_product
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import DRAWING

LANES = 2
"""Where runs may be made side by side, so many are, on every machine: what is added up depends on
it in its last bits."""

SMALL_PRODUCT = 6e7
"""Operations of a layer, up to which two runs side by side take less time than one after the other:
on two cores, DenseNet-121 (4e7) half to three quarters of it, ResNet-50 (1e8) as long."""

LARGEST_VALUE = 8 * 1024 * 1024
"""Bytes of a value up to which a second run may take the memory of the first again: a choice."""


def lanes(graph: Graph, shapes: Shapes) -> int:
    """One where two would gain nothing, take much memory, or disturb what is drawn by chance."""
    if any(map(_draws, graph.nodes())) or mean_product(graph, shapes) > SMALL_PRODUCT:
        return 1
    known = filter(None, map(shapes.of, graph.main.values.values()))
    of_values = {id(shape): shape for shape in known}.values()  # many values have one shape
    largest = max((shape.nbytes(unknown=0) for shape in of_values), default=0)
    return LANES if largest <= LARGEST_VALUE else 1


def _draws(node: Node) -> bool:
    return node.op in DRAWING or (node.op == "Dropout" and node.input(2) is not None)
