"""Which findings are new, and which are gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onnxlint.findings import Diagnostic


def findings_changed(
    old: Sequence[Diagnostic], new: Sequence[Diagnostic]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """The findings of the new model that the old one has not, and those that are gone.

    Each finding answers for one other: first for one of the same fingerprint, then, as names may
    have changed, for one of the same rule amid the same operators.
    """
    gone, come = _unanswered(old, new, lambda found: found.fingerprint)
    gone, come = _unanswered(gone, come, lambda found: found.structural_fingerprint)
    return come, gone


def _unanswered(
    old: Sequence[Diagnostic], new: Sequence[Diagnostic], key: Callable[[Diagnostic], str]
) -> tuple[list[Diagnostic], list[Diagnostic]]:
    """Those of both sides that have no other one of the same key, each counted once."""
    waiting: dict[str, list[Diagnostic]] = {}
    for found in reversed(old):
        waiting.setdefault(key(found), []).append(found)
    come = []
    for found in new:
        likes = waiting.get(key(found))
        if likes:
            likes.pop()
        else:
            come.append(found)
    left = {id(found) for likes in waiting.values() for found in likes}
    return [found for found in old if id(found) in left], come
