"""Numbers of samples and runs, as messages write them."""

from onnxlint import Contamination


def counted(number: int, noun: str) -> str:
    """The number with its noun: `1 sample`, `1,024 samples`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def all_of(number: int, noun: str) -> str:
    """Every one of them: `all 8 samples`, `the only sample`."""
    return f"the only {noun}" if number == 1 else f"all {number:,} {noun}s"


def in_runs(found: Contamination) -> str:
    """In how many of the runs a node showed a fault: `3 of 8 runs`."""
    return f"{found.runs:,} of {counted(found.of_runs, 'run')}"
