"""What was probably meant by a word that is not known: for hints in messages."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """The known word that is most like it, if one is alike enough."""
    from difflib import get_close_matches  # only a mistake loads it

    return get_close_matches(word, list(known), n=1, cutoff=cutoff)
