"""Which words a tokenizer's expression can give, by the part of RE2 that tokenizers are made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from unicodedata import category

from msgspec import Struct

Fits = Callable[[str], bool]

LONGEST = 256
"""Characters of a word, and of an expression, that are looked at; a choice, both have less."""

MOST_REPEATS = 1 << 16

_ITEM = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])"
    r"|(?P<escape>\\[pP]\{\^?\w+\}|\\[pP]\w|\\.)"
    r"|(?P<char>[^\\\[\](){}*+?|^$])"
)
_REPEAT = re.compile(r"(?:\{(\d+)(,?)(\d*)\}|([*+?]))")
_MEMBER = re.compile(r"\[:(\^?\w+):\]|(\\[pP]\{\^?\w+\}|\\[pP]\w|\\.|[^\\])(?:-(\\.|[^\\\]]))?")

_ASCII: dict[str, Fits] = {
    "d": lambda c: "0" <= c <= "9",
    "w": lambda c: c.isascii() and (c.isalnum() or c == "_"),
    "s": lambda c: c in "\t\n\f\r ",
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "digit": lambda c: "0" <= c <= "9",
    "lower": lambda c: c.isascii() and c.islower(),
    "upper": lambda c: c.isascii() and c.isupper(),
    "word": lambda c: c.isascii() and (c.isalnum() or c == "_"),
    "space": lambda c: c in "\t\n\v\f\r ",
    "punct": lambda c: c.isascii() and c.isprintable() and not c.isalnum() and c != " ",
}
"""Classes of RE2: they hold ASCII only."""


class UnknownExpressionError(ValueError):
    """An expression that uses more of RE2 than is understood here."""


class Item(Struct, frozen=True):
    """What one character must be, how many times."""

    fits: Fits
    least: int
    most: int


@cache
def items_of(expression: str) -> tuple[Item, ...]:
    """An expression as a row of items.

    Raises:
        UnknownExpressionError: it is more than that.
    """
    if len(expression) > LONGEST:
        raise UnknownExpressionError(expression[:LONGEST])
    inner = re.sub(r"^\(\?u\)", "", expression)
    while (found := re.fullmatch(r"\((?:\?:)?((?:[^()\\]|\\.)*)\)", inner)) is not None:
        inner = found[1]
    inner = inner.removeprefix(r"\b").removesuffix(r"\b")
    return tuple(_items(inner))


def can_be(expression: str, word: str) -> bool:
    """Whether a word is a match of a whole expression.

    Raises:
        UnknownExpressionError: the expression is not understood.
    """
    ends = {0}
    for item in items_of(expression):
        after: set[int] = set()
        for start in ends:
            end = start
            while end < len(word) and end - start < item.most and item.fits(word[end]):
                end += 1
            after.update(range(start + item.least, end + 1))
        ends = after
    return len(word) in ends


def _items(text: str) -> Iterator[Item]:
    at = 0
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None:
            raise UnknownExpressionError(text)
        at = found.end()
        fits = _set(found[0]) if found["set"] else _single(found[0])
        least, most = 1, 1
        repeat = _REPEAT.match(text, at)
        if repeat is not None:
            at, (least, most) = repeat.end(), _counts(repeat)
            at += text[at : at + 1] == "?"  # lazily: the same words
        yield Item(fits, least, most)


def _counts(repeat: re.Match[str]) -> tuple[int, int]:
    least, comma, most, mark = repeat.groups()
    if mark:
        return int(mark == "+"), 1 if mark == "?" else MOST_REPEATS
    if not comma:
        return int(least[:5]), int(least[:5])
    return int(least[:5]), int(most[:5]) if most else MOST_REPEATS


def _single(text: str) -> Fits:
    """What one character, a dot or an escape fits."""
    if text == ".":
        return lambda c: c != "\n"
    if not text.startswith("\\"):
        return lambda c: c == text
    name = text[1]
    if name in "pP":
        inner = text[2:].strip("{}")
        negated = (name == "P") != inner.startswith("^")
        inner = inner.lstrip("^")
        if len(inner) > 2:  # a script such as Greek
            raise UnknownExpressionError(text)
        return lambda c: category(c).startswith(inner) != negated
    if name.lower() in "dws":
        fits = _ASCII[name.lower()]
        return fits if name.islower() else lambda c: not fits(c)
    if name.isalnum():  # a boundary, or a number of a character
        raise UnknownExpressionError(text)
    return lambda c: c == name


def _set(text: str) -> Fits:
    """What `[...]` fits."""
    negated = text.startswith("[^")
    inner = text[2 if negated else 1 : -1]
    members = [_member(found) for found in _MEMBER.finditer(inner)]
    return lambda c: any(fits(c) for fits in members) != negated


def _member(found: re.Match[str]) -> Fits:
    named, first, last = found.groups()
    if named is not None:
        if named not in _ASCII:
            raise UnknownExpressionError(named)
        return _ASCII[named]
    if last is None:
        return _single(first) if first != "." else lambda c: c == "."
    low, high = first[-1], last[-1]
    if (first[0] == "\\" and low.isalnum()) or (last[0] == "\\" and high.isalnum()):
        raise UnknownExpressionError(found[0])
    return lambda c: low <= c <= high
