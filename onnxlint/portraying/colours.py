"""What the points of samples are coloured by: labels, else predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.model.graph.place import shortened
from onnxlint.portrait.representations import Group
from onnxlint.portraying.naming import class_names, judged, predicted
from onnxlint.portraying.rows import rows_per_sample
from onnxlint.portraying.subject import Subject

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_GROUPS = 10
"""Colours that can be told apart; of more classes the most frequent ones have one of their own."""

BANDS = 5
"""Of numbers that are predicted, as many samples in each."""

OTHERS = "others"


class Colours(Struct, frozen=True):
    """What the groups are, and the group of each sample."""

    by: str = ""
    groups: tuple[Group, ...] = ()
    of: tuple[int, ...] = ()


def colours(subject: Subject, count: int, numbers: Sequence[int]) -> Colours:
    """The groups of the samples of these numbers."""
    scores = judged(subject)
    if scores is not None and len(scores.truths) == count:
        if scores.task == "classification":
            return _grouped("label", scores.truths[numbers].tolist(), scores.name_of)
        if scores.task == "regression" and scores.truths.shape[1] == 1:
            return _banded(scores.truths[numbers, 0])
    for head in predicted(subject):
        execution = subject.analyses.get(Execution)
        if not head.is_multi_label and rows_per_sample(head, execution) == 1:
            names = class_names(subject, head)
            winners = head.winners[numbers].tolist()
            return _grouped("predicted class", winners, partial(_named, names))
    return Colours()


def _named(names: Sequence[str] | None, at: object) -> str:
    return str(at) if names is None else names[int(str(at))]


def _grouped(by: str, classes: list[object], name_of: Callable[[object], str]) -> Colours:
    """A group for each class, by name; the rare ones of many share the last."""
    counts = Counter(classes)
    most = len(counts) if len(counts) <= MOST_GROUPS else MOST_GROUPS - 1
    kept = [each for each, _ in counts.most_common(most)]
    kept.sort(key=lambda each: (isinstance(each, str), each))
    number = {each: at for at, each in enumerate(kept)}
    of = tuple(number.get(each, len(kept)) for each in classes)
    groups = [Group(shortened(name_of(each)), counts[each]) for each in kept]
    if len(counts) > len(kept):
        left = sum(counts.values()) - sum(counts[each] for each in kept)
        groups.append(Group(f"{len(counts) - len(kept):,} {OTHERS}", left))
    return Colours(by, tuple(groups), of)


def _banded(numbers: Array) -> Colours:
    """Numbers in bands of as many samples each."""
    import numpy as np

    finite = numbers[np.isfinite(numbers)]
    if not finite.size or not np.ptp(finite):
        return Colours()
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BANDS + 1)))
    of = np.clip(np.searchsorted(edges, np.nan_to_num(numbers), "right") - 1, 0, len(edges) - 2)
    counts = np.bincount(of, minlength=len(edges) - 1).tolist()
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges.tolist())]
    groups = tuple(Group(name, count) for name, count in zip(names, counts, strict=True))
    return Colours("label", groups, tuple(of.tolist()))
