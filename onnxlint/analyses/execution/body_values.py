"""What is seen inside If, Loop, Scan and local functions.

Statistics come from taps in a copy of the model, of every iteration and call. Where NaN or
infinities show, or onnxruntime refuses the taps, bodies run as models of their own: they are fed
what their nodes were fed, step by step. The model itself runs as it is: nothing that is watched
inside can keep it from running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.execution.body_steps import Unknown, carried, steps
from onnxlint.analyses.execution.body_taps import BodyTaps, Reach, Shown
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, runnable, serialised
from onnxlint.analyses.execution.probes import chosen, constants
from onnxlint.analyses.execution.tapped_bodies import MOST_TAPPED
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.body_models import Body, as_model, bodies, wanted_by
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions, Loss
from onnxlint.findings import SHOWN_PLACES
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Scope, Value
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnx import TensorProto

    from onnxlint.runtime.protocol import Array, Ran, Statistics, Watch

    Feed = dict[str, Array]

MOST_BODIES = 256
"""Bodies that run as models of their own; a choice, a session takes some ms."""

MOST_STEPS = 256
"""Steps of one body, in all runs together: a choice, with a step of some ms."""

MOST_ODD_RUNS = 64
"""Runs in which NaN or infinities are located: a choice, each has its values kept for a while."""

MOST_ODD_STEPS = 2048
"""The same where NaN or infinities are known to be met, and it is looked for the first of them."""

MOST_CLOSE = 32
"""Steps with NaN or infinities that are kept of one body, each with every value."""

MOST_ODD = 8
"""Runs with NaN or infinities that are looked into beside the first ones."""

CAPTURED_BYTES = 128 * 1024 * 1024
"""What is kept of values that bodies read."""


class Visit(Struct, frozen=True, eq=False):
    """A body as it is about to run: in which run, and the values around it."""

    run: int
    values: dict[Value, Array]


class InnerRun(Struct, frozen=True, eq=False):
    """One step of a body in one run of the model, with every value watched."""

    body: Body
    run: int
    ran: Ran


class Within:
    """Statistics of values in subgraphs and functions, and the steps that NaN or infinities show.

    `samples` tells of how many samples a value was seen; of what never ran there is nothing.
    `of_runs` is how many runs of the model were looked into. `unseen` are the bodies that are not,
    with the reasons; where `is_tapped`, only NaN and infinities are not located in them. `reached`
    tells how often each body ran, `of_calls` what was seen of a value in each call where there are
    several. `beyond` is the first body of those that are too many to be tapped.
    """

    def __init__(self, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution) -> None:
        self.graph, self.shapes, self.worker = graph, shapes, worker
        self.execution = execution
        self.statistics: dict[Value, Statistics] = {}
        self.samples: dict[Value, int] = {}
        self.close_runs: list[InnerRun] = []
        self.of_runs = 0
        self.unseen: list[tuple[Body, Exception]] = []
        self.is_tapped = False
        self.beyond: Body | None = None
        self.reached: dict[Body, Reach] = {}
        self._of_scopes: dict[Scope, Reach] = {}
        self.of_calls: dict[Value, dict[Body, Statistics]] = {}

    def contribute(self, report: Contributions) -> None:
        """The subgraphs and functions that were not looked into."""
        reasons = {str(body.owner.place): reason for body, reason in self.unseen}
        for place, reason in list(reasons.items())[:1]:
            count = f" ({len(reasons):,} nodes)" if len(reasons) > 1 else ""
            told = ("NaN and infinities are not located inside {}" if self.is_tapped
                    else "values inside {} are not recorded").format(place)  # fmt: skip
            message = f"{told}: {reason}{count}"
            evidence = {"places": [*reasons][:SHOWN_PLACES]}
            report.losses.append(
                Loss(message, "inner values", Severity.INFO, evidence, _remedy(reason))
            )
        if self.beyond is not None:
            message = (f"values inside {self.beyond.owner.place} are not recorded: only "
                       f"{MOST_TAPPED:,} subgraphs and calls of functions are traced")  # fmt: skip
            hint = "extract the subgraph or function into a model of its own, and check that"
            report.losses.append(Loss(message, "inner values", Severity.INFO, hint=hint))

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution
    ) -> Within:  # fmt: skip
        """Looks into the first runs, and into others that show NaN or infinities."""
        within, attempt = cls(graph, shapes, worker, execution), execution.attempt
        if attempt is None or next(bodies(graph.main), None) is None:
            return within
        few = execution.few(attempt)
        if execution.inputs.settings.full_trace:
            few = attempt
        feeds = dict(enumerate(few.feeds))
        odd = [at for at, ran in enumerate(execution.runs) if not ran.is_finite and at not in feeds]
        feeds |= {at: attempt.feeds[at] for at in odd[:MOST_ODD]}
        within.of_runs = len(feeds)
        try:
            within._look_into(feeds, few.samples_per_run)
        except WorkerDied as death:
            within.unseen += [(body, death) for body in bodies(graph.main)]
        return within

    def _look_into(self, feeds: dict[int, Feed], samples: int) -> None:
        taps = BodyTaps(self.graph, self.shapes, self.worker, self.execution)
        tapped = taps.run(feeds, samples)
        if tapped is None:
            few = dict(list(feeds.items())[: MOST_STEPS // 8])
            _Look(self, samples, MOST_STEPS).into(few)
            return
        self.is_tapped, self.beyond = True, taps.beyond
        for each in tapped.shown:
            self.take(each, (each.reach.runs if each.reach else 0) * samples)
        ran = self.execution.runs
        strange = [at for at, feed in feeds.items()
                   if at in tapped.odd or not ran[at].is_finite
                   or not all(map(_is_finite, feed.values()))]  # fmt: skip
        if strange:
            odd = {at: feeds[at] for at in strange[:MOST_ODD_RUNS]}
            _Look(self, samples, MOST_ODD_STEPS, only_odd=True).into(odd)

    def scope_reached(self, scope: Scope) -> Reach | None:
        """How often a scope ran, in all calls; None where that is not known."""
        return self._of_scopes.get(scope)

    def look(self, feeds: Sequence[Feed]) -> list[InnerRun]:
        """The steps that NaN or infinities show when other samples are fed; no statistics."""
        apart = Within(self.graph, self.shapes, self.worker, self.execution)
        if next(bodies(self.graph.main), None) is not None:
            _Look(apart, 1, MOST_ODD_STEPS, only_odd=True).into(dict(enumerate(feeds)))
        return apart.close_runs

    def take(self, shown: Shown, samples: int) -> None:
        """Takes in what was seen of a body."""
        from msgspec.structs import replace

        from onnxlint.runtime.statistics.measure import merge

        body = shown.body
        if shown.reach is not None:
            self.reached[body] = shown.reach
            before = self._of_scopes.get(body.scope)
            self._of_scopes[body.scope] = shown.reach if before is None else before + shown.reach
        for name, statistics in shown.statistics.items():
            value = body.scope.values[name]
            if body.repeats:
                statistics.samples = None  # steps are not samples
            self.of_calls.setdefault(value, {})[body] = statistics
            known = self.statistics.get(value)
            if known is None:
                self.statistics[value] = statistics
            else:  # nor are calls
                self.statistics[value] = replace(merge(known, statistics), samples=None)
            self.samples[value] = max(samples, self.samples.get(value, 0))


def _remedy(reason: Exception) -> str:
    if isinstance(reason, Unknown) and reason.hint is not None:
        return reason.hint
    if isinstance(reason, LimitReached) and reason.option:
        return f"raise {reason.option}"
    return "extract the subgraph or function into a model of its own, and check that"


class _Look:
    """Goes through the bodies, from the outside to the inside, with one session for each.

    With `only_odd` it is after the steps that NaN or infinities show, and no statistics.
    """

    def __init__(
        self, within: Within, samples: int, most_steps: int, *, only_odd: bool = False
    ) -> None:  # fmt: skip
        self._per_run, self.most_steps, self.only_odd = samples, most_steps, only_odd
        self.graph, self.shapes, self.worker = within.graph, within.shapes, within.worker
        self.within, self.execution = within, within.execution
        self._waiting: deque[tuple[Body, list[Visit]]] = deque()
        self._room = CAPTURED_BYTES
        self._met = 0

    def into(self, feeds: dict[int, Feed]) -> None:
        """Runs the model on these feeds, and all that stands inside."""
        self._from_main(feeds)
        while self._waiting:
            body, visits = self._waiting.popleft()
            self._met += 1
            try:
                if self._met > MOST_BODIES:
                    raise Unknown(f"only {MOST_BODIES} subgraphs and functions are traced")
                _Inside(self, body, self._per_run).visit(visits)
            except (RunFailure, Unknown) as reason:
                self.within.unseen.append((body, reason))
            except WorkerDied as death:  # of others it would die, too, or take as long
                self.within.unseen += [(each, death) for each in [body, *self._bodies()]]
                return

    def _bodies(self) -> Iterator[Body]:
        return (body for body, _ in self._waiting)

    def _from_main(self, feeds: dict[int, Feed]) -> None:
        """Runs the main graph for what the bodies of its nodes read."""
        main = self.graph.main
        inner = list(bodies(main))
        wanted = [value for value in wanted_by(inner, main) if self.is_readable(value)]
        names = [value.name for value in wanted]
        visits = []
        try:
            if names:
                synthetic = self.execution.synthetic
                data, folder = runnable(self.graph.model, names, synthetic=synthetic)
                self.worker.load(data, folder, self.execution.level)
            for at, feed in feeds.items():
                values = {main.values[name]: array for name, array in feed.items()}
                if names:
                    values |= {main.values[name]: array
                               for name, array in self.fetch(feed, [], names, self._per_run)
                               .outputs.items() if name in main.values}  # fmt: skip
                visits.append(Visit(at, values))
        except (RunFailure, WorkerDied) as reason:
            self.within.unseen += [(body, reason) for body in inner]
            return
        self.wait_for(inner, visits)

    def wait_for(self, inner: Sequence[Body], visits: list[Visit]) -> None:
        """Puts bodies on the list of those to look into."""
        if visits:
            self._waiting.extend((body, visits) for body in inner)

    def fetch(
        self, feed: Feed, watches: list[Watch], names: list[str], samples: int, *,
        adding: bool = False,
    ) -> Ran:  # fmt: skip
        """Runs the session; of what is too large to keep there is nothing."""
        from onnxlint.runtime.protocol import Run

        room = max(0, self._room)
        ran = self.worker.run(Run(feed, watches, names, room, samples, adding), whole=False)
        self._room -= sum(array.nbytes for array in ran.outputs.values())
        return ran

    def is_readable(self, value: Value) -> bool:
        """Whether a value may be a tensor that numpy knows."""
        from onnxlint.analyses.inputs.input_semantics import FEEDABLE

        type_proto = self.shapes.type_of(value)
        kind = None if type_proto is None else type_proto.WhichOneof("value")
        shape = self.shapes.of(value)
        return kind in (None, "tensor_type") and (shape is None or shape.dtype in FEEDABLE)


class _Inside:
    """One body: its session, what is watched in it and what the bodies inside it read."""

    def __init__(self, look: _Look, body: Body, samples: int) -> None:
        self._look, self._body, self._samples = look, body, samples
        self._graph, self._within = look.graph, look.within
        scope = body.scope
        self._inner = list(body.inside())
        self._watches = chosen(look.graph, look.shapes, every=True, integers=True, scope=scope)
        self._constants = constants(look.graph, look.shapes, scope)
        wanted = [*carried(body), *wanted_by(self._inner, scope)]
        made = (value for value in wanted if value.scope is scope and value.producer is not None)
        self._kept = list(dict.fromkeys(v.name for v in made if look.is_readable(v)))
        self._loaded = False
        self._close = 0

    def visit(self, visits: list[Visit]) -> None:
        """Runs the body wherever it is reached.

        Raises:
            RunFailure: onnxruntime refuses it as a model of its own.
            Unknown: what it reads is not known.
        """
        if not self._outputs and not self._inner:
            return
        reached: set[int] = set()
        inside: list[Visit] = []
        most, is_cut = max(1, self._look.most_steps // len(visits)), len(visits) > MOST_STEPS
        for visit in visits[:MOST_STEPS]:
            before = len(inside)
            for values in self._steps(visit, most):
                reached.add(visit.run)
                inside.append(Visit(visit.run, values))
            is_cut |= len(inside) - before == most > 1
        seen = self._look.worker.total() if reached and self._outputs else {}
        if not self._look.only_odd:
            reach = Reach(len(reached), self._within.of_runs, len(inside), is_cut)
            self._within.take(Shown(self._body, seen, reach), len(reached) * self._samples)
        if self._inner:
            self._look.wait_for(self._inner, inside)

    @property
    def _outputs(self) -> list[str]:
        watched = (watch.name for watch in (*self._watches, *self._constants))
        return list(dict.fromkeys([*self._kept, *watched]))

    def _steps(self, visit: Visit, most: int) -> Iterator[dict[Value, Array]]:
        """The values around each step, and those in it that the bodies inside read."""
        scope = self._body.scope

        def read(value: Value | None) -> Array:
            return self._read(value, visit.values)

        walk = steps(self._body, read, most)
        given = next(walk, None)
        fed, stored = self._surroundings(visit.values) if given is not None else ({}, {})
        while given is not None:
            feed = {**fed, **given}
            outputs = self._run(visit.run, feed, stored)
            here = {scope.values[name]: array for name, array in {**feed, **outputs}.items()
                    if name in scope.values}  # fmt: skip
            values = visit.values | here
            yield values
            if self._look.only_odd and self._close >= MOST_CLOSE and not self._inner:
                return  # no more of them are kept
            try:
                given = walk.send([self._read(value, values) for value in carried(self._body)])
            except StopIteration:
                return

    def _read(self, value: Value | None, known: dict[Value, Array]) -> Array:
        if value is not None and value in known:
            return known[value]
        constant = None if value is None else self._graph.constant(value)
        if constant is None:
            name = "" if value is None else value.name
            raise Unknown(f"operand {name!r} is not a tensor or too large to be kept")
        return constant

    def _surroundings(self, known: dict[Value, Array]) -> tuple[Feed, dict[str, TensorProto]]:
        """What it reads from the scopes around it, or is called with: arrays and initializers."""
        read = {value.name: value for value in self._body.outer}
        if self._body.scope.function is not None:
            given = zip(self._body.scope.inputs, self._body.owner.inputs, strict=False)
            read |= {formal.name: value for formal, value in given if value is not None}
        fed: Feed = {}
        stored: dict[str, TensorProto] = {}
        for name, value in read.items():
            if value not in known and value.tensor_proto is not None and not self._inner:
                stored[name] = value.tensor_proto
            else:
                fed[name] = self._read(value, known)
        return fed, stored

    def _run(self, at: int, feed: Feed, stored: dict[str, TensorProto]) -> Feed:
        """One step; once more, closely, where it shows NaN or infinities."""
        if not self._outputs:
            return {}
        ran = self._first_of(feed, stored)
        is_finite = ran.is_finite and all(map(_is_finite, feed.values()))
        if not is_finite and self._close < MOST_CLOSE:
            self._close += 1
            self._within.close_runs.append(InnerRun(self._body, at, self._closely(feed)))
        return {name: array for name, array in ran.outputs.items() if name in self._kept}

    def _first_of(self, feed: Feed, stored: dict[str, TensorProto]) -> Ran:
        """Runs what is fetched first; what numpy does not know is not watched any more."""
        try:
            if not self._loaded:
                self._load(feed, stored)
            ran = self._look.fetch(feed, self._watches, self._kept, self._samples, adding=True)
        except RunFailure:
            if self._loaded:
                raise
            self._watches, self._constants = map(self._known, (self._watches, self._constants))
            self._load(feed, stored)
            ran = self._look.fetch(feed, self._watches, self._kept, self._samples, adding=True)
        self._loaded = True
        return ran

    def _known(self, watches: list[Watch]) -> list[Watch]:
        values, shapes = self._body.scope.values, self._look.shapes
        return [watch for watch in watches if shapes.of(values[watch.name]) is not None]

    def _load(self, feed: Feed, stored: dict[str, TensorProto]) -> None:
        look = self._look
        proto = as_model(self._graph, self._body, feed, stored)
        files, synthetic = self._graph.model.files, look.execution.synthetic
        data, folder = serialised(proto, files, self._outputs, synthetic=synthetic)
        look.worker.load(data, folder, AS_WRITTEN)

    def _closely(self, feed: Feed) -> Ran:
        from onnxlint.runtime.statistics.measure import measure

        ran = self._look.fetch(feed, self._watches, [], self._samples)
        ran.statistics |= self._look.fetch(feed, self._constants, [], self._samples).statistics
        fed = {name: array for name, array in {**self._constants_given(), **feed}.items()
               if array.dtype.kind == "f"}  # fmt: skip
        ran.statistics |= {name: measure(array) for name, array in fed.items()}
        return ran

    def _constants_given(self) -> Feed:
        """The constants that a function is called with, by what it calls them."""
        scope = self._body.scope
        if scope.function is None:
            return {}
        pairs = zip(scope.inputs, self._body.owner.inputs, strict=False)
        arrays = {formal.name: self._graph.constant(value) for formal, value in pairs
                  if value is not None and value.tensor_proto is not None}  # fmt: skip
        return {name: array for name, array in arrays.items() if array is not None}


def _is_finite(array: Array) -> bool:
    import numpy as np

    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
