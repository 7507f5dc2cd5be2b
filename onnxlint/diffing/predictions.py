"""Outputs that differ on the same samples, and what the labels say of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.predictions.outputs import tabled
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.static.output_heads import Head, probabilities, recognise, spread_classes
from onnxlint.analyses.static.precision import Distance, Rounding, finite_parts
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.diffing.runs import SameRuns
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import shortened
from onnxlint.release_diff import OutputChange, ScoreChange
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

LEAST_PROBABILITY = 1e-12
"""Probabilities below are taken as this, so that a divergence is finite; a choice."""

_KINDS = ("softmax", "log-softmax", "logits", "probabilities", "sigmoid")
"""Heads whose numbers are, or stand for, probabilities."""


class PredictionChanges(Struct):
    """The outputs that differ by more than rounding, of `compared` ones."""

    changes: list[OutputChange] = field(default_factory=list)
    compared: int = 0


def prediction_changes(
    old: Analyses, new: Analyses, runs: SameRuns, ports: Mapping[Value, Value], tolerance: float
) -> PredictionChanges:
    """Compares each output with its like in `ports`; those that chance decides are left out."""
    found = PredictionChanges()
    roundings = old.get(Rounding), new.get(Rounding)
    for value, like in ports.items():
        if roundings[0].drawn_by(value) or roundings[1].drawn_by(like):
            continue
        told = OutputChange(shortened(value.name), shortened(like.name))
        pair = _both(runs, value, like)
        if isinstance(pair, str):
            found.changes.append(replace(told, note=pair))
            continue
        found.compared += 1
        heads = _settled(_head(old, value), pair[0]), _settled(_head(new, like), pair[1])
        change = _compared(told, *pair, heads, tolerance)
        if change is not None:
            found.changes.append(change)
    return found


def _head(side: Analyses, value: Value) -> Head | None:
    outputs = side.get(Settings).outputs
    return recognise(side.get(Graph), side.get(Shapes), value, outputs)


def _both(runs: SameRuns, value: Value, like: Value) -> tuple[Array, Array] | str:
    """Both outputs over all samples, or why they cannot be compared."""
    tables = [
        [tabled(each, ran) for ran in execution.runs]
        for each, execution in ((value, runs.old), (like, runs.new))
    ]
    if any(array is None for side in tables for array in side):
        return "is not a tensor, or too large to be kept"
    arrays = [[array for array in side if array is not None] for side in tables]
    old, new = (_gathered(side, runs.samples) for side in arrays)
    if old is None or new is None:
        shapes = [[array.shape for array in side] for side in arrays]
        if shapes[0] != shapes[1]:
            return "has other shapes"
        old, new = (_flat(side) for side in arrays)
    if old.shape != new.shape:
        return f"has shape {list(new.shape)}, the old one {list(old.shape)}"
    if (old.dtype.kind == "f") != (new.dtype.kind == "f"):
        return f"has dtype {new.dtype}, the old one {old.dtype}"
    return old, new


def _gathered(arrays: Sequence[Array], samples: int) -> Array | None:
    """All samples along the first axis; None where they do not lie there."""
    import numpy as np

    if not all(array.ndim for array in arrays) or len({a.shape[1:] for a in arrays}) != 1:
        return None
    together = np.concatenate(arrays)
    return together[:samples] if len(together) >= samples else None


def _flat(arrays: Sequence[Array]) -> Array:
    import numpy as np

    return np.concatenate([array.reshape(-1) for array in arrays])


def _compared(
    told: OutputChange, old: Array, new: Array, heads: tuple[Head | None, Head | None],
    tolerance: float,
) -> OutputChange | None:  # fmt: skip
    """How two outputs of one shape differ; None where they do not by more than rounding."""
    import numpy as np

    if old.dtype.kind != "f":
        alike = np.asarray(old == new)
        if alike.all():
            return None
        return replace(told, rows=int(alike.size), same=float(alike.mean()))
    distance = Distance.between(new, old)
    was, now = heads[0] or heads[1], heads[1] or heads[0]
    decided = told if was is None or now is None else _decisions(told, (old, was), (new, now))
    if distance.relative <= tolerance and decided.same in (None, 1.0):
        return None
    one, other, _ = finite_parts(old, new)
    largest = float(np.abs(other - one).max(initial=0.0))
    if not math.isfinite(distance.relative):
        return replace(
            decided, largest=largest, note="has NaN or infinity where the other has none"
        )
    return replace(decided, largest=largest, distance=distance.relative)


def _settled(head: Head | None, array: Array) -> Head | None:
    known = head is not None and array.ndim and array.size
    return head.settled(spread_classes(array, head)) if head is not None and known else None


def _decisions(
    told: OutputChange, old: tuple[Array, Head], new: tuple[Array, Head]
) -> OutputChange:
    """The share of equal predictions, and how far probabilities are apart."""
    import numpy as np

    one, other, kinds = _rows(*old), _rows(*new), (old[1].kind, new[1].kind)
    if one.shape != other.shape:
        return told
    finite = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    if "sigmoid" in kinds or one.shape[1] == 1:
        same = ((one > 0.5) == (other > 0.5)).all(axis=1)
    else:
        same = one.argmax(axis=1) == other.argmax(axis=1)
    told = replace(told, rows=len(one), same=float((same & finite).mean()))
    if not {*kinds} <= {*_KINDS} or not finite.any():
        return told
    p, q = probabilities(one[finite], kinds[0]), probabilities(other[finite], kinds[1])
    largest = float(np.abs(p - q).max())
    return replace(told, largest_probability=largest, divergence=_divergence(p, q, kinds))


def _rows(array: Array, head: Head) -> Array:
    import numpy as np

    spread = spread_classes(array, head).astype(np.float64)
    return np.asarray(spread.reshape(-1, spread.shape[-1]))


def _divergence(p: Array, q: Array, kinds: Sequence[str]) -> float:
    """Mean Kullback-Leibler divergence of q from p in nats; of labels each by itself, summed."""
    import numpy as np

    def part(one: Array, other: Array) -> Array:
        one, other = (np.clip(each, LEAST_PROBABILITY, 1.0) for each in (one, other))
        return np.asarray((one * np.log(one / other)).sum(axis=1))

    total = part(p, q)
    if "sigmoid" in kinds:
        total = total + part(1 - p, 1 - q)
    return max(0.0, float(total.mean()))


def score_change(old: Analyses, new: Analyses) -> ScoreChange:
    """How well both meet the labels.

    Raises:
        Unavailable: there are no labels, or a model did not run.
        DataError: the labels fit none of the outputs.
    """
    before, after = old.get(Scores), new.get(Scores)
    name = shortened(after.output.value.name)
    told = ScoreChange(name, after.measure, after.samples, before.figure, after.figure)
    if "regression" in (before.task, after.task) or before.right.shape != after.right.shape:
        return told
    was, now = before.right, after.right
    to_wrong, to_right = (was & ~now).nonzero()[0], (~was & now).nonzero()[0]
    flipped = [*map(int, to_wrong), *map(int, to_right)]
    names = new.get(Inputs).fed.names if len(now) == after.samples else []
    return replace(
        told, to_wrong=tuple(map(int, to_wrong)), to_right=tuple(map(int, to_right)),
        files={str(at): names[at] for at in sorted(flipped) if at < len(names)},
    )  # fmt: skip
