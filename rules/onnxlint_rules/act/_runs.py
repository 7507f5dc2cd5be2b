"""In how many runs a node shows a fault."""

from onnxlint import Contamination, counted


def in_runs(found: Contamination) -> str:
    """`3 of 8 runs`."""
    return f"{found.runs:,} of {counted(found.of_runs, 'run')}"
