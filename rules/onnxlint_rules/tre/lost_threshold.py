"""TRE004 lost-threshold."""

from collections.abc import Iterator

from onnxlint import Ensemble, Finding, Graph, Severity, Trees, Value, counted, rule

EXACT = 1 << 24
"""Up to here float32 has all integers."""

WIDER = (6, 7, 11, 12, 13)
"""int32, int64, double, uint32 and uint64 among ONNX's types."""


@rule("TRE004", "lost-threshold", severity=Severity.WARNING)
def lost_threshold(trees: Trees, graph: Graph) -> Iterator[Finding]:
    """Thresholds that float32 cannot hold.

    Why: training compared in float64, and the file holds float32. Where two thresholds on one way
    down a tree became the same number, the second split decides nothing and rows take another way
    than in training. An info where an integer or float64 column is rounded to float32 and compared
    with a number of 2^24 or more: from there on float32 lacks integers, and at 1.7e9, a time in
    seconds, it only has every 128th.
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
        if each.repeated is not None and len(each.repeated):
            yield _repeated(each)
        elif _is_rounded(graph, each.node.input(0)):
            yield from _large(each)


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


def _large(trees: Ensemble) -> Iterator[Finding]:
    import numpy as np

    rows = trees.rows
    large = np.flatnonzero(~trees.is_leaf & (np.abs(rows.threshold) >= EXACT))
    if len(large):
        worst = large[np.argmax(np.abs(rows.threshold[large]))]
        at = float(rows.threshold[worst])
        yield Finding(
            trees,
            f"column {rows.feature[worst]} is rounded to float32 and compared with {at:.9g}: "
            f"float32 has only every {_step(at):g}th integer there (limit {EXACT:,})",
            measured=abs(at),
            limit=EXACT,
            severity=Severity.INFO,
        )


def _step(at: float) -> float:
    import numpy as np

    return float(np.spacing(np.float32(abs(at))))


def _is_rounded(graph: Graph, value: Value | None) -> bool:
    """Whether a value is an integer or a float64 that is cast to float32, or read as it is."""
    while value is not None and value.producer is not None:
        if value.producer.op not in ("Cast", "Identity", "Concat"):
            return False
        value = value.producer.input(0)
    if value is None or value.type is None:
        return False
    return value.type.tensor_type.elem_type in WIDER
