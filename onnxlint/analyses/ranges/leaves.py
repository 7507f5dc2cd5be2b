"""The ranges of a model's inputs: declared, told by the graph, or those of the dtype."""

from __future__ import annotations

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.ranges.range import Range, limits
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings


def leaves(graph: Graph, shapes: Shapes, inputs: Inputs, settings: Settings) -> dict[str, Range]:
    """The range of each input of the model, by name."""
    known = {}
    for value in graph.inputs:
        shape = shapes.of(value)
        if shape is None:
            continue
        low, high = limits(shape.element_type)
        contract = settings.inputs.get(value.name)
        declared = contract.range if contract is not None else None
        whole = not is_float(shape.element_type)
        if declared is not None:
            known[value.name] = Range.of(*declared, varies=True, integer=whole)
        else:
            known[value.name] = Range.of(low, high, free=True, varies=True, integer=whole)
    return known
