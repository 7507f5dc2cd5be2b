"""The samples fed to the model: the user's data, or valid ones synthesised from the graph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses import Unavailable
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.inputs.hints.caches import tied
from onnxlint.analyses.inputs.hints.operand_vectors import counted
from onnxlint.analyses.inputs.hints.tied_sizes import Ties, dims_by, ties_of
from onnxlint.analyses.inputs.input_semantics import NotFeedableError, input_dims, is_guess, slot_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.errors import DataError, Misfit, MisfitError
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.data.fitting import Fed
    from onnxlint.runtime.feeds.synthesis import Attempt, Slot

NO_DATA = "needs data (--data)"

TOO_LARGE = "the inputs are too large for synthetic samples"


class Inputs(Struct, frozen=True, dict=True):
    """What the model can be fed, input by input.

    `obstacle` says why no sample can be made; `guessed` is true where a synthesised sample may be
    invalid, because sizes or parameters had to be guessed. `parameters` are the inputs whose
    numbers are shapes, axes, bounds and the like. `sizes` are those of symbols that the graph
    tells. `given` are feeds that were made for another model, which this one gets instead.
    """

    slots: list[Slot] = field(default_factory=list)
    obstacle: str | None = None
    guessed: bool = False
    synthetic: bool = True
    settings: Settings = field(default_factory=Settings)
    parameters: frozenset[str] = frozenset()
    sizes: dict[str, int] = field(default_factory=dict)
    given: Attempt | None = None

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, settings: Settings) -> Inputs:
        """Reads the meaning of every input off the nodes that use it."""
        from onnxlint.runtime.feeds.synthesis import Meaning, choices, free_symbols

        synthetic, contracts = settings.data is None, settings.inputs
        dims = {value: input_dims(shapes, value) for value in graph.inputs}
        dims_of = dims_by(shapes, dims)
        try:
            slots = [slot_of(graph, shapes, value, contracts.get(value.name), dims_of)
                     for value in graph.inputs]  # fmt: skip
        except NotFeedableError as error:
            return cls(obstacle=str(error), synthetic=synthetic, settings=settings)
        ties = Ties()
        if synthetic:
            symbols = [dim for slot in slots for dim in slot.dims if isinstance(dim, str)]
            ties = ties_of(graph, list(dict.fromkeys(symbols)), dims_of) if symbols else ties
            pairs = zip(graph.inputs, tied(graph, slots, ties), strict=True)
            slots = [counted(shapes, value, slot) for value, slot in pairs]
        if synthetic and next(choices(slots, settings.samples), None) is None:
            return cls(slots, TOO_LARGE, settings=settings)
        parameters = frozenset(v.name for v in graph.inputs if is_guess(shapes, v))
        guessed = (
            any(slot.meaning in (Meaning.COUNT, Meaning.LENGTH) for slot in slots)
            or bool(free_symbols(slots))
            or bool(parameters)
        )
        return cls(slots, None, guessed, synthetic, settings, parameters, ties.sizes)

    def attempts(self) -> Iterator[Attempt]:
        """Feeds to try in turn until the model runs: of the user's data there is one.

        Raises:
            DataError: the user's data does not fit the model, or has no such sample.
        """
        at = self.settings.sample
        return (
            self._attempts() if at is None else (self._one(each, at) for each in self._attempts())
        )

    def _one(self, attempt: Attempt, at: int) -> Attempt:
        """One sample alone; where every run takes a fixed number, as often as that."""
        from onnxlint.runtime.feeds.synthesis import Attempt, batch_axes

        per_run = max(1, attempt.samples_per_run)
        count = attempt.samples or len(attempt.feeds) * per_run
        if at >= count:
            raise DataError(f"there is no sample {at}: {self._source} has {count:,}, from 0 on")
        feed = attempt.feeds[at // per_run]
        if per_run == 1:
            return Attempt(attempt.sizes, 1, [feed])
        axes = Sizes(self.slots, feed)
        if axes.batch is not None:
            alone = axes.with_batch(feed, [at % per_run])
            return Attempt(Sizes(self.slots, alone).base, 1, [alone])
        rows = [at % per_run] * per_run
        fixed = {name: axis for name, axis in batch_axes(self.slots).items() if axis is not None}
        alone = {name: array.take(rows, fixed[name]) if name in fixed else array
                 for name, array in feed.items()}  # fmt: skip
        return Attempt(attempt.sizes, per_run, [alone])

    def _attempts(self) -> Iterator[Attempt]:
        from onnxlint.runtime.feeds.synthesis import Attempt, attempts

        settings = self.settings
        if self.given is not None:
            yield self.given
            return
        if settings.data is None:
            yield from attempts(self.slots, settings.samples, settings.seed, self.sizes)
            return
        from onnxlint.runtime.data.batching import samples_in

        first = self.fed.feeds[0]
        sizes = Sizes(self.slots, first).base
        yield Attempt(sizes, samples_in(first, self.slots), self.fed.feeds, self.fed.samples)

    def corrected(self, attempt: Attempt, refusal: str) -> Attempt | None:
        """Synthetic input of the sizes that onnxruntime's refusal of another names, if it does.

        All other sizes stay.
        """
        from onnxlint.analyses.inputs.hints.refused_sizes import corrected
        from onnxlint.runtime.feeds.synthesis import attempts, batch_symbol

        if not self.synthetic or self.given is not None:
            return None
        sizes = corrected(self.slots, attempt.sizes, batch_symbol(self.slots), refusal)
        known = {**attempt.sizes, **sizes}
        settings = self.settings
        others = attempts(self.slots, settings.samples, settings.seed, known) if sizes else ()
        return next((other for other in others if sizes.items() <= other.sizes.items()), None)

    @property
    def fed(self) -> Fed:
        """The user's data, read once.

        Raises:
            MisfitError: it does not fit the model.
            DataError: it cannot be read.
        """
        if isinstance(self._read, DataError):
            raise self._read
        return self._read

    @property
    def misfits(self) -> list[Misfit]:
        """What of the user's data does not fit the model.

        Raises:
            Unavailable: there is no data.
            DataError: it cannot be read.
        """
        if self.synthetic or self.obstacle is not None:
            raise Unavailable(self.obstacle or NO_DATA)
        if isinstance(self._read, MisfitError):
            return self._read.misfits
        _ = self.fed
        return []

    @cached_property
    def _read(self) -> Fed | DataError:
        from onnxlint.runtime.data.reading import read

        settings = self.settings
        assert settings.data is not None
        try:
            without = settings.label_in_data
            return read(settings.data, self.slots, settings.samples, settings.inputs, without)
        except DataError as error:
            return error

    @property
    def is_noise(self) -> bool:
        """Whether synthesised numbers without meaning are fed, no ids, masks and text alone."""
        from onnxlint.runtime.feeds.synthesis import Meaning

        noise = (Meaning.NOISE, Meaning.PIXEL)
        return self.synthetic and any(slot.meaning in noise for slot in self.slots)

    @property
    def description(self) -> str:
        """What was fed, in a few words for the summary."""
        at = self.settings.sample
        return self._source if at is None else f"{self._source}, sample {at}"

    @property
    def _source(self) -> str:
        if not self.synthetic:
            notes = [self.fed.note] if self.fed.note else []
            if self.fed.lies_in_folders and self.settings.labels is None:
                notes.append(f"if its folders are classes: --labels {self.settings.data}")
            note = f" ({'; '.join(notes)})" if notes else ""
            return f"data {self.settings.data}{note}"
        return f"synthetic inputs (seed {self.settings.seed})"
