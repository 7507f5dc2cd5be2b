"""INT010 rejects-unknown-category."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from onnxlint import Finding, Graph, Node, Severity, Value, rule
from onnxlint.model.walk import Walk

ENCODER = "ai.onnx.ml::OneHotEncoder"

MAPPERS = ("ai.onnx.ml::LabelEncoder", "ai.onnx.ml::CategoryMapper")
"""Operators that give a default, -1 where none is set, for what they do not list."""

_MOVING = frozenset({
    "Cast", "Concat", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""What a code goes through on its way to a table."""

_INDEXED = {"Gather": 1, "GatherElements": 1, "GatherND": 1, "OneHot": 0,
            "ai.onnx.ml::ArrayFeatureExtractor": 1}  # fmt: skip
"""The slot of the index."""


_NEAR = 16
"""So many values before and behind an encoder are looked at."""


@rule(
    "INT010",
    "rejects-unknown-category",
    severity=Severity.WARNING,
    ops=(ENCODER, *MAPPERS),
)
def rejects_unknown_category(graph: Graph) -> Iterator[Finding]:
    """An encoder that a category outside its list breaks: the whole batch, or the answer.

    Why: a OneHotEncoder with `zeros=0` ends the run at the first category that it does not list,
    and with it every other sample of the batch; `drop="first"` of scikit-learn takes one off the
    list that the data does have (sklearn-onnx issue 402). A LabelEncoder gives its default, which
    is -1 unless set: as an index that is the last row of a table, the wrong one without a word.
    Exempt is what an encoder before it can only give listed categories.
    Fix: `zeros=1` (in scikit-learn `handle_unknown="ignore"`), or a row of the table for unknown
    categories and its number as `default_int64`.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (string[N, 1] colour) => (float[N, 1, 2] y)
    {
        y = ai.onnx.ml.OneHotEncoder <cats_strings = ["green", "red"], zeros = 0> (colour)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (string[N] colour) => (float[N, 2] y)
    <float[2, 2] table = {1, 2, 3, 4}>
    {
        code = ai.onnx.ml.LabelEncoder <
            keys_strings = ["green", "red"], values_int64s = [0, 1]> (colour)
        y = Gather(table, code)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (string[N, 1] colour) => (float[N, 1, 2] y)
    {
        y = ai.onnx.ml.OneHotEncoder <cats_strings = ["green", "red"], zeros = 1> (colour)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (string[N] colour) => (float[N, 2] y)
    <float[3, 2] table = {1, 2, 3, 4, 0, 0}>
    {
        code = ai.onnx.ml.LabelEncoder <
            keys_strings = ["green", "red"], values_int64s = [0, 1], default_int64 = 2> (colour)
        y = Gather(table, code)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 3] x) => (float[N, 1, 3] y)
    {
        best = ArgMax <axis = 1> (x)
        y = ai.onnx.ml.OneHotEncoder <cats_int64s = [0, 1, 2], zeros = 0> (best)
    }
    """
    for node in graph.nodes(ENCODER):
        listed = _categories(node)
        if node.attribute("zeros", 1) == 0 and listed and not _gives_only(node.input(0), listed):
            message = f"a category that is not listed ends the run ({len(listed)} listed, zeros=0)"
            yield Finding(node, message, len(listed), unit="categories")
    for node in graph.nodes(*MAPPERS):
        default = node.attribute("default_int64", -1)
        reader = _index_reader(node) if _gives_integers(node) and default < 0 else None
        if reader is not None:
            message = f"an unknown category becomes index {default} of {reader.place}"
            yield Finding(node, message, default, 0, "index")


def _categories(node: Node) -> set[Any]:
    texts = [text for name in ("cats_strings", "cats_int64s") for text in node.attribute(name, [])]
    return {text.decode(errors="replace") if isinstance(text, bytes) else text for text in texts}


def _gives_only(value: Value | None, listed: set[Any]) -> bool:
    """Whether what comes before can give nothing but listed categories, as far as it is known."""
    for _ in range(_NEAR):
        maker = value.producer if value is not None else None
        if maker is None:
            return False
        if maker.op in ("ArgMax", "ArgMin"):
            return True
        if maker.op in MAPPERS:
            given = _given(maker)
            return bool(given) and given <= listed
        if maker.op not in _MOVING or maker.op == "Concat":
            return False
        value = maker.input(0)
    return False


def _given(node: Node) -> set[Any]:
    """All that a LabelEncoder or CategoryMapper can give, its default included."""
    texts = node.attribute("values_strings", []) or node.attribute("cats_strings", [])
    numbers = node.attribute("values_int64s", []) or node.attribute("cats_int64s", [])
    if node.op == MAPPERS[0] and numbers:
        return {*numbers, node.attribute("default_int64", -1)}
    default = node.attribute("default_string", "_Unused")
    return {default, *(t.decode(errors="replace") if isinstance(t, bytes) else t for t in texts)}


def _gives_integers(node: Node) -> bool:
    if node.op != MAPPERS[0]:  # a CategoryMapper turns words into numbers, if it reads words
        return True
    return bool(node.attribute("values_int64s", []) or node.attribute("classes_strings", []))


def _index_reader(node: Node) -> Node | None:
    """The first node that uses a code as an index, behind what only moves it."""
    walk = Walk(node.outputs)
    for value in islice(walk, _NEAR):
        for reader, slot in value.uses:
            if _INDEXED.get(reader.op) == slot:
                return reader
            if reader.op in _MOVING:
                walk.add(reader.output)
    return None
