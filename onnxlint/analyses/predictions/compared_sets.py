"""The samples of training beside those of `--data`: which of them are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.inputs.preprocessing import Openings
from onnxlint.analyses.inputs.user_data import Data
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import LabelSource, Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

NO_TRAINING = "requires --train-data beside --data"

LEAST = 20
"""Samples of each set: of fewer, chance explains all but the largest shifts. A choice."""

MOST_READ, MOST_READ_BYTES = 20_000, 256 * 1024 * 1024
"""Samples of each set that are read, the first of a file, and what they may take. A choice."""

MANY_DISTINCT = 20
"""Different samples from which on equal ones are copies, and no categories. A choice."""

COPIED = 4.0
"""Pairs of equal samples, so many times as often within a set as across the sets, are copies."""


class ComparedSet(Struct, frozen=True, eq=False):
    """One of the two sets: its samples, the numbers of those that are compared, and their labels.

    `labels` are of all samples, None where they are no classes; `copies` were left out.
    """

    data: Data
    rows: Array
    labels: Array | None
    copies: int = 0


class ComparedSets(Struct, frozen=True, eq=False):
    """Both sets; `train` is the one that a model was trained on."""

    asked_by: ClassVar = ("train_data", NO_TRAINING)

    train: ComparedSet
    data: ComparedSet
    seed: int

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, openings: Openings, settings: Settings
    ) -> ComparedSets:
        """Reads both.

        Raises:
            Unavailable: there is only one set, or too little of one.
            DataError: one cannot be read, or does not fit the model.
        """
        if settings.data is None:
            raise Unavailable(NO_TRAINING)
        facts = graph, shapes, openings
        trained = replace(settings, data=settings.train_data, labels=_train_labels(settings))
        mine = _read(facts, settings)
        try:
            theirs = _read(facts, trained)
        except DataError as error:
            raise DataError(f"--train-data {settings.train_data}: {error}") from error
        labels = [None, None] if settings.train_labels is None else [
            _labels(each, data) for each, data in ((trained, theirs), (settings, mine))
        ]  # fmt: skip
        kept = [_kept(theirs.digests, mine.digests), _kept(mine.digests, theirs.digests)]
        sets = [
            ComparedSet(data, rows, told, data.samples - len(rows))
            for data, rows, told in zip((theirs, mine), kept, labels, strict=True)
        ]
        for each, name in zip(sets, ("--train-data", "--data"), strict=True):
            _check(each, name)
        return cls(sets[0], sets[1], settings.seed)

    def chosen(self, most: int) -> tuple[Array, Array]:
        """So many samples of each set at most, drawn by the seed; in their order."""
        import numpy as np

        from onnxlint.runtime.metrics.two_sample import generator

        rng = generator(self.seed)
        rows = [np.sort(rng.permutation(each.rows)[:most]) for each in (self.train, self.data)]
        return rows[0], rows[1]

    def classes(self, chosen: tuple[Array, Array]) -> Array | None:
        """The label of each sample that was chosen, training first; None without classes."""
        import numpy as np

        train, data = self.train.labels, self.data.labels
        if train is None or data is None:
            return None
        named = [train[chosen[0]].astype(str), data[chosen[1]].astype(str)]
        return np.unique(np.concatenate(named), return_inverse=True)[1].reshape(-1)


def _train_labels(settings: Settings) -> LabelSource | None:
    """What of the training data are labels and no features."""
    beside = settings.label_in_data
    if settings.train_labels is None and beside is not None and settings.train_data is not None:
        return LabelSource(settings.train_data, beside)
    return settings.train_labels


def _read(facts: tuple[Graph, Shapes, Openings], settings: Settings) -> Data:
    graph, shapes, openings = facts
    own = replace(settings, samples=_most(graph, shapes, settings), sample=None)
    return Data.build(graph, openings, Inputs.build(graph, shapes, own))


def _most(graph: Graph, shapes: Shapes, settings: Settings) -> int:
    """How many samples are read: of what somebody's code makes, as many as are run."""
    from onnxlint.runtime.data import generators

    data = settings.data or Path()
    if generators.is_one(data):
        return settings.samples
    known = filter(None, map(shapes.of, graph.inputs))
    taken = sum(shape.nbytes(unknown=64) for shape in known) or 1
    return max(settings.samples, min(MOST_READ, MOST_READ_BYTES // taken))


def _labels(settings: Settings, data: Data) -> Array | None:
    """One class a sample."""
    if settings.labels is None:
        return None
    labels = Labels.build(settings)
    if labels.counts is None or len(labels.array) < data.samples:
        return None
    return labels.array.reshape(-1)[: data.samples]


def _kept(mine: Sequence[bytes], others: Sequence[bytes]) -> Array:
    """The numbers of the samples, without copies.

    Equal samples are copies where the set has many different ones and the other set seldom has the
    same: not where a table has few values, which both sets have.
    """
    import numpy as np

    counts, across = Counter(mine), Counter(others)
    within = sum(count * (count - 1) for count in counts.values()) / max(1, len(mine) ** 2)
    common = sum(count * across[each] for each, count in counts.items())
    between = common / max(1, len(mine) * len(others))
    if within <= COPIED * between or len(counts) < MANY_DISTINCT:
        return np.arange(len(mine))
    first: dict[bytes, int] = {}
    for number, digest in enumerate(mine):
        first.setdefault(digest, number)
    return np.array(sorted(first.values()))


def _check(each: ComparedSet, name: str) -> None:
    """Whether there is enough of a set.

    Raises:
        Unavailable: there is not.
    """
    if len(each.rows) < LEAST:
        told = f"too few samples of {name}: {len(each.rows)}"
        copies = f", {each.copies} copies left out" if each.copies else ""
        raise Unavailable(f"{told} (at least {LEAST}{copies})")
