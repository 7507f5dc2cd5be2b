"""How grave it is that an output cannot give all labels."""

from onnxlint import Reachable, Severity

ERROR_SHARE = 0.05
"""Share of labels from which on the head does not fit them; fewer are outliers. A choice."""

MOST_OF_TREES = 0.5
"""For trees, whose leaves are means: half of the labels of an outer leaf lie beyond it."""


def severity_of(reachable: Reachable, min_share: float = ERROR_SHARE) -> Severity | None:
    """An error, an info for some outliers, or None where all is well or another rule tells."""
    if not reachable.beyond.any() or reachable.is_mapped:
        return None
    if reachable.scores.task != "regression":
        return Severity.ERROR
    if reachable.by_trees:
        is_other = reachable.far >= min_share or reachable.share >= MOST_OF_TREES
        return Severity.ERROR if is_other and reachable.low != reachable.high else None
    return Severity.ERROR if reachable.share >= min_share else Severity.INFO
