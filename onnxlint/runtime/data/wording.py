"""Text of data files as sentences quote it: a cell, or a list of names, can be any number long."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_QUOTE = 60
"""Characters of a cell or name that a sentence quotes: one line of a terminal holds two."""

MOST_NAMES = 10
"""Names that a sentence lists; of more the number is told."""


def shortened(text: str) -> str:
    """The text in one line, cut where it is long."""
    line = " ".join(text[: 4 * LONGEST_QUOTE].split())
    return line if len(line) < 4 * LONGEST_QUOTE else f"{line[: 4 * LONGEST_QUOTE - 1]}…"


def quoted(text: object) -> str:
    """A cell or name in quotes, cut where it is long."""
    whole = str(text)
    return repr(whole) if len(whole) <= LONGEST_QUOTE else f"{whole[:LONGEST_QUOTE]!r}…"


def listed(names: Sequence[str]) -> str:
    """The first names in quotes, and how many more there are."""
    told = ", ".join(map(quoted, names[:MOST_NAMES]))
    more = len(names) - MOST_NAMES
    return f"{told} and {more:,} more" if more > 0 else told
