"""The weights of all checkpoints of one training run, two of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from msgspec.structs import replace

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.series.chains import Chains, chained
from onnxlint.analyses.series.sharing import shared
from onnxlint.analyses.series.steps import Step, step_between
from onnxlint.contributions import Contributions
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.place import Place
from onnxlint.report import decode, encode
from onnxlint.safety.limits import Budget
from onnxlint.series_report import SeriesReport, TensorCurve
from onnxlint.settings import CheckpointFiles, Settings

NO_SERIES = "requires the checkpoints of a training run: onnxlint series"


class Series:
    """The checkpoints that led to the model, and what their weights did; no model is run.

    `report` holds every curve.
    """

    def __init__(self, report: SeriesReport, chains: Chains) -> None:
        self.report = report
        self.chains = chains

    @classmethod
    def build(cls, settings: Settings, budget: Budget) -> Series:
        """Matches each checkpoint with the one before, and compares them.

        Raises:
            Unavailable: the model is looked at alone.
            DataError: a checkpoint cannot be read, or is of another architecture.
        """
        files = settings.series
        if files is None:
            raise Unavailable(NO_SERIES)
        look = partial(_steps, files, alone(settings), budget)
        numbers = range(1, len(files.files))
        steps = shared(look, numbers, files.jobs, budget, encode, partial(decode, kind=list[Step]))
        chains = chained(steps)
        report = SeriesReport(
            tuple(map(str, files.files)), files.steps, files.unit, files.steps_from, chains.tensors
        )
        return cls(report, chains)

    def contribute(self, report: Contributions) -> None:
        """The curves."""
        report.series = self.report

    @property
    def place(self) -> Place:
        """Nowhere in the model: all of it."""
        return Place()

    @property
    def matrices(self) -> list[TensorCurve]:
        """What layers multiply with, from the input on."""
        return [each for each in self.report.tensors if each.is_matrix]

    def above(self, tensor: TensorCurve) -> list[TensorCurve]:
        """The matrices that the input passes before it comes to a layer, all of them."""
        by_depth: dict[int, list[TensorCurve]] = {}
        for each in self.matrices:
            by_depth.setdefault(each.depth, []).append(each)
        met: dict[int, None] = {}
        waiting = [*self.chains.above.get(tensor.depth, ())]
        while waiting:
            depth = waiting.pop()
            if depth not in met:
                met[depth] = None
                waiting += self.chains.above.get(depth, ())
        return [each for depth in sorted(met) for each in by_depth.get(depth, ())]


def alone(settings: Settings) -> Settings:
    """The settings for one checkpoint, which is compared with no other model."""
    return replace(
        settings, series=None, reference=None, witnesses=None, full_trace=False, integers=False,
        sample=None, layer=None, timed=False,
    )  # fmt: skip


@contextmanager
def opened(
    files: CheckpointFiles, at: int, settings: Settings, budget: Budget
) -> Iterator[Analyses]:
    """The analyses of one checkpoint.

    Raises:
        ModelError: it cannot be read.
    """
    with (
        open_model(str(files.files[at]), budget) as model,
        closing(Analyses(settings, model, budget)) as analyses,
    ):
        yield analyses


def _steps(
    files: CheckpointFiles, settings: Settings, budget: Budget, numbers: Sequence[int]
) -> list[Step]:
    """The steps that lead to the checkpoints of these numbers; each is opened once."""
    import numpy as np

    found: list[Step] = []
    with ExitStack() as before, np.errstate(all="ignore"):
        held = before.enter_context(ExitStack())
        old = held.enter_context(opened(files, numbers[0] - 1, settings, budget))
        for at in numbers:
            held_next = before.enter_context(ExitStack())
            new = held_next.enter_context(opened(files, at, settings, budget))
            names = str(files.files[at - 1]), str(files.files[at])
            found.append(step_between(old, new, names))
            held.close()
            old, held = new, held_next
    return found
