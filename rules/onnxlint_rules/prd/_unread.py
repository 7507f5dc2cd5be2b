"""Findings about positions of an input that nothing reads."""

from onnxlint import Finding, Severity, Unread, counted

MOST_NAMED = 4
"""Ranges that are listed; more are counted."""


def without_weights(unread: Unread) -> Finding:
    assert unread.zeros is not None
    convolves = unread.zeros.op == "Conv"
    return Finding(
        unread,
        f"not read: the weights of {_named(unread)} in {unread.zeros.place} are all zero",
        measured=unread.count,
        limit=0,
        unit="features",
        severity=Severity.WARNING if convolves else Severity.INFO,
        hint=f"drop the unused part of {unread.input.name!r}, or check why {unread.zeros.place} "
        "learned no weights for this part",
    )


def without_effect(unread: Unread, max_unread: float) -> Finding:
    grave = unread.count > max_unread * unread.size and unread.picked is None
    is_table = unread.channels and not unread.has_places
    picked = f"; {unread.picked.place} picks the others" if unread.picked is not None else ""
    return Finding(
        unread,
        f"no output depends on {_named(unread)}: bit-identical for other values on "
        f"{counted(unread.samples, 'sample')} (limit {max_unread:.0%}){picked}",
        measured=unread.count / unread.size,
        limit=max_unread,
        unit="fraction of positions",
        severity=Severity.WARNING if grave and not is_table else Severity.INFO,
        hint=f"check whether {unread.picked.place} picks the intended positions"
        if unread.picked is not None
        else f"follow {unread.input.name!r} to the Gather, Slice or Split that drops positions",
    )


def _named(unread: Unread) -> str:
    ranges = [str(r.start) if len(r) == 1 else f"{r.start} to {r.stop - 1}" for r in unread.ranges]
    more = f" and {len(ranges) - MOST_NAMED} more ranges" if len(ranges) > MOST_NAMED else ""
    named = ", ".join(ranges[:MOST_NAMED]) + more
    return f"{unread.count} of {unread.size} positions along axis {unread.axis} ({named})"
