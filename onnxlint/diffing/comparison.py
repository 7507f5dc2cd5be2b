"""Two open models compared, topic by topic."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.matching.folding import Foldings
from onnxlint.analyses.matching.layer_graph import LayerGraph
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.matching.ports import paired_ports
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.diffing.interface import fact_changes, port_changes
from onnxlint.diffing.layer_changes import layer_changes
from onnxlint.diffing.sizes import operator_counts, release_of
from onnxlint.diffing.weights import weight_changes
from onnxlint.findings import counted
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import NotApplicable
from onnxlint.model.preflight import Preflight
from onnxlint.release_diff import ReleaseDiff
from onnxlint.settings import Settings

STEPS = 100
"""Steps of the finer of two dtypes that outputs and ranges may differ by: rounding of a chain of
layers, as `--reference` takes it for one."""


def compared(
    old: Analyses, new: Analyses, paths: tuple[str, str], *, static_only: bool
) -> ReleaseDiff:
    """What differs between the models that two sets of analyses are of.

    Raises:
        DataError: the user's data or labels cannot be used.
    """
    for side in (old, new):
        side.start([Shapes])  # in processes of their own, side by side
    before, after = old.get(Graph), new.get(Graph)
    inputs = paired_ports(before.inputs, after.inputs)
    outputs = paired_ports(before.outputs, after.outputs)
    matching = Matching(LayerGraph(old), LayerGraph(new), inputs | outputs)
    foldings = Foldings.of(matching)
    weights = weight_changes(matching, foldings)
    found = ReleaseDiff(
        old=release_of(old, paths[0]),
        new=release_of(new, paths[1]),
        facts=tuple(fact_changes(before, after)),
        ports=(
            *port_changes("input", before.inputs, after.inputs),
            *port_changes("output", before.outputs, after.outputs),
        ),
        layers=tuple(layer_changes(matching, foldings)),
        layers_matched=len(matching.pairs),
        operators=tuple(operator_counts(before, after)),
        weights=tuple(weights.changes),
        weights_compared=weights.compared,
        weights_unchanged=weights.unchanged,
    )
    if weights.unreadable:
        told = f"the data of {counted(weights.unreadable, 'constant')} cannot be read"
        found = replace(found, not_compared={"weights": told})
    if static_only:
        return _without(found, "the models were not run (--static-only)")
    return _with_runs(found, old, new, matching, foldings, inputs, outputs)


def _with_runs(
    found: ReleaseDiff, old: Analyses, new: Analyses, matching: Matching, foldings: Foldings,
    inputs: Mapping[Value, Value], outputs: Mapping[Value, Value],
) -> ReleaseDiff:  # fmt: skip
    """The same with what was seen when both ran on the same samples."""
    from onnxlint.analyses.static.precision import Rounding
    from onnxlint.diffing.predictions import prediction_changes, score_change
    from onnxlint.diffing.ranges import range_changes
    from onnxlint.diffing.runs import NotCompared, run_both

    for side, which in ((old, "old"), (new, "new")):
        refusal = side.get(Preflight).refusal
        if refusal is not None:
            return _without(found, f"the {which} model is not run: {refusal}")
    try:
        runs = run_both(old, new, inputs)
    except NotCompared as reason:
        return _without(found, str(reason))
    tolerance = STEPS * min(side.get(Rounding).epsilon for side in (old, new))
    ranges = range_changes(old, new, matching, foldings, tolerance)
    predictions = prediction_changes(old, new, runs, outputs, tolerance)
    found = replace(
        found,
        ranges=tuple(ranges.changes),
        values_compared=ranges.compared,
        predictions=tuple(predictions.changes),
        outputs_compared=predictions.compared,
        samples=runs.samples,
        data=runs.description,
    )
    if old.get(Settings).labels is None:
        return found
    try:
        return replace(found, score=score_change(old, new))
    except NotApplicable as reason:
        return replace(found, not_compared={**found.not_compared, "labels": str(reason)})


def _without(found: ReleaseDiff, reason: str) -> ReleaseDiff:
    told = {**found.not_compared, "ranges and predictions": reason}
    return replace(found, not_compared=told)
