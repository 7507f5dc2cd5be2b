"""Whether the samples of training and those of `--data` are of one distribution."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.inputs.user_data import Data
from onnxlint.analyses.predictions.compared_features import Compared, compared
from onnxlint.analyses.predictions.compared_layers import MOST_RUN, LayerRows, LayerRuns
from onnxlint.analyses.predictions.compared_sets import ComparedSets
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings
from onnxlint.shift_report import FeatureShift, LayerShift, ShiftReport

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_TESTED = 2_000
"""Samples of each set by feature: an index of 0.1 is far beyond chance there. A choice."""

MOST_WORK = 2_000_000
"""Samples times columns; of wide tables fewer samples are tested. A choice: two seconds."""

LEAST_OVERLAP = {True: 0.5, False: 0.95}
"""Share of the training samples, and of the others, whose predicted class both sets have, where
frequencies explain a shift: classes may be gone, but not be new. A choice."""


class Shift:
    """The two sets beside each other, by feature and by layer; `report` has all figures."""

    def __init__(self, graph: Graph, report: ShiftReport) -> None:
        self._graph, self.report = graph, report

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, sets: ComparedSets,
        execution: Execution, worker: Worker,
    ) -> Shift:  # fmt: skip
        """Compares features, and runs the model on samples of both.

        Raises:
            Unavailable: there is only one set, or too little of one.
            DataError: one cannot be read, or does not fit the model.
        """
        test = _Test(sets)
        found = test.by_feature()
        try:
            if not execution.ran:
                raise Unavailable(execution.failure or "the model did not run")
            seen = LayerRuns(graph, shapes, settings, execution, worker).of(test.run)
            found = test.by_layer(found, seen)
        except Unavailable as reason:
            found = replace(found, not_compared=str(reason))
        return cls(graph, found)

    def place(self, name: str) -> Place:
        """Where an input, or a value, stands."""
        value = self._graph.main.values.get(name)
        return Place() if value is None else value.place

    def contribute(self, report: Contributions) -> None:
        """All figures."""
        report.shift = self.report


class _Chosen(Struct, frozen=True, eq=False):
    """Samples of both sets by their numbers, and which of them are exchanged with each other."""

    rows: tuple[Array, Array]
    strata: Array

    @property
    def is_first(self) -> Array:
        import numpy as np

        return np.arange(len(self.strata)) < len(self.rows[0])


class _Test:
    def __init__(self, sets: ComparedSets) -> None:
        self._sets = sets
        self._chosen = self._choose(_affordable(sets))
        self._run = self._choose(MOST_RUN)

    @property
    def run(self) -> list[tuple[Data, Array]]:
        """The samples of each set that are run."""
        sets = self._sets
        return [(sets.train.data, self._run.rows[0]), (sets.data.data, self._run.rows[1])]

    def _choose(self, most: int) -> _Chosen:
        import numpy as np

        rows = self._sets.chosen(most)
        classes = self._sets.classes(rows)
        same = np.zeros(len(rows[0]) + len(rows[1]), int)
        return _Chosen(rows, same if classes is None else classes)

    def by_feature(self) -> ShiftReport:
        sets, chosen = self._sets, self._chosen
        features = self._features(chosen)
        features.sort(key=lambda each: -each.excess)  # stable: equals stay in their order
        classes = sets.classes(chosen.rows)
        return ShiftReport(
            train_samples=len(chosen.rows[0]), samples=len(chosen.rows[1]), seed=sets.seed,
            features=tuple(features), within=None if classes is None else "labels",
            class_psi=None if classes is None else _class_psi(classes, chosen),
            copies=sets.train.copies + sets.data.copies,
        )  # fmt: skip

    def by_layer(self, found: ShiftReport, seen: LayerRows) -> ShiftReport:
        """With the layers, and with what frequencies of predicted classes explain."""
        found = replace(
            found, run_samples=min(map(len, self._run.rows)),
            layers=tuple(self._layers(self._run, seen)),
        )  # fmt: skip
        if found.within is None and found.differs and self._is_explained(seen):
            return replace(found, within="predictions")
        return found

    def _is_explained(self, seen: LayerRows) -> bool:
        """Whether nothing differs among samples of one predicted class."""
        from onnxlint.runtime.metrics.two_sample import Sides

        if seen.predicted is None:
            return False
        within = replace(self._run, strata=seen.predicted)
        sides = Sides.of(within.is_first, within.strata, 0, 0)
        if any(sides.overlap(of) < least for of, least in LEAST_OVERLAP.items()):
            return False
        return self._differs(self._run, seen) and not self._differs(within, seen)

    def _differs(self, chosen: _Chosen, seen: LayerRows) -> bool:
        layers = any(each.is_beyond_chance for each in self._layers(chosen, seen))
        return layers or any(each.is_beyond_chance for each in self._features(chosen))

    def _features(self, chosen: _Chosen) -> list[FeatureShift]:
        from onnxlint.runtime.metrics.two_sample import Sides, stability_indices

        columns = list(self._columns(chosen.rows))
        sides = Sides.of(chosen.is_first, chosen.strata, self._sets.seed)
        tested = stability_indices(sides, (column.bins for column in columns))
        first = len(chosen.rows[0])
        figures = zip(columns, tested.effect, tested.chance, tested.p, strict=True)
        return [_told(column, first, *map(float, each)) for column, *each in figures]

    def _columns(self, rows: tuple[Array, Array]) -> Iterator[Compared]:
        import numpy as np

        from onnxlint.runtime.metrics.binning import binned, categories, frequencies

        smaller = min(map(len, rows))
        for mine, other in zip(self._sets.train.data, self._sets.data.data, strict=True):
            if mine.batch_axis is None and len(mine.blocks) == 1:
                continue  # the same for all samples
            for name, kind, values in compared(mine, rows[0], other, rows[1]):
                if kind == "token":
                    bins = frequencies([*values], smaller)
                elif kind == "category":
                    bins = categories(np.asarray(values), smaller)
                else:
                    bins = binned(np.asarray(values), smaller)
                yield Compared(other, name, kind, values, bins)

    def _layers(self, chosen: _Chosen, seen: LayerRows) -> Iterator[LayerShift]:
        from onnxlint.runtime.metrics.two_sample import Halves, told_apart

        halves = Halves.of(chosen.is_first, chosen.strata, self._sets.seed)
        inputs = self._together(chosen.rows)
        rows = [*inputs.values(), *seen.rows.values()]
        tested = told_apart(halves, rows, self._sets.seed)
        figures = zip(tested.effect, tested.p, rows, strict=True)
        for value, (auc, p, each) in zip([*inputs, *seen.rows], figures, strict=True):
            yield _layer(value, each.shape[1], float(auc), float(p))

    def _together(self, rows: tuple[Array, Array]) -> dict[Value, Array]:
        """The numbers of each input together: columns may differ in how they go with each other."""
        import numpy as np

        found: dict[Value, list[Array]] = {}
        for column in self._columns(rows):
            if column.kind in ("number", "statistic"):
                numbers = np.asarray(column.values, np.float64)
                found.setdefault(column.input.value, []).append(numbers)
        return {value: np.stack(each, axis=1) for value, each in found.items() if len(each) > 1}


def _affordable(sets: ComparedSets) -> int:
    """Samples of each set by which features are tested."""
    width = sum(fed.slot.dims[-1] if fed.is_table and isinstance(fed.slot.dims[-1], int) else 1
                for fed in sets.data.data)  # fmt: skip
    return max(100, min(MOST_TESTED, MOST_WORK // (2 * max(1, width))))


def _class_psi(classes: Array, chosen: _Chosen) -> float:
    import numpy as np

    from onnxlint.runtime.metrics.binning import one_hot
    from onnxlint.runtime.metrics.two_sample import Sides, stability_indices

    sides = Sides.of(chosen.is_first, np.zeros(len(classes), int), 0)
    return float(stability_indices(sides, [one_hot(classes, int(classes.max()) + 1)]).beyond[0])


def _told(column: Compared, first: int, psi: float, chance: float, p: float) -> FeatureShift:
    train, data, value = column.sides(first)
    return FeatureShift(
        column.input.value.name, column.name, column.kind, psi, chance, p, train, data, value
    )


def _layer(value: Value, width: int, auc: float, p: float) -> LayerShift:
    node = value.producer
    return LayerShift(value.name, node.name if node else "", node.op if node else "", width, auc, p)


def shifted(features: Sequence[FeatureShift], limit: float) -> list[FeatureShift]:
    """Those beyond chance whose index is above a limit."""
    return [each for each in features if each.is_beyond_chance and each.excess > limit]
