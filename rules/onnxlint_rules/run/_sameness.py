"""What the rules that compare two runs share: how grave a difference is, and what a tie is."""

from onnxlint import Behaviour, Difference, Node, Severity


def severity(behaviour: Behaviour, difference: Difference, tie: Node | None = None) -> Severity:
    """An error where decisions on the user's own data change; an info for a tie; else a warning."""
    if tie is not None:
        return Severity.INFO
    grave = difference.flipped and not behaviour.synthetic
    return Severity.ERROR if grave else Severity.WARNING


def told(difference: Difference, tie: Node | None, limit: float) -> str:
    """How far an output differs, and whether a tie explains the difference."""
    seen = difference.described(limit)
    if tie is None:
        return seen
    return f"{seen}: a tie, {tie.place} decides between scores that are equal within rounding"


def advice(tie: Node | None, otherwise: str) -> str:
    """What to do: a tie needs no repair."""
    if tie is None:
        return otherwise
    return f"compare the scores that {tie.place} reads instead of the decisions"
