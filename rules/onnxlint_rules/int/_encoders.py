"""What encoders of categories list, and what they output."""

import re
from typing import Any

from onnxlint import Node, Value
from onnxlint.model.graph.traversal import sources
from onnxlint_rules.int._codes import MOVING, NEAR

MAPPERS = ("ai.onnx.ml::LabelEncoder", "ai.onnx.ml::CategoryMapper")
"""Operators that output a default, -1 if none is set, for what they do not list."""


STANDS_IN = re.compile(r"unk|other|oov|missing|nan|none|null|pad|default|rare|misc|^\W*$", re.I)
"""Names of categories that take in what is not known, on purpose."""


def table(node: Node) -> dict[Any, int]:
    """What an encoder of integers knows, and the number that it gives for each."""
    if node.op == MAPPERS[0] and node.attribute("values_int64s", []):
        keys: list[Any] = next(
            (node.attribute(name, []) for name in _KEYS if node.attribute(name, [])), []
        )
        return dict(zip(map(_text, keys), node.attribute("values_int64s", []), strict=False))
    words = node.attribute("classes_strings", [])  # of the first LabelEncoder: their order counts
    numbers = node.attribute("cats_int64s", []) or range(len(words))
    words = words or node.attribute("cats_strings", [])
    return dict(zip(map(_text, words), numbers, strict=False))


_KEYS = ("keys_strings", "keys_int64s", "keys_floats")


def categories(node: Node) -> set[Any]:
    texts = [text for name in ("cats_strings", "cats_int64s") for text in node.attribute(name, [])]
    return {*map(_text, texts)}


def gives_only(value: Value | None, listed: set[Any]) -> bool:
    """Whether what comes before can give nothing but listed categories, as far as it is known."""
    for at in sources(value, MOVING - {"Concat"}, NEAR):
        maker = at.producer
        if maker is not None and maker.op in MAPPERS:
            given = _given(maker)
            return bool(given) and given <= listed
        if maker is not None and maker.op in ("ArgMax", "ArgMin"):
            return True
    return False


def _given(node: Node) -> set[Any]:
    """All that a LabelEncoder or CategoryMapper can give, its default included."""
    texts = node.attribute("values_strings", []) or node.attribute("cats_strings", [])
    numbers = node.attribute("values_int64s", []) or node.attribute("cats_int64s", [])
    if node.op == MAPPERS[0] and numbers:
        return {*numbers, node.attribute("default_int64", -1)}
    default = node.attribute("default_string", "_Unused")
    return {default, *map(_text, texts)}


def _text(told: Any) -> Any:
    return told.decode(errors="replace") if isinstance(told, bytes) else told


def gives_integers(node: Node) -> bool:
    if node.op != MAPPERS[0]:  # a CategoryMapper turns words into numbers, if it reads words
        return True
    return bool(node.attribute("values_int64s", []) or node.attribute("classes_strings", []))
