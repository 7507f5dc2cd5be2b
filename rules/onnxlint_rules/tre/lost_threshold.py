"""TRE004 lost-threshold."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint import Data, Ensemble, FeatureColumns, Finding, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

EXACT = 1 << 24
"""Up to here float32 has all integers."""

WIDER = (6, 7, 11, 12, 13)
"""int32, int64, double, uint32 and uint64 among ONNX's types."""


@rule("TRE004", "lost-threshold", severity=Severity.WARNING, ops=TREES)
def lost_threshold(trees: Trees, columns: FeatureColumns, data: Data | None) -> Iterator[Finding]:
    """Thresholds that float32 cannot hold.

    Why: training compared in float64, and the file holds float32. Where two thresholds on one way
    down a tree became the same number, the second split decides nothing and rows take another way
    than in training. So do rows of the data that lie within half a step of float32 from a threshold
    of 2^24 or more, where it lacks integers: at 1.7e9, a time in seconds, it only has every 128th.
    An info where an integer or float64 column is rounded and compared with such a number, and no
    row of the data, or no data, shows that it matters.
    Fix: subtract a constant from the column before training (a time from a recent date), or convert
    with float64 thresholds (`nodes_values_as_tensor`: a double input of skl2onnx).

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 0, 1, 0, 0, 0, 0], nodes_values = [1700000000.0,
            1700000000.0, 2.5, 0.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 5, 0, 0,
            0, 0], nodes_falsenodeids = [2, 4, 6, 0, 0, 0, 0], target_treeids = [0, 0,
            0, 0], target_nodeids = [3, 4, 5, 6], target_ids = [0, 0, 0, 0],
            target_weights = [1.0, 2.0, 3.0, 4.0]> (x)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # times in seconds
    net (int64[N, 2] x) => (float[N, 1] y)
    {
        h = Cast <to = 1> (x)
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1700000000.0, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1,
            0, 3, 0, 0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0,
            0], target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights =
            [1.0, 2.0, 3.0]> (h)
    }

    Bad:
    # data: x = [[1700000063, 1], [1700000900, 2]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # a row 63 seconds from the threshold
    net (int64[N, 2] x) => (float[N, 1] y)
    {
        h = Cast <to = 1> (x)
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1700000000.0, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1,
            0, 3, 0, 0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0,
            0], target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights =
            [1.0, 2.0, 3.0]> (h)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # the same feature twice, at two thresholds
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 0, 1, 0, 0, 0, 0], nodes_values = [3.0, 1.5, 2.5,
            0.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 5, 0, 0, 0, 0],
            nodes_falsenodeids = [2, 4, 6, 0, 0, 0, 0], target_treeids = [0, 0, 0, 0],
            target_nodeids = [3, 4, 5, 6], target_ids = [0, 0, 0, 0], target_weights =
            [1.0, 2.0, 3.0, 4.0]> (x)
    }
    """
    for each in trees:
        if not each.rows.single:
            continue
        large = _large(each, columns, data)
        moved = max(large, key=lambda column: column.moved, default=None)
        if moved is not None and moved.moved:
            yield _moved(each, moved)
        elif each.repeated is not None and len(each.repeated):
            yield _repeated(each)
        elif rounded := [column for column in large if column.is_rounded]:
            yield _rounded(each, max(rounded, key=lambda column: abs(column.worst)))


class Compared(Struct, frozen=True):
    """A feature with thresholds beyond EXACT: the largest, and how many rows lie next to one.

    `is_rounded`: it was wider than float32 before.
    """

    feature: int
    worst: float
    is_rounded: bool
    moved: int = 0
    rows: int = 0


def _large(trees: Ensemble, columns: FeatureColumns, data: Data | None) -> list[Compared]:
    import numpy as np

    rows = trees.rows
    is_large = ~trees.is_leaf & np.isfinite(rows.threshold) & (np.abs(rows.threshold) >= EXACT)
    given = {each.value: each for each in data or ()}
    found = []
    for feature in distinct(rows.feature[is_large]).tolist():
        thresholds = distinct(rows.threshold[is_large & (rows.feature == feature)])
        worst = float(thresholds[np.argmax(np.abs(thresholds))])
        column = columns.of(trees.node.input(0), feature)
        if column is None or column.is_scaled:
            found.append(Compared(feature, worst, is_rounded=False))
            continue
        is_wide = column.value.type is not None and (
            column.value.type.tensor_type.elem_type in WIDER
        )
        fed = given.get(column.value)
        values = np.zeros(0) if fed is None else fed.column(column.at)
        near = _near(values, thresholds)
        found.append(Compared(feature, worst, is_wide, near, len(values)))
    return found


def _near(values: "Array", thresholds: "Array") -> int:
    """Values that float32 lacks, and that it moves to a threshold or away from one."""
    import numpy as np

    numbers = values[np.isfinite(values)].astype(np.float64)
    kept = numbers.astype(np.float32).astype(np.float64)
    return int((np.isin(kept, thresholds) & (kept != numbers)).sum())


def _moved(trees: Ensemble, column: Compared) -> Finding:
    return Finding(
        trees,
        f"{column.moved:,} of {counted(column.rows, 'value')} of feature {column.feature} within "
        f"half a float32 step of a threshold: the side they take is lost in rounding (float32 "
        f"step {_step(column.worst):.3g} at {column.worst:.9g})",
        measured=column.moved,
        limit=0,
        unit="values",
        evidence={"feature": column.feature, "threshold": column.worst},
    )


def _repeated(trees: Ensemble) -> Finding:
    rows = trees.rows
    worst = max(trees.repeated, key=lambda at: abs(rows.threshold[at]))  # type: ignore[arg-type]
    count, total = len(trees.repeated), sum(trees.splits.values())  # type: ignore[arg-type]
    return Finding(
        trees,
        f"{counted(count, 'split')} of {total:,} at a threshold that a split above has: feature "
        f"{rows.feature[worst]} at {rows.threshold[worst]:.9g} (float32 step "
        f"{_step(rows.threshold[worst]):.3g})",
        measured=count,
        limit=0,
        unit="splits",
        evidence={"feature": int(rows.feature[worst]),
                  "threshold": float(rows.threshold[worst])},
    )  # fmt: skip


def _rounded(trees: Ensemble, column: Compared) -> Finding:
    return Finding(
        trees,
        f"column {column.feature} is rounded to float32 and compared with {column.worst:.9g}: "
        f"float32 has only every {_step(column.worst):g}th integer there (limit {EXACT:,})",
        measured=abs(column.worst),
        limit=EXACT,
        severity=Severity.INFO,
    )


def _step(at: float) -> float:
    import numpy as np

    return float(np.spacing(np.float32(abs(at))))
