"""ACT014 empty-intermediate."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Severity, Trace, rule
from onnxlint.model.graph.operators import DATA_SIZED
from onnxlint_rules._counts import all_of


@rule("ACT014", "empty-intermediate", severity=Severity.INFO)
def empty_intermediate(trace: Trace, activations: Activations) -> Iterator[Finding]:
    """An intermediate tensor that is empty in every run.

    Why: everything computed from it is empty too, or filled with defaults: a sum over nothing is 0,
    a mean NaN, a maximum minus infinity. Slices beyond the end are legal and silent. Only the first
    such value on a path is reported, and on synthetic samples none that a search of the data
    (NonZero, NonMaxSuppression) left empty.
    Fix: compare the bounds of the slice or split with the shapes of the inputs; where the branch is
    meant for other inputs, run with some of those.

    Bad:
    # columns 4 to 8 of four
    net (float[N, 4] x) => (float[N, 4] y)
    <int64[1] from = {4}, int64[1] to = {8}, int64[1] axis = {1}>
    {
        part = Slice(x, from, to, axis)
        total = ReduceSum(part, axis)
        y = Add(x, total)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <int64[1] from = {2}, int64[1] to = {8}, int64[1] axis = {1}>
    {
        part = Slice(x, from, to, axis)
        total = ReduceSum(part, axis)
        y = Add(x, total)
    }
    """
    for empty in activations.firsts(activations.empty()):
        producer = empty.value.producer
        if trace.synthetic and producer is not None and producer.op in DATA_SIZED:
            continue
        shape = list(empty.statistics.shape)
        maker = producer.op if producer is not None else "the node before"
        yield Finding(
            empty,
            f"empty for {all_of(trace.samples, 'sample')}: shape {shape}",
            measured=0,
            limit=1,
            unit="elements",
            hint=f"compare the bounds of {maker} with the shape that {maker} reads, or run with "
            "inputs for which this value is not empty",
        )
