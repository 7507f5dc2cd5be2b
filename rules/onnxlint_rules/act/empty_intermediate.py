"""ACT014 empty-intermediate."""

from collections.abc import Iterator

from onnxlint import Activations, Finding, Severity, Trace, rule

_DATA_DECIDES = ("Compress", "NonMaxSuppression", "NonZero", "Unique")
"""Operators that may well find nothing in noise."""


@rule("ACT014", "empty-intermediate", severity=Severity.INFO)
def empty_intermediate(trace: Trace, activations: Activations) -> Iterator[Finding]:
    """A value without a single element, in every run.

    Why: everything computed from it is empty, too, or made up: a sum over nothing is 0, a mean NaN,
    a maximum minus infinity. Slices beyond the end are legal and silent. Only the first such value
    is told, and on made-up samples none that a search of the data (NonZero, NonMaxSuppression) left
    empty.
    Fix: compare the bounds of the slice or split with the sizes that the model is fed; where the
    branch is meant for other inputs, feed some of those.

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
        if trace.synthetic and producer is not None and producer.op in _DATA_DECIDES:
            continue
        shape = " x ".join(map(str, empty.statistics.shape))
        yield Finding(
            empty,
            f"it has no element on any of {trace.samples} samples: its shape is {shape}",
            measured=0,
            limit=1,
            unit="elements",
        )
