"""A decoder in two files: one for the first call, without a cache, and one for those after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.execution.probed_session import kept_outputs
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.language.asking import PROMPT, STEPS, Asked
from onnxlint.analyses.language.caches import common_words
from onnxlint.analyses.language.feeds import Feeder
from onnxlint.analyses.language.interface import interface_of
from onnxlint.analyses.language.stepping import Step, at_step
from onnxlint.analyses.static.precision import Rounding
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.decoder_files import first_beside
from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators import DYNAMIC_SCALES
from onnxlint.model.graph.place import NotApplicable
from onnxlint.model.preflight import Preflight
from onnxlint.remote.address import entered
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array, Feed, Outputs


class FirstCall:
    """The file for the first call, named by `--reference` or beside the model, on some tokens."""

    def __init__(self, name: str, analyses: Analyses, asked: Asked, worker: Worker) -> None:
        self.name, self._asked = name, asked
        graph, shapes = analyses.get(Graph), analyses.get(Shapes)
        inputs = analyses.get(Inputs)
        attempt = next(inputs.attempts(), None) if inputs.obstacle is None else None
        interface = interface_of(graph, shapes, inputs.slots)
        if interface is None or attempt is None:
            raise Unavailable("takes no tokens, or cannot be fed")
        if interface.grows:
            raise Unavailable("takes a cache itself")
        if any(True for _ in graph.nodes(*DYNAMIC_SCALES)):
            raise Unavailable("rounds all tokens of a run by one scale (dynamic quantisation)")
        if any(map(analyses.get(Rounding).drawn_by, graph.outputs)):
            raise Unavailable("has random outputs")
        seed = inputs.settings.seed
        self._feeder = Feeder(interface, inputs.slots, attempt.feeds[0], seed, given=False)
        self._kept = [*kept_outputs(graph, shapes)]
        self._made = _made(asked, graph)
        self._model = LoadedModel(graph, worker)

    def run(self, tokens: Array) -> tuple[Feed, Outputs]:
        """What is fed for some tokens, and what comes of it.

        Raises:
            Unavailable: it does not run.
        """
        tokens = tokens.astype(self._feeder.interface.tokens.dtype)
        feed = self._feeder.feed(tokens)
        try:
            return feed, self._model.outputs(feed, self._kept)
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"does not run on {tokens.shape[1]} token(s): {error}") from error

    def states(self, outputs: Outputs) -> dict[str, Array]:
        """The caches that the other file takes, an encoder's too.

        Raises:
            Unavailable: one is too large to be held.
        """
        for name in self._made.values():
            if name not in outputs:
                raise Unavailable(f"has an output {name!r} that is too large to be fed back")
        return {taken: outputs[name] for taken, name in self._made.items()}


def steps_of_two(asked: Asked, settings: Settings, worker: Worker) -> list[Step]:
    """The tokens after a prompt that the other file took, beside that file on all of them.

    Raises:
        Unavailable: there is no other file, or the two cannot be run one after the other.
    """
    if asked.interface.steps not in (None, 1):
        raise Unavailable(f"every call takes {asked.interface.steps} tokens, not one")
    with _opened(asked, settings, worker) as first:
        tokens = asked.feeder.tokens(asked.samples, STEPS)
        _, whole = first.run(tokens)
        beside, made = first.run(tokens[:, :PROMPT])
        states = first.states(made)
        found = [*_compared(asked, first.name, tokens, states, beside, whole)]
        if not found:
            raise Unavailable("has no output for every token that the model has, too")
    return found


def _compared(
    asked: Asked, name: str, tokens: Array, states: dict[str, Array], beside: Feed, whole: Outputs
) -> Iterator[Step]:  # fmt: skip
    known = asked.interface
    own = (known.tokens, known.mask, known.positions, known.kinds, known.branch, known.kept)
    counted = {slot.name for slot in own if slot is not None}
    for at in range(PROMPT, STEPS):
        feed = asked.feeder.feed(tokens[:, at : at + 1], states=states, length=at)
        shared = feed.keys() & beside.keys() - counted  # what an encoder said
        feed |= {each: beside[each] for each in shared}
        step = asked.run(feed, f"on one token after the cache of {name}")
        for value, array in asked.judged(step):
            all_of_it = whole.get(value.name)
            wanted = None if all_of_it is None else at_step(all_of_it, at, array)
            if wanted is not None:
                yield Step(asked.compared(value, wanted, array), at, first=name)
        states = asked.states(step, states)


@contextmanager
def _opened(asked: Asked, settings: Settings, worker: Worker) -> Iterator[FirstCall]:
    """The other file, unless that is unsafe; what is raised names it."""
    path = settings.reference or first_beside(asked.graph.model.files.model_file)
    if path is None:
        raise Unavailable("the file for the first call is not known (--reference)")
    name = Path(entered(str(path))).name
    alone = replace(settings, data=None, sample=None, reference=None)
    try:
        with open_model(str(path)) as model, closing(Analyses(alone, model)) as analyses:
            refusal = analyses.get(Preflight).refusal
            if refusal is not None:
                raise Unavailable(f"is not opened: {refusal}")
            yield FirstCall(name, analyses, asked, worker)
    except ModelError as error:
        raise Unavailable(f"{name}: {error.problem}") from error
    except (DataError, NotApplicable) as error:
        raise Unavailable(f"{name} {error}") from error


def _made(asked: Asked, graph: Graph) -> dict[str, str]:
    """The other file's output for each cache, by what their names have in common.

    Raises:
        Unavailable: one has none, or two.
    """
    outputs: dict[tuple[str, ...], list[str]] = {}
    for value in graph.outputs:
        outputs.setdefault(common_words(value.name), []).append(value.name)
    found = {}
    for cache in asked.interface.caches:
        fitting = outputs.get(common_words(cache.slot.name), [])
        if len(fitting) != 1:
            raise Unavailable(f"has no output for the cache {cache.slot.name!r}")
        found[cache.slot.name] = fitting[0]
    return found
