"""Compares an output with its labels: by class, by confidence, by number, by sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.predictions.scores import Scores
from onnxlint.model.graph.place import shortened
from onnxlint.portrait.predictions import Bin, ClassScore, Labelled, Pair, Target
from onnxlint.portraying.distributions import histogram
from onnxlint.portraying.feeds import Feeds
from onnxlint.portraying.worst import worst

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_CROSSED = 16
"""Classes whose confusion is shown as a table; of more the pairs that are confused most."""

MOST_SCORES = 24
MOST_PAIRS = 20
MOST_TARGETS = 4
MOST_POINTS = 800


def labelled(feeds: Feeds, scores: Scores) -> Labelled:
    """All of it, whichever the task is."""
    told, by = worst(feeds, scores)
    common = Labelled(shortened(scores.output.value.name), scores.task, len(scores.truths),
                      bins=tuple(_bins(scores)), calibration_error=scores.calibration_error,
                      worst=told, worst_by=by)  # fmt: skip
    if scores.task == "regression":
        return _regression(common, scores)
    return (
        _multi_label(common, scores) if scores.task == "multi-label" else _classes(common, scores)
    )


def _bins(scores: Scores) -> Iterator[Bin]:
    from onnxlint.runtime.metrics import scoring

    if scores.confidence is None:
        return
    counts, trust, accuracy = scoring.reliability(scores.confidence, scores.right)
    for at, count in enumerate(counts.tolist()):
        ends = at / len(counts), (at + 1) / len(counts)
        means = (float(trust[at]), float(accuracy[at])) if count else (None, None)
        yield Bin(*ends, count, *means)


def _classes(common: Labelled, scores: Scores) -> Labelled:
    import numpy as np

    both = np.concatenate([scores.truths, scores.predicted])
    labels, numbers = np.unique(both, return_inverse=True)
    truths, guesses = np.split(numbers.reshape(-1), 2)
    names = [shortened(scores.name_of(label)) for label in labels.tolist()]
    found = list(_class_scores(names, truths, guesses))
    is_few = len(names) <= MOST_CROSSED
    crossed = (
        np.bincount(truths * len(names) + guesses, minlength=len(names) ** 2) if is_few else None
    )
    return replace(
        common,
        classes=len(names),
        names=tuple(names) if is_few else (),
        confusion=() if crossed is None else _matrix(crossed.reshape(len(names), -1)),
        scores=tuple(found if is_few else _lowest(found)),
        pairs=() if is_few else tuple(_pairs(names, truths, guesses)),
    )


def _matrix(counts: Array) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in counts.tolist())


def _class_scores(names: list[str], truths: Array, guesses: Array) -> Iterator[ClassScore]:
    import numpy as np

    size = len(names)
    true, guessed, hit = (np.bincount(each, minlength=size).tolist()
                          for each in (truths, guesses, truths[truths == guesses]))  # fmt: skip
    for name, holds, told, right in zip(names, true, guessed, hit, strict=True):
        yield ClassScore(name, holds, told, _share(right, holds), _share(right, told))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _lowest(found: list[ClassScore]) -> list[ClassScore]:
    """The classes with the lowest recall, those with more labels first."""
    known = [each for each in found if each.recall is not None]
    return sorted(known, key=lambda each: (each.recall, -each.truths))[:MOST_SCORES]


def _pairs(names: list[str], truths: Array, guesses: Array) -> Iterator[Pair]:
    """The pairs of classes that are confused most."""
    import numpy as np

    wrong = truths != guesses
    codes, counts = np.unique(truths[wrong].astype(np.int64) * len(names) + guesses[wrong],
                              return_counts=True)  # fmt: skip
    for at in (-counts).argsort(kind="stable")[:MOST_PAIRS].tolist():
        truth, guess = divmod(int(codes[at]), len(names))
        yield Pair(names[truth], names[guess], int(counts[at]))


def _multi_label(common: Labelled, scores: Scores) -> Labelled:
    found = []
    for at in range(scores.truths.shape[1]):
        truths, guesses = scores.truths[:, at] == 1, scores.predicted[:, at] == 1
        holds, told, right = (int(each.sum()) for each in (truths, guesses, truths & guesses))
        found.append(ClassScore(shortened(scores.name_of(at)), holds, told, _share(right, holds),
                                _share(right, told)))  # fmt: skip
    kept = found if len(found) <= MOST_SCORES else _lowest(found)
    return replace(common, classes=len(found), scores=tuple(kept))


def _regression(common: Labelled, scores: Scores) -> Labelled:
    count = scores.truths.shape[1]
    targets = [_target(common.output if count == 1 else f"{common.output}[{at}]",
                       scores.truths[:, at], scores.predicted[:, at])
               for at in range(min(count, MOST_TARGETS))]  # fmt: skip
    return replace(common, targets=tuple(targets), of_targets=count)


def _target(name: str, truths: Array, guesses: Array) -> Target:
    import numpy as np

    residuals = guesses - truths
    both = np.stack([truths, guesses], axis=1)
    kept = both[np.isfinite(both).all(axis=1)]
    points = kept[:: -(-len(kept) // MOST_POINTS) or 1].tolist()
    return Target(
        name,
        points=tuple((float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in points),
        residuals=histogram(residuals),
        rmse=float(np.sqrt((residuals**2).mean())),
        mean=float(residuals.mean()),
        worst=float(np.abs(residuals).max()),
    )
