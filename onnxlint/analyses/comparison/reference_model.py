"""The model that `--reference` names: opened as carefully as the first, and fed the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.comparison.value_pairing import ComparedModel
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.runtime_errors import read_refusal
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.precision import Rounding
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.file.errors import DataError, MisfitError, ModelError
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.preflight import Preflight
from onnxlint.remote.address import entered, is_remote
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Feed, Outputs

    Names = Sequence[tuple[str, str]]
    Job = tuple[int, Names]


PAST = "past_key_values"
"""How the names of caches begin where optimum exports a decoder as two files."""


class ReferenceModel:
    """What is known of the reference; `inputs` has its input for each of the linted model's."""

    asked_by: ClassVar = ("reference", "requires --reference")

    def __init__(self, analyses: Analyses, name: str, graph: Graph, worker: Worker) -> None:
        self.name = name
        self.side = ComparedModel(analyses.get(Graph), analyses.get(Shapes), analyses.get(Weights))
        self.rounding = analyses.get(Rounding)
        self._inputs = analyses.get(Inputs)
        self.inputs = self._paired(graph)
        self._runner = LoadedModel(self.side.graph, worker)
        self._stack = ExitStack()

    @classmethod
    def build(cls, graph: Graph, settings: Settings, worker: Worker) -> ReferenceModel:
        """Opens the file, unless that is unsafe.

        Raises:
            Unavailable: there is no reference, or it is the first half of the same decoder.
            DataError: it cannot be read, or has other inputs.
        """
        assert settings.reference is not None  # as `asked_by` says
        name = f"the reference {entered(str(settings.reference))}"
        with ExitStack() as stack:
            try:
                model = stack.enter_context(open_model(str(settings.reference)))
            except ModelError as error:
                colon = ":" if is_remote(settings.reference) else ""
                raise DataError(f"{name}{colon} {error.problem}; {error.remedy}") from error
            analyses = stack.enter_context(closing(Analyses(replace(settings, data=None), model)))
            refusal = analyses.get(Preflight).refusal
            if refusal is not None:
                raise DataError(f"{name} is not opened: {refusal}")
            other = cls(analyses, name, graph, worker)
            other._stack = stack.pop_all()
        return other

    def close(self) -> None:
        """Closes its files."""
        self._stack.close()

    def feeds(self, feed: Feed) -> list[tuple[Feed, Feed]]:
        """What to feed the linted model, and what the reference: the same samples.

        That is the feed itself, or parts of it where the reference takes a fixed number of samples.

        Raises:
            DataError: it takes other types, shapes or numbers.
        """
        from onnxlint.runtime.data.batching import batched, samples_in
        from onnxlint.runtime.data.fitting import fitted

        slots = self._inputs.slots
        names = {other.name: mine.name for mine, other in self.inputs.items()}
        renamed = {name: feed[mine] for name, mine in names.items()}
        try:
            return [(feed, fitted(renamed, slots, as_given=True).arrays)]
        except MisfitError as misfit:
            try:
                parts = batched(fitted(renamed, slots), slots, samples_in(renamed, slots)).feeds
            except (MisfitError, LookupError):
                remedy = "use --data that fits both models, or swap the two models"
                told = f"{self.name} does not accept the samples of the model: {misfit}; {remedy}"
                raise DataError(told) from misfit
        return [(self._mine(part, feed), part) for part in parts]

    def outputs(self, feed: Feed, names: Iterable[str], watched: Iterable[str] = ()) -> Outputs:
        """The named values of one run.

        Raises:
            DataError: it cannot be run.
        """
        with self._told():
            return self._runner.outputs(feed, names, watched)

    def seconds(self, feed: Feed) -> float:
        """The time that onnxruntime takes for one run.

        Raises:
            DataError: it cannot be run.
        """
        with self._told():
            return self._runner.seconds(feed)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says of a failure that it is the reference's."""
        try:
            yield
        except RunFailure as error:
            refusal = read_refusal(self.side.graph, str(error))
            raise DataError(f"{self.name} does not run: {refusal}") from error
        except WorkerDied as error:
            raise DataError(f"{self.name} does not run: {error}") from error

    def _mine(self, part: Feed, feed: Feed) -> Feed:
        """A part in the types of the linted model."""
        names = {mine.name: other.name for mine, other in self.inputs.items()}
        return {
            name: part[names[name]].astype(array.dtype) if name in names else array
            for name, array in feed.items()
        }

    def _paired(self, graph: Graph) -> dict[Value, Value]:
        """The inputs by name, else by order where there are as many.

        Raises:
            Unavailable: it is the file for the first call of the same decoder.
            DataError: there are others.
        """
        if self._inputs.obstacle is not None:
            raise DataError(f"{self.name} cannot be fed: {self._inputs.obstacle}")
        theirs = self.side.graph.inputs
        if is_first_call(graph, self.side.graph):
            raise Unavailable(
                f"{self.name} is the file for the first call of this decoder (SEQ001)"
            )
        named = {value.name: value for value in graph.inputs}
        if all(value.name in named for value in theirs):
            return {named[value.name]: value for value in theirs}
        if len(theirs) == len(graph.inputs):
            return dict(zip(graph.inputs, theirs, strict=True))
        told = f"has inputs {names_of(theirs)}, the model {names_of(graph.inputs)}"
        raise DataError(f"{self.name} {told}; use a model with the same inputs")


