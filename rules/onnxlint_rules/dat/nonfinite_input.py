"""DAT005 nonfinite-input."""

from collections.abc import Iterator

from onnxlint import Data, FedInput, Finding, Severity, listed, rule
from onnxlint.model.graph.operators import ASSEMBLING, TAKING_INFINITY, TAKING_NAN
from onnxlint.model.graph.walk import Walk

_HINTS = {
    "NaN": "fill in or drop missing values as in training",
    "infinite": "guard the division or logarithm that produces them",
}


@rule("DAT005", "nonfinite-input", severity=Severity.ERROR)
def nonfinite_input(data: Data) -> Iterator[Finding]:
    """NaN or infinities among the samples.

    Why: everything computed from NaN is NaN, or hides it and looks valid; an empty cell of a table
    or a division in the preprocessing is enough. Exempt is NaN for models that expect it: those
    that detect it or fill it in first (IsNaN, Imputer), and trees, which route missing values
    separately; columns may be joined and picked before.
    Fix: fill in or drop missing values as in training; guard the division that produces them.

    Bad:
    # data: x = [[1.0, nan], [2.0, 3.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Instead:
    # filled in by the graph
    # data: x = [[1.0, nan], [2.0, 3.0]]
    net (float[N, 2] x) => (float[N, 2] y)
    <float zero = {0}>
    {
        missing = IsNaN(x)
        y = Where(missing, zero, x)
    }

    Good:
    # data: a = [[1.0], [nan]]
    # data: b = [[2.0], [3.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # columns are joined, then filled in
    net (float[N, 1] a, float[N, 1] b) => (float[N, 2] y)
    {
        x = Concat <axis = 1> (a, b)
        h = ai.onnx.ml.Imputer <imputed_value_floats = [1.0, 2.0], replaced_value_float = nan>
            (x)
        y = Relu(h)
    }
    """
    for fed in data:
        if not fed.is_float:
            continue
        seen = fed.features
        total = int((seen.count + seen.nan + seen.infinite).sum())
        for what, counts, expecting in (
            ("NaN", seen.nan, TAKING_NAN), ("infinite", seen.infinite, TAKING_INFINITY)
        ):  # fmt: skip
            count = int(counts.sum())
            if count and not _expects(fed, expecting):
                yield Finding(
                    fed,
                    f"{count:,} of {total:,} values are {what}{_where(fed, counts.nonzero()[0])}",
                    measured=count,
                    limit=0,
                    unit="values",
                    hint=_HINTS[what],
                )


def _expects(fed: FedInput, ops: frozenset[str]) -> bool:
    walk = Walk([*fed.opening.nodes, *fed.opening.readers])
    for node in walk:
        if node.op in ops:
            return True
        if node.op in ASSEMBLING:
            walk.add(*(reader for value in node.outputs if value for reader in value.consumers))
    return False


def _where(fed: FedInput, columns: object) -> str:
    """The columns of a table that contain them."""
    found = [str(at) for at in columns]  # type: ignore[attr-defined]
    if not fed.is_table:
        return ""
    return f" (feature{'s' * (len(found) > 1)} {listed(found, 3)})"
