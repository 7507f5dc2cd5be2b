"""How alike the layers of both models are on the same samples, by linear CKA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.comparison.similarity import (
    LEAST,
    Side,
    affordable,
    similarities,
    together,
)
from onnxlint.analyses.comparison.value_pairing import ComparedModel
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.matching.folding import Foldings
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.diffing.runs import SameRuns
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.release_diff import LayerAlignment

if TYPE_CHECKING:
    from onnxlint.types import Feed


class Alignments(Struct, frozen=True):
    """The layers in the order of the new model, over so many samples; None: too few."""

    layers: tuple[LayerAlignment, ...] = ()
    samples: int | None = None


def alignments(
    old: Analyses, new: Analyses, matching: Matching, foldings: Foldings, runs: SameRuns
) -> Alignments:
    """Those of the layers that both have."""
    if runs.samples < LEAST:
        return Alignments()
    models = [ComparedModel(each.get(Graph), each.get(Shapes), each.get(Weights))
              for each in (new, old)]  # fmt: skip
    count = min(runs.samples, *map(affordable, models))
    sides = [
        Side(model, _feeds(ran, count), each.get(Worker), count)
        for model, ran, each in zip(models, (runs.new, runs.old), (new, old), strict=True)
    ]
    likes: dict[Value, Value] = {}
    layers = {}
    for one, other in matching.pairs.items():
        was, now = (foldings.behind.get(each, each).output for each in (one, other))
        if was is not None and now is not None and now not in likes:
            likes[now], layers[now] = was, other
    try:
        found = [*similarities(sides[0], sides[1], likes, {})]
    except Unavailable:  # some kernel exists only when fused
        return Alignments()
    told = (LayerAlignment(matching.new.ref(layers[each.value]), each.cka) for each in found)
    return Alignments(tuple(told), count)


def _feeds(ran: Execution, count: int) -> list[Feed]:
    assert ran.attempt is not None
    return together(ran.attempt.feeds, ran.inputs.slots, count)
