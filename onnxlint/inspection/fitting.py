"""Texts that are too wide for their column: cut in the middle, and still told from each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice

CUT = "…"
TIMES = "\N{MULTIPLICATION SIGN}"

_PIECE = re.compile(r"[^./:]*[./:]*")
_PIECE_NAME = re.compile(r"([^./:])[^./:]*")
_IN_TYPE = re.compile(r"[^,\[\]]+(?=[,\]])")
_IN_DIMS = re.compile(f"[^{TIMES}]+")
"""A size in `float[batch_size, 3]`, and where they stand alone."""

MOST_TRIES = 64
"""Ways of cutting that are tried to tell texts apart: a choice, more than columns are wide."""

LONGEST = 1000
"""Characters of a text that are looked at, half of them from its end."""

MOST_PIECES = 40
"""Parts of a path that are left out one by one: a choice, three times the deepest seen."""


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut_apart(texts: Iterable[str], width: int) -> Mapping[str, str]:
    """Every text in at most so many columns; different ones stay different where any cut does so.

    Of paths like `encoder.layers.0.self_attn.q_proj` names in the middle go first, and numbers
    last. Texts that a cut makes equal are cut in another way, all of them in the same.
    """
    found = {text: text for text in texts if width_of(text) <= width}
    taken = set(found.values())
    left = {text: islice(_cuts(text, width), MOST_TRIES) for text in texts if text not in found}
    first: dict[str, str] = {}
    while left:
        groups: dict[str, list[str]] = defaultdict(list)
        for text, ways in [*left.items()]:
            way = next(ways, None)
            if way is None:  # nothing tells it from another
                found[text] = first[text]
                del left[text]
            else:
                first.setdefault(text, way)
                groups[way].append(text)
        for way, alike in groups.items():
            if len(alike) == 1 and way not in taken:
                found[alike[0]] = way
                taken.add(way)
                del left[alike[0]]
    return found


def cut_types(texts: Iterable[str], width: int) -> Mapping[str, str]:
    """Types like `float[batch_size, 3]` in at most so many columns: their names become shorter."""
    return {text: _with_short_sizes(text, _IN_TYPE, width) for text in texts}


def cut_dims(texts: Iterable[str], width: int) -> Mapping[str, str]:
    """The same for sizes alone, with crosses between them."""
    return {text: _with_short_sizes(text, _IN_DIMS, width) for text in texts}


def cut_lists(texts: Iterable[str], width: int) -> Mapping[str, str]:
    """Lists with commas in at most so many columns: `#1, #2, +5` counts those left out."""
    return {text: _cut_list(text, width) for text in texts}


def cut(text: str, width: int) -> str:
    """A text in at most so many columns, without its middle."""
    return text if width_of(text) <= width else next(_halves(text, width))


def _with_short_sizes(text: str, size: re.Pattern[str], width: int) -> str:
    short = text
    for longest in (12, 8, 5, 4, 3, 2):
        if width_of(short) <= width:
            break
        short = size.sub(partial(_begun, longest=longest), text)
    return cut(short, width)


def _begun(found: re.Match[str], longest: int) -> str:
    text = found[0].strip()
    space = found[0][: len(found[0]) - len(found[0].lstrip())]
    return space + (text if len(text) <= longest or text.isdigit() else text[: longest - 1] + CUT)


def _cut_list(text: str, width: int) -> str:
    items = text.split(", ")
    for kept in range(len(items), 0, -1):
        more = [f"+{len(items) - kept}"] if kept < len(items) else []
        told = ", ".join([*items[:kept], *more])
        if width_of(told) <= width:
            return told
    more_text = f", +{len(items) - 1}" if len(items) > 1 else ""
    return cut(items[0], max(1, width - len(more_text))) + more_text


def _cuts(text: str, width: int) -> Iterator[str]:
    """Ways of cutting a text, the best one first."""
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + CUT + text[-LONGEST // 2 :]
    pieces = [piece for piece in _PIECE.findall(text) if piece]
    if 1 < len(pieces) <= MOST_PIECES:
        yield from (way for order in _orders(pieces) if (way := _without(pieces, order, width)))
        yield CUT + next(_halves(pieces[-1], width - 1))
        yield from _initials(pieces, width)
    yield from _halves(text, width)


def _orders(pieces: list[str]) -> Iterator[list[int]]:
    """Which pieces of a path go, one after the other; the last one stays."""
    names = [place for place, piece in enumerate(pieces[:-1]) if not piece[0].isdigit()]
    numbers = [place for place, piece in enumerate(pieces[:-1]) if piece[0].isdigit()]
    inner = [place for place in names if place > 0]
    outer = [place for place in names if place == 0]
    yield inner + outer + numbers
    yield inner[::-1] + outer + numbers
    yield outer + inner + numbers
    yield outer + inner[::-1] + numbers


def _without(pieces: list[str], order: list[int], width: int) -> str | None:
    """The text without as many pieces as must go, the last of which may leave its beginning."""
    kept = [*pieces]
    for place in order:
        kept[place] = ""
        text = _joined(kept)
        if width_of(text) <= width:
            kept[place] = pieces[place].rstrip("./:")[: max(0, width - width_of(text) - 1)] + CUT
            fuller = _joined(kept)
            return fuller if len(kept[place]) > 2 and width_of(fuller) <= width else text
    return None


def _initials(pieces: list[str], width: int) -> Iterator[str]:
    """The first letters of names, numbers whole, and as much of the last piece as there is room."""
    short = [
        piece if piece[0].isdigit() else _PIECE_NAME.sub(r"\1", piece) for piece in pieces[:-1]
    ]
    for start in reversed(range(len(short))):
        text = (CUT if start else "") + "".join(short[start:])
        room = width - width_of(text)
        if room >= width_of(pieces[-1]):
            yield text + pieces[-1]
        elif room > 2:
            yield text + next(_halves(pieces[-1], room))
            yield text + _taken(pieces[-1], room - 1) + CUT


def _joined(pieces: list[str]) -> str:
    """The pieces with a mark for those that are empty."""
    text = ""
    for piece in pieces:
        if piece:
            text += piece
        elif not text.endswith(CUT):
            text = text.rstrip("./:") + CUT
    return text


def _halves(text: str, width: int) -> Iterator[str]:
    """Beginning and end; first with two thirds at the end, then with all other shares."""
    space = max(0, width - 1)
    shares = sorted(range(space + 1), key=lambda head: abs(head - space // 3))
    for head in shares:
        yield _taken(text, head) + CUT + _taken(text[::-1], space - head)[::-1]


def _taken(text: str, width: int) -> str:
    """The beginning of a text, in at most so many columns."""
    taken = text[:width]
    while width_of(taken) > width:
        taken = taken[:-1]
    return taken