class ComparedModels:
    """The two models on the same feeds, `cut` where the reference wants fewer samples at once."""

    def __init__(
        self, mine: ComparedModel, other: ReferenceModel, feeds: Iterable[Feed], worker: Worker
    ) -> None:
        parts = [other.feeds(feed) for feed in feeds]
        self.mine, self.theirs, self.inputs = mine, other.side, other.inputs
        self.cut = any(len(part) > 1 for part in parts)
        self.feeds = [pair for part in parts for pair in part]
        self._runner, self._other = LoadedModel(mine.graph, worker), other

    def run(
        self, jobs: Sequence[Job], watched: Names = (), known: Sequence[Outputs] = ()
    ) -> Iterator[tuple[Outputs, Outputs]]:
        """What both give for the names of each job, on the feed of its number.

        Which one begins changes from job to job, so that they are loaded seldom; `known` are the
        linted model's outputs where it need not run again.

        Raises:
            RunFailure: onnxruntime refuses to load or to run the linted model.
            WorkerDied: it crashed or went over a limit.
            DataError: the reference does.
        """
        for turn, (run, names) in enumerate(jobs):
            if turn % 2:
                wanted = self._theirs(run, names, watched)
                yield known[turn] if known else self._mine(run, names, watched), wanted
            else:
                got = known[turn] if known else self._mine(run, names, watched)
                yield got, self._theirs(run, names, watched)

    def _mine(self, run: int, names: Names, watched: Names) -> Outputs:
        mine, asked = ([name for name, _ in pairs] for pairs in (names, watched))
        return self._runner.outputs(self.feeds[run][0], mine, asked)

    def _theirs(self, run: int, names: Names, watched: Names) -> Outputs:
        theirs, asked = ([name for _, name in pairs] for pairs in (names, watched))
        return self._other.outputs(self.feeds[run][1], theirs, asked)


def is_first_call(graph: Graph, other: Graph) -> bool:
    """Whether another file makes the caches that a decoder takes, by name, and takes none."""
    taken = {value.name for value in other.inputs}
    pasts = [value.name for value in graph.inputs if value.name.startswith(PAST)]
    made = {value.name for value in other.outputs}
    presents = {name.replace(PAST, "present", 1) for name in pasts}
    return bool(pasts) and presents <= made and taken.isdisjoint(pasts)


def names_of(values: Iterable[Value]) -> str:
    """The names of inputs or outputs, for a sentence."""
    return ", ".join(repr(value.name) for value in values) or "none"
