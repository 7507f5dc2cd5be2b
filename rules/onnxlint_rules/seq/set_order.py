"""SEQ006 set-order."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import DeclaredSets, Finding, Option, Severity, rule


@rule("SEQ006", "set-order", severity=Severity.ERROR)
def set_order(
    sets: DeclaredSets, *,
    max_difference: Annotated[
        float, Option("difference of an output", unit="fraction of the peak")
    ] = 0.002,
) -> Iterator[Finding]:  # fmt: skip
    """An input declared a set whose order changes an output.

    Why: the points of a cloud, the atoms of a molecule and the items of a basket come in any order.
    A model that answers by it has learned the order of its training files. That an input is a set
    cannot be read off a graph for sure, so it is declared: `set-axis` in the table of the input.
    The members are shuffled along this axis, and with them what counts the same members, by the
    symbol of the axis, as a mask does; every output must stay, or be shuffled likewise. The limit
    leaves room for sums in another order, 1e-6 of the peak in float32.
    Fix: pool by sum, mean or maximum over the members; take positional encodings and recurrent
    layers out.

    Bad:
    # config: inputs.points.set-axis = 1
    net (float[N, 4, 2] points) => (float[N, 2] y)
    <float[1, 4, 1] w = {0.1, 0.2, 0.3, 0.4}, int64[1] members = {1}>
    {
        weighed = Mul(points, w)
        y = ReduceMean <keepdims = 0> (weighed, members)
    }

    Good:
    # config: inputs.points.set-axis = 1
    net (float[N, M, 2] points) => (float[N, 2] y, float[N, M, 2] z)
    <int64[1] members = {1}>
    {
        mean = ReduceMean(points, members)
        z = Sub(points, mean)
        y = ReduceMax <keepdims = 0> (points, members)
    }
    """
    for shuffled in sets.shuffled:
        if shuffled.difference.exceeds(max_difference):
            yield Finding(
                shuffled,
                f"changes when the {shuffled.members} members of {shuffled.input.name!r} are "
                f"shuffled along axis {shuffled.axis}, "
                f"{shuffled.difference.described(max_difference)}",
                measured=shuffled.difference.measured,
                limit=shuffled.difference.limit(max_difference),
                unit="fraction of the peak",
                hint="pool over the members by sum, mean or maximum, without positions",
            )
