"""Which classes are predicted as which: how often, and whether some stand for others throughout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from onnxlint.report import ConfusedPair, ConfusionTable

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_CROSSED = 100
"""Classes whose whole matrix is in the report: ten thousand counts; a choice."""

MOST_PAIRS = 100
"""Confusions that are listed, in any case; a choice."""

MOST_COUNTED = 1 << 20
"""Numbers that are counted in a table of all of them, which needs no sorting; a choice, 8 MB."""

CERTAIN = 3.0
"""Standard errors by which a map of classes must explain more labels than the classes themselves:
of a thousand models that guess, one."""


class Mistake(NamedTuple):
    """How often a class was predicted as another one."""

    truth: object
    guess: object
    times: int


class Confusion(Struct, frozen=True, eq=False, dict=True):
    """Counts of labels and predictions of `classes`, sorted: those that either holds.

    `labels` and `predicted` count each class, `hits` where both agree. `truth`, `guess` and `count`
    are the pairs that occur, as positions in `classes`: of many classes few of all pairs do.
    """

    classes: Sequence[object]
    labels: Array
    predicted: Array
    hits: Array
    truth: Array
    guess: Array
    count: Array

    @classmethod
    def of(cls, truths: Array, predicted: Array) -> Confusion:
        """Counts two rows of classes of the same length."""
        import numpy as np

        classes, truth, guess = _coded(truths.reshape(-1), predicted.reshape(-1))
        size = len(classes)
        pairs, count = _counted(truth * size + guess, size * size)
        labels, predicted, hits = (
            np.bincount(each, minlength=size) for each in (truth, guess, truth[truth == guess])
        )
        firsts, seconds = np.divmod(pairs, size)
        return cls(classes.tolist(), labels, predicted, hits, firsts, seconds, count)

    @cached_property
    def matrix(self) -> Array:
        """[classes, classes]: labels down, predictions across."""
        import numpy as np

        whole = np.zeros((len(self.classes),) * 2, np.int64)
        whole[self.truth, self.guess] = self.count
        return whole

    def recall(self, at: int) -> float | None:
        """The share of a class's labels that is predicted right; None where it has no labels."""
        return float(self.hits[at] / self.labels[at]) if self.labels[at] else None

    @property
    def mistakes(self) -> Iterator[Mistake]:
        """All confusions, the most frequent first."""
        wrong = (self.truth != self.guess).nonzero()[0]
        for at in wrong[(-self.count[wrong]).argsort(kind="stable")].tolist():
            truth, guess = (self.classes[each[at]] for each in (self.truth, self.guess))
            yield Mistake(truth, guess, int(self.count[at]))

    def usual(self, at: int) -> int | None:
        """What a class is predicted as most often; None where it has no labels."""
        first, last = self.truth.searchsorted([at, at + 1])
        if first == last:
            return None
        return int(self.guess[first + int(self.count[first:last].argmax())])

    def times(self, at: int, guess: int) -> int:
        """How often labels of one class are predicted as another."""
        first, last = self.truth.searchsorted([at, at + 1])
        place = first + int(self.guess[first:last].searchsorted(guess))
        is_there = place < last and self.guess[place] == guess
        return int(self.count[place]) if is_there else 0

    def permuted(self, min_share: float = 0.6, min_samples: int = 5) -> dict[object, object]:
        """Classes that are predicted one to one as others, `label: prediction`; empty if under two.

        Each is most often predicted as one other class, no two as the same, and as no class that
        keeps its own predictions: in this share of their labels, and with them of all labels, which
        chance does not explain.
        """
        enough = (self.labels >= min_samples).nonzero()[0].tolist()
        moved = self._moved(self._usual_of(enough))
        mapped = sum(self.times(at, guess) for at, guess in moved.items())
        kept = int(self.hits[[*moved]].sum())
        rest = int(self.hits[[at for at in enough if at not in moved]].sum())
        is_certain = mapped - kept >= CERTAIN * (mapped + kept) ** 0.5
        is_most = mapped >= min_share * int(self.labels[[*moved]].sum())
        explains = mapped + rest >= min_share * int(self.labels[enough].sum())
        if len(moved) < 2 or not (is_certain and is_most and explains):
            return {}
        return {self.classes[at]: self.classes[guess] for at, guess in moved.items()}

    def _moved(self, usual: Mapping[int, int]) -> dict[int, int]:
        """Classes that are usually predicted as another one, which is free for that.

        They follow each other, in a circle or a row, or are most of all classes: two that are each
        taken for a class without labels may just look like it.
        """
        taken = Counter(usual.values())
        moved = {at: guess for at, guess in usual.items()
                 if guess != at and taken[guess] == 1 and self._is_free(at, guess)}  # fmt: skip
        if 2 * len(moved) > len(usual):
            return moved
        targets = {*moved.values()}
        return {at: guess for at, guess in moved.items() if guess in moved or at in targets}

    def _usual_of(self, classes: Iterable[int]) -> dict[int, int]:
        """What these are predicted as most often, where it is half of their labels or more."""
        found = {at: usual for at in classes if (usual := self.usual(at)) is not None}
        return {at: guess for at, guess in found.items()
                if 2 * self.times(at, guess) >= self.labels[at]}  # fmt: skip

    def _is_free(self, at: int, guess: int) -> bool:
        """Whether a class is seldom predicted for its own labels, compared with those of `at`."""
        own = self.recall(guess)
        return own is None or own <= self.times(at, guess) / self.labels[at] / 2

    def table(self, name_of: Callable[[object], str]) -> ConfusionTable:
        """As the report has it."""
        is_few = len(self.classes) <= MOST_CROSSED
        listed = islice(self.mistakes, MOST_PAIRS)
        return ConfusionTable(
            tuple(map(name_of, self.classes)),
            tuple(self.labels.tolist()),
            tuple(self.predicted.tolist()),
            tuple(self.hits.tolist()),
            tuple(map(tuple, self.matrix.tolist())) if is_few else None,
            tuple(ConfusedPair(name_of(each.truth), name_of(each.guess), each.times)
                  for each in listed),
            int((self.truth != self.guess).sum()),
        )  # fmt: skip


def _coded(truths: Array, predicted: Array) -> tuple[Array, Array, Array]:
    """The classes, sorted, and of each row the positions of both; of pixels there are millions."""
    import numpy as np

    if truths.dtype.kind not in "iu" or predicted.dtype.kind not in "iu" or not truths.size:
        both = np.concatenate([truths, predicted])
        classes, codes = np.unique(both, return_inverse=True)
        first, second = np.split(codes.reshape(-1).astype(np.int64), 2)
        return classes, first, second
    rows = [truths.astype(np.int64), predicted.astype(np.int64)]
    low = min(int(each.min()) for each in rows)
    high = max(int(each.max()) for each in rows)
    if high - low >= MOST_COUNTED:
        classes = np.union1d(*rows)
        return classes, classes.searchsorted(rows[0]), classes.searchsorted(rows[1])
    counts = np.stack([np.bincount(each - low, minlength=high - low + 1) for each in rows])
    seen = counts.any(axis=0)
    positions = seen.cumsum() - 1
    first, second = (positions[each - low] for each in rows)
    return np.flatnonzero(seen) + low, first, second


def _counted(codes: Array, most: int) -> tuple[Array, Array]:
    """The different numbers, sorted, with how often each occurs."""
    import numpy as np

    if most > MOST_COUNTED:
        pairs, count = np.unique(codes, return_counts=True)
        return pairs, count
    counts = np.bincount(codes, minlength=most)
    pairs = counts.nonzero()[0]
    return pairs, counts[pairs]
