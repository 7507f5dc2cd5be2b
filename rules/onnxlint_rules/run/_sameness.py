"""What the rules about sameness share: how grave a difference is, and what a tie is."""

from onnxlint import Behaviour, Difference, Node, Severity


def severity(behaviour: Behaviour, difference: Difference, tie: Node | None = None) -> Severity:
    """An error where decisions on the user's own data change; an info for a tie; else a warning."""
    if tie is not None:
        return Severity.INFO
    grave = difference.flipped and not behaviour.synthetic
    return Severity.ERROR if grave else Severity.WARNING


def told(difference: Difference, tie: Node | None) -> str:
    """How far it differs, and that it does so by a tie."""
    if tie is None:
        return str(difference)
    return f"{difference}: a tie, {tie.place} decides between scores that are equal within rounding"
