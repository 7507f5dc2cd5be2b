"""Whether PRD002 or PRD004 warn that a labelled output is always the same."""

from onnxlint import Collapses, Predictions, Scores, Severity, Trace
from onnxlint_rules.prd._collapses import severity_of

SPREAD = 0.001
ENOUGH = 100
LEAST, LEAST_IF_SURE = 8, 300
"""The defaults of both rules' options."""


def is_told(
    scores: Scores, predictions: Predictions | None, collapses: Collapses | None, trace: Trace
) -> bool:
    """Whether it is, at least by their own defaults."""
    value = scores.output.value
    for collapse in collapses.within(SPREAD) if collapses is not None else ():
        severity = severity_of(collapse, trace, LEAST, LEAST_IF_SURE, SPREAD)
        if collapse.value is value and severity is Severity.WARNING:
            return True
    heads = [each for each in predictions or () if each.head.value is value]
    return trace.samples >= ENOUGH and any(
        len(set(each.winners.tolist())) == 1 and not each.head.guessed and not each.is_multi_label
        for each in heads
    )
