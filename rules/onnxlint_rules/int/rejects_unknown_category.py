"""INT010 rejects-unknown-category."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint_rules.int._codes import index_reader, rows
from onnxlint_rules.int._encoders import (
    MAPPERS,
    STANDS_IN,
    categories,
    gives_integers,
    gives_only,
    table,
)

ENCODER = "ai.onnx.ml::OneHotEncoder"


@rule(
    "INT010",
    "rejects-unknown-category",
    severity=Severity.WARNING,
    ops=(ENCODER, *MAPPERS),
)
def rejects_unknown_category(graph: Graph) -> Iterator[Finding]:
    """An encoder that fails, or answers wrongly, at a category outside its list.

    Why: a OneHotEncoder with `zeros=0` ends the run at the first category that is not listed, and
    with it every other sample of the batch; `drop="first"` of scikit-learn removes one from the
    list that the data does have (sklearn-onnx issue 402). A LabelEncoder outputs its default, -1
    unless set: used as an index, this is the last row of a table, the wrong one without a message.
    The same holds for 0, where -1 is clipped to it, or another listed number as the default:
    scikit-learn rejects an `unknown_value` that stands for a category already. Exempt are a row of
    its own, a category whose name includes others (`unknown`, `other`, `rare`), and inputs from an
    encoder that only outputs listed categories.
    Fix: set `zeros=1` (in scikit-learn `handle_unknown="ignore"`), or add a row to the table for
    unknown categories and use its number as `default_int64`.

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

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (string[N] colour) => (float[N, 2] y)
    <float[2, 2] table = {1, 2, 3, 4}, int64 none = {0}>
    {
        code = ai.onnx.ml.LabelEncoder <
            keys_strings = ["green", "red"], values_int64s = [0, 1]> (colour)
        least = Max(code, none)
        y = Gather(table, least)
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
    # -1 is the last row, and no category has it
    net (string[N] colour) => (float[N, 2] y)
    <float[3, 2] table = {1, 2, 3, 4, 0, 0}>
    {
        code = ai.onnx.ml.LabelEncoder <
            keys_strings = ["green", "red"], values_int64s = [0, 1]> (colour)
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
        listed = categories(node)
        if node.attribute("zeros", 1) == 0 and listed and not gives_only(node.input(0), listed):
            message = f"unlisted categories end the run ({len(listed)} listed, zeros=0)"
            hint = "set zeros=1 (scikit-learn: handle_unknown='ignore')"
            yield Finding(node, message, len(listed), unit="categories", hint=hint)
    for node in graph.nodes(*MAPPERS):
        told = _confused(node, graph) if gives_integers(node) else None
        if told is not None and not gives_only(node.input(0), {*table(node)}):
            default = node.attribute("default_int64", -1)
            message = f"unknown categories become {told}"
            hint = "add a row for unknown categories to the table, and set default_int64 to it"
            yield Finding(node, message, default, 0, "index", hint=hint)


def _confused(node: Node, graph: Graph) -> str | None:
    """Where the default of an encoder leads to in a table; None where that is nobody's row."""
    found = index_reader(node.output, graph)
    if found is None:
        return None
    reader, code = found
    count, default = rows(reader, graph), code(node.attribute("default_int64", -1))
    told = f"index {default} of {reader.place}"
    if count is not None and not -count <= default < count:
        return f"{told}, which has {count} rows" if reader.op != "OneHot" else None
    row = default % count if count else default
    known = next((key for key, number in table(node).items() if code(number) == row), None)
    if known is not None:
        return None if STANDS_IN.search(str(known)) else f"{told}, the row of {known!r}"
    return told if default < 0 and count is None else None
