"""Outputs that differ only by a decision between scores that agree."""

from collections.abc import Iterator

from onnxlint import Finding, Node, OutputDifference, Reference, Severity
from onnxlint_rules.cmp._divergences import distance, share, worst_of


def tied(
    reference: Reference, ties: dict[OutputDifference, Node | None], limit: float
) -> Iterator[Finding]:
    """Only decisions differ, between scores that agree."""
    if not ties:
        return
    worst = worst_of(ties)
    node = ties[worst]
    assert node is not None
    yield Finding(
        worst,
        f"{distance(worst, len(ties), reference.samples, limit)}: a tie, {node.place} decides "
        f"between scores that agree within {share(limit)}",
        measured=None if worst.misfit else worst.error,
        limit=limit,
        unit="relative L2 error",
        severity=Severity.INFO,
        hint=f"compare the scores that {node.place} reads instead of the decisions",
    )
