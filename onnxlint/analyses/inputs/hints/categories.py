"""Categories and words that operators know: what a column of text or of codes may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import SEPARATOR_ATTRIBUTE

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column

MOST_OPTIONS = 256
"""Of larger vocabularies, so many entries are fed, from all over the list. A choice of ours."""

UNKNOWN_TEXT = "unknown"

KNOWN_PER_UNKNOWN = 7
"""One value in eight is one that the model does not know: one sample of the usual eight."""

WORDS_IN_A_TEXT = (1, 3, 5, 8, 2, 4)
"""Words of the texts that are fed, in turns. A choice of ours: titles and short messages."""

_LISTS = {
    "ai.onnx.ml::OneHotEncoder": ("cats_int64s", "cats_strings"),
    "ai.onnx.ml::LabelEncoder": ("keys_strings", "keys_int64s", "keys_floats", "keys_tensor"),
    "ai.onnx.ml::CategoryMapper": ("cats_int64s", "cats_strings"),
    "TfIdfVectorizer": ("pool_strings", "pool_int64s"),
}  # fmt: skip
"""The attributes that list what an operator knows."""

NUMERIC_TEXT = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
"""Texts that can be read as integers and as floating point numbers; ids of small tables, too."""


def vocabulary(
    graph: Graph, node: Node, slot: int, count: int | None, joint: str | None
) -> list[Column]:
    """What a node knows of the values in its first slot."""
    from onnxlint.runtime.feeds.input_slots import Column

    if slot != 0 or node.op not in _LISTS:
        return []
    known = _thinned(list(dict.fromkeys(_listed(graph, node))))
    if not known:
        return []
    if joint is not None:
        return [Column(tuple(_texts([str(word) for word in known], joint)), has_words=True)]
    return [Column(_with_unknown(node, known))]


def splits_text(node: Node) -> str | None:
    """What joins the words again that a node splits; None where it does not split."""
    if node.op not in SEPARATOR_ATTRIBUTE:
        return None
    found = node.attribute(SEPARATOR_ATTRIBUTE[node.op], None)
    separators = [found] if isinstance(found, str) else list(found or ())
    if not separators or any(" " in each or each in ("", r"\s", r"\s+") for each in separators):
        return "" if separators == [""] and node.op.endswith("Tokenizer") else " "
    return str(separators[0])


def _listed(graph: Graph, node: Node) -> Iterator[float | int | str]:
    for name in _LISTS[node.op]:
        yield from _plain(elements(node, name))


def _plain(found: Sequence[float | int | str | bytes]) -> Iterator[float | int | str]:
    for each in found:
        yield each.decode(errors="replace") if isinstance(each, bytes) else each


def _thinned(values: list[float | int | str]) -> list[float | int | str]:
    step = -(-len(values) // MOST_OPTIONS) or 1
    return values[::step]


def _with_unknown(node: Node, known: Sequence[float | int | str]) -> tuple[float | int | str, ...]:
    """The values, repeated for one unknown where the node takes any, of text and of numbers."""
    if node.op == "ai.onnx.ml::OneHotEncoder" and not node.attribute("zeros", 1):
        return tuple(known)
    numbers = [each for each in known if not isinstance(each, str)]
    unknown: list[float | int | str] = [UNKNOWN_TEXT] if len(numbers) < len(known) else []
    if numbers:
        finite = [each for each in numbers if isfinite(each)]
        unknown.append(max(finite, default=0) + 1)
    times = -(-KNOWN_PER_UNKNOWN // len(known))
    return (*(tuple(known) * times), *unknown)


def _texts(words: list[str], joint: str) -> Iterator[str]:
    """Short texts of known words, one of them with an unknown one."""
    at = 0
    for turn in range(min(len(words), MOST_OPTIONS // len(WORDS_IN_A_TEXT)) + 1):
        length = WORDS_IN_A_TEXT[turn % len(WORDS_IN_A_TEXT)]
        yield joint.join(words[(at + offset) % len(words)] for offset in range(length))
        at += length
    yield joint.join([words[0], UNKNOWN_TEXT])
