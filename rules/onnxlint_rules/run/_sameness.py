"""What the rules about sameness share: how grave a difference is."""

from onnxlint import Behaviour, Difference, Severity


def severity(behaviour: Behaviour, difference: Difference) -> Severity:
    """An error where decisions on the user's own data change; else a warning."""
    grave = difference.flipped and not behaviour.synthetic
    return Severity.ERROR if grave else Severity.WARNING
