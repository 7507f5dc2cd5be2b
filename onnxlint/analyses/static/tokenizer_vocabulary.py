"""Whether a tokenizer can give any of the words that a model counts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import MOVING
from onnxlint.model.graph.traversal import behind

_PLAIN = re.compile(r"(?:(?:\[[^\[\]\\]+\]|\\w|\\d)[+*]?){1,3}")
"""Patterns that are read: up to three classes of characters, which take no time on any word."""

_LONGEST_WORD = 100
"""Characters; a longer one is not tried, and nothing is proven then."""


def counts_nothing(node: Node) -> bool:
    """Whether none of the words that a TfIdfVectorizer counts can come out of its tokenizer."""
    words = node.attribute("pool_strings", []) if node.op == "TfIdfVectorizer" else []
    pattern = _pattern_before(node) if words else None
    return pattern is not None and not _may_match(pattern, map(_text, words))


def _pattern_before(node: Node) -> re.Pattern[str] | None:
    """The pattern of the tokens that a node reads; None where it is unknown, or too intricate."""
    tokenizer = behind(node.input(0), ("com.microsoft::Tokenizer",), MOVING)
    if tokenizer is None:
        return None
    plain = _text(tokenizer.attribute("tokenexp", "")).removeprefix("(?u)").replace(r"\b", "")
    # \w and \d are ASCII's alone in the library that onnxruntime uses
    return re.compile(plain, re.ASCII) if _PLAIN.fullmatch(plain) else None


def _may_match(pattern: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(len(word) > _LONGEST_WORD or pattern.fullmatch(word) for word in words)


def _text(told: str | bytes) -> str:
    return told.decode(errors="replace") if isinstance(told, bytes) else told
