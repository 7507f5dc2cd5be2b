"""How sure a collapse is, and what to say about it."""

from onnxlint import Collapse, Severity, Trace


def told(collapse: Collapse, samples: int, limit: float) -> str:
    """What was seen, and from where on no input matters."""
    seen = f"identical for all {samples:,} samples"
    if collapse.is_head:
        seen = (
            f"all {collapse.rows:,} predictions on {samples:,} samples are nearly identical: "
            f"relative spread {collapse.spread:.2g} (limit {limit:g})"
        )
        if collapse.log_odds_spread >= limit:
            seen += f"; relative spread of the log-odds {collapse.log_odds_spread:.2g}"
    elif not collapse.is_equal:
        seen = "holds only the sign of a value"
    proof = collapse.proof
    if proof is None or proof.ended_at is None:
        return seen
    return f"{seen}, proven for every input: {proof.ended_at.place}: {proof.why}"


def where_to_look(collapse: Collapse, trace: Trace) -> str:
    """Where to look."""
    proof = collapse.proof
    if proof is not None and proof.ended_at is not None:
        return f"fix {proof.ended_at.place}: nothing computed after this node depends on the input"
    if trace.synthetic:
        return "run with your own samples (--data): synthetic ones may all belong to one class"
    return "look for dead and all-zero layers (ACT003, WGT002), and check that weights were loaded"


def severity_of(
    collapse: Collapse, trace: Trace, least: int, least_if_sure: int, limit: float
) -> Severity:
    """A warning where it is proven or enough of the user's data shows it."""
    if collapse.is_meant:
        return Severity.INFO
    if collapse.proof is not None:
        return Severity.WARNING
    needed = 0 if collapse.is_head else least
    if collapse.log_odds_spread >= limit:
        needed = least_if_sure
    is_shown = trace.samples >= needed and not trace.synthetic
    return Severity.WARNING if is_shown else Severity.INFO
