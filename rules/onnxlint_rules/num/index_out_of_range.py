"""NUM008 index-out-of-range."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint.model.graph.operators import REFUSING_INDICES
from onnxlint_rules.num._judging import judged


@rule("NUM008", "index-out-of-range", severity=Severity.WARNING, ops=REFUSING_INDICES)
def index_out_of_range(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """An index that may lie outside of the axis that it points into.

    Why: onnxruntime ends the run with an error, other runtimes read foreign memory or clip.
    Positions beyond a table, bins of a histogram and rounded coordinates reach it for some inputs
    alone.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: limit the index to the axis (Clip, Min), or make the table larger.

    Bad:
    # a bin for a number up to and with 1: the last one is 10
    # config: inputs.x.range = [0, 1]
    net (float[N] x) => (float[N] y)
    <float[10] table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, float ten = {10}>
    {
        scaled = Mul(x, ten)
        below = Floor(scaled)
        bin = Cast <to = 7> (below)
        y = Gather(table, bin)
    }

    Good:
    # config: inputs.x.range = [0, 1]
    net (float[N] x) => (float[N] y)
    <float[10] table = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, float nine = {9}>
    {
        scaled = Mul(x, nine)
        near = Round(scaled)
        bin = Cast <to = 7> (near)
        y = Gather(table, bin)
    }
    """
    yield from judged("NUM008", hazards, shown, "index", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return f"limit {hazard.operand.name!r} to the axis with Clip, or make the table larger"
