"""What happened when the model ran: in a worker process, with intermediate outputs watched."""

from __future__ import annotations

import contextlib
import math
import re
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from textwrap import shorten
from typing import TYPE_CHECKING, TypeVar

from onnxlint.analyses import Unavailable
from onnxlint.analyses.inputs import Inputs
from onnxlint.analyses.meanings import FEEDABLE
from onnxlint.analyses.shapes import Shapes
from onnxlint.analyses.sizes import Sizes
from onnxlint.analyses.worker import RunFailure, Worker, WorkerDied
from onnxlint.findings import Place
from onnxlint.model.graph import Graph, Node
from onnxlint.model.preflight import Preflight

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

    from onnxlint.model.files import Files
    from onnxlint.model.load import Model
    from onnxlint.runtime.messages import Array, Level, Ran, Statistics, Watch
    from onnxlint.runtime.synthesis import Attempt

_Thing = TypeVar("_Thing")

FETCH_BUDGET_BYTES = 128 * 1024 * 1024
"""Watched values are fetched in groups of about this size, so that depth does not cost memory."""

KEPT_BYTES = 32 * 1024 * 1024
"""Outputs up to this size in all samples together are kept whole, for the prediction rules."""

INNER_SAMPLES = 8
"""Samples that are run again to look inside fused kernels: as many as are made up by default."""

INNER_SHARE = 0.25
"""Of the seconds that the runs before took, what that may take, if it saw two samples."""

INNER_SLOWNESS = 3.0
"""How much slower such runs are than the others, to begin with: see docs/probing.md."""

AS_WRITTEN: Level = "none"
"""The level at which onnxruntime changes nothing."""

_WHERE = tuple(map(re.compile, (
    r"running (?P<op>\S+) node\. Name:'(?P<node>[^']*)'",
    r"for (?P<op>\w+)\(\d+\) (?:node with name |\(node:)'(?P<node>[^']*)'",
    r"Node \((?P<node>.*?)\) Op \((?P<op>\w+)\)",
    r"In Node, \(\"(?P<node>.*?)\", (?P<op>\w+),",
    r"[Tt]ype .* node \((?P<node>.*?)\)",
    r"same node name \((?P<node>.*?)\)",
    r"(?P<op>[\w.]+:\w+)\(-?\d+\) is not a registered",
)))  # fmt: skip
"""How onnxruntime's messages name the node that they are about."""

_WHY = tuple((re.compile(pattern), reason) for pattern, reason in (
    (r"(?:implementation|kernel) for (\w+)\((\d+)\)", "no CPU kernel takes {}-{} of these dtypes"),
    (r"([\w.]+:\w+)\(-?\d+\) is not a registered", "it does not know operator {}"),
    (r"No Op registered for (\w+) with domain_version of (\d+)", "operator {} is not in opset {}"),
    (r"IR version: (\d+), max supported IR version: (\d+)", "IR version {}: it reads up to {}"),
    (r"Opset (\d+) is under development", "it does not know opset {}"),
    (r"Missing opset", "the model imports no opset"),
    (r"Unrecognized attribute: (\w+) for operator (\w+)", "attribute {!r} is none of {}'s"),
    (r"Required attribute '(\w+)' is missing", "the required attribute {!r} is missing"),
    (r"has (\w+) size (\d+) not in range \[min=(\d+), max=(\d+)", "{} count {}, not {} to {}"),
    (r"Node input '(.*?)' is not a graph input", "nothing defines {!r}"),
    (r"Graph output \((.*?)\) does not exist", "nothing defines output {!r}"),
    (r"(?:same node name|Duplicate definition of name) \((.*?)\)", "the name {!r} is used twice"),
    (r"not acyclic", "the nodes form a cycle"),
    (r"External data path does not exist: \"(.*?)\"", "there is no file {}"),
    (r"raw_data size \((\d+) bytes\).* \((\d+) bytes\)", "a tensor has {} bytes, not {}"),
    (r"ShapeInferenceError\] (.*?)$", "the shapes do not fit: {}"),
    (r"Type Error", "the dtypes do not fit the operator"),
    (r"idx=(-?\d+) must be within the inclusive range (\[.*?\])", "index {} lies outside {}"),
    (r"other than 1\. (\d+) by (\d+)", "sizes {} and {} do not broadcast"),
    (r"Input shape:(\{.*?\}), requested shape:(\{.*?\})", "shape {} cannot become {}"),
    (r"Got invalid (?:dimensions|rank) for input: (\S+)", "the data does not fit input {!r}"),
))  # fmt: skip
"""onnxruntime's usual reasons, and the same in few words."""

MESSAGE_LENGTH = 300
"""onnxruntime's message is cut here: some list every kernel that it has."""

_DECORATION = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .*? failed:")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What onnxruntime refused: at which place, why in our words, and its own message.

    `reason` is empty where the message is none of the usual ones; `fed` tells the inputs of a run.
    """

    place: Place
    reason: str
    message: str
    fed: str = ""

    def __str__(self) -> str:
        own = shorten(self.message, MESSAGE_LENGTH, placeholder=" …")
        return f"{self.reason} (onnxruntime: {own})" if self.reason else f"onnxruntime says: {own}"


def read_refusal(graph: Graph, text: str) -> Refusal:
    """Finds place and reason in a message of onnxruntime."""
    message = " ".join(_DECORATION.sub("", text).split())
    mark = next(filter(None, (pattern.search(message) for pattern in _WHERE)), None)
    node = _named(graph, **mark.groupdict()) if mark else None
    found = ((pattern.search(message), reason) for pattern, reason in _WHY)
    reasons = (reason.format(*match.groups()) for match, reason in found if match)
    place = graph.main.place if node is None else node.place
    return Refusal(place, next(reasons, ""), message)


def _named(graph: Graph, node: str = "", op: str = "") -> Node | None:
    """The node of this name; without a name the only one of this operator."""
    if node:
        return next((known for known in graph.nodes() if known.name == node), None)
    nodes = list(graph.nodes(op.replace(":", "::")))
    return nodes[0] if len(nodes) == 1 else None


@dataclass
class Execution:
    """The failures, or the runs, of one model.

    At most one of `session_failure` and `crash` is set; with `execution_failure` there are no runs.
    `unoptimisable` tells why it runs as it is written alone.
    `runs` holds what each feed gave at the shipped optimisation level, and `statistics` what was
    watched in all of them; `inner` is what stands inside the fused kernels of these, watched in
    other runs of the first `inner_samples`. `close_runs` are those of the same feeds, each with its
    own statistics of every value and nothing fused, made where NaN or infinities show. `log` is
    what onnxruntime printed until then.
    """

    inputs: Inputs
    session_failure: Refusal | None = None
    unoptimisable: Refusal | None = None
    execution_failure: Refusal | None = None
    crash: str | None = None
    no_valid_input: str | None = None
    runs: list[Ran] = field(default_factory=list)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    inner: dict[str, Statistics] = field(default_factory=dict)
    inner_samples: int = 0
    close_runs: list[Ran] = field(default_factory=list)
    attempt: Attempt | None = None
    load_seconds: float = 0.0
    runner: Runner | None = None
    log: str = ""

    @classmethod
    def build(
        cls, graph: Graph, preflight: Preflight, shapes: Shapes, inputs: Inputs, worker: Worker
    ) -> Execution:
        """Runs the model on its inputs; every way to fail is recorded, none is raised.

        Raises:
            Unavailable: preflight forbids native code to open the file.
        """
        if preflight.refusal is not None:
            raise Unavailable(f"the model was not run: {preflight.refusal}")
        execution = cls(inputs)
        runner = execution.runner = Runner(graph, shapes, worker)
        try:
            execution._run(runner)
            if execution.attempt is not None:
                another = Runner(graph, shapes, worker, execution.level)
                seen_inside = execution._look_inside(another, execution.attempt)
                if not all(ran.is_finite for ran in [*execution.runs, *seen_inside]):
                    execution._look_closely(runner, execution.attempt)
        except WorkerDied as error:
            execution.crash = str(error)
        return execution

    @property
    def samples(self) -> int:
        """How many samples were run."""
        if self.attempt is None or self.attempt.samples is None:
            return len(self.runs) * (self.attempt.samples_per_run if self.attempt else 1)
        return self.attempt.samples

    @property
    def seconds(self) -> float:
        """What loading and running it took, statistics included, without the closer look."""
        return self.load_seconds + sum(ran.seconds + ran.probing for ran in self.runs)

    @property
    def synthetic(self) -> bool:
        """Whether the samples were made up."""
        return self.inputs.synthetic

    @property
    def ran(self) -> bool:
        """Whether there is anything to look at."""
        return bool(self.runs)

    @property
    def failure(self) -> str | None:
        """Why there is nothing to look at, in a few words."""
        if self.session_failure is not None:
            return "onnxruntime cannot load the model"
        if self.execution_failure is not None:
            return "onnxruntime cannot run the model"
        return self.crash or self.no_valid_input

    @property
    def level(self) -> Level:
        """The level of optimisation at which it ran: the usual one, if onnxruntime takes it."""
        return "all" if self.unoptimisable is None else AS_WRITTEN

    def _open(self, runner: Runner) -> bool:
        """Loads it as it ships, else as it is written."""
        every = self.inputs.settings.full_trace
        try:
            runner.open(every=every)
            return True
        except RunFailure as error:
            refusal = runner.refusal(error)
        runner.level = AS_WRITTEN
        try:
            runner.open(every=every)
        except RunFailure:
            self.session_failure = refusal
            return False
        self.unoptimisable = refusal
        return True

    def _run(self, runner: Runner) -> None:
        if not self._open(runner):
            return
        self.load_seconds = runner.load_seconds
        if self.inputs.obstacle is not None:
            self.no_valid_input = self.inputs.obstacle
            return
        refusals: list[Refusal] = []
        for attempt in self.inputs.attempts():
            try:
                self.runs, self.statistics = runner.run_all(attempt)
            except RunFailure as error:
                refusals.append(replace(runner.refusal(error), fed=told(attempt.feeds[0])))
                continue
            self.attempt = attempt
            break
        else:
            self._refused(refusals)
        self.log = runner.log

    def _refused(self, refusals: list[Refusal]) -> None:
        if self.synthetic and self.inputs.guessed:
            self.no_valid_input = f"no synthesised input is valid: {refusals[0]}"
        else:
            self.execution_failure = refusals[0]

    def _look_inside(self, runner: Runner, attempt: Attempt) -> list[Ran]:
        """Runs some samples again for what was not watched, unless some kernel is only fused.

        With a full trace that is what no input changes: one run shows it.
        """
        full = self.inputs.settings.full_trace
        share = INNER_SHARE * self.seconds
        few = self._few(attempt, 1 if full else share / INNER_SLOWNESS / self._sample_seconds)

        def suffices(runs: list[Ran]) -> bool:
            samples = len(runs) * few.samples_per_run
            spent = sum(ran.seconds + ran.probing for ran in runs)
            return full or samples >= INNER_SAMPLES or (samples > 1 and spent > share)

        with contextlib.suppress(RunFailure):
            if runner.open_inside(self.statistics, constants=full):
                runs, seen = runner.run_all(few, suffices)
                if full:
                    self.statistics |= seen
                else:
                    self.inner = seen
                    self.inner_samples = min(len(runs) * few.samples_per_run, self.samples)
                return runs
        return []

    @property
    def _sample_seconds(self) -> float:
        spent = sum(ran.seconds + ran.probing for ran in self.runs)
        return max(spent, sys.float_info.min) / max(1, self.samples)

    def _few(self, attempt: Attempt, affordable: float) -> Attempt:
        """As many samples of the first run as can be afforded, if more are run together."""
        from onnxlint.runtime.synthesis import Attempt

        count = min(max(2, int(affordable)), INNER_SAMPLES)
        axes = Sizes(self.inputs.slots, attempt.feeds[0])
        if count >= attempt.samples_per_run or not axes.batch_axes:
            return attempt
        feed = axes.with_batch(attempt.feeds[0], list(range(count)))
        return Attempt(Sizes(self.inputs.slots, feed).base, count, [feed])

    def _look_closely(self, runner: Runner, attempt: Attempt) -> None:
        """Runs again with every value watched, unless some kernel exists only when fused."""
        with contextlib.suppress(RunFailure):
            runner.open(closely=True)
            self.close_runs = [runner.run_closely(feed) for feed in attempt.feeds]


class Runner:
    """One model in the worker: which values are watched, and in which groups they are fetched."""

    def __init__(
        self, graph: Graph, shapes: Shapes, worker: Worker, level: Level = "all"
    ) -> None:  # fmt: skip
        self._graph, self._shapes, self._worker, self.level = graph, shapes, worker, level
        self._groups: list[list[Watch]] = []
        self._sizes: Mapping[str, int] = {}
        self.kept: list[str] = []
        self.load_seconds = 0.0
        self._session: int | None = None
        worker.start()
        self._logged = len(worker.log())

    @property
    def is_open(self) -> bool:
        """Whether what it loaded still is: others use the worker, too."""
        return self._session == self._worker.session

    def open(self, *, every: bool = False, closely: bool = False) -> None:
        """Loads the model with its probes; where they are in the way, without them.

        `every` float that depends on an input is watched instead of those where kernels end;
        `closely` takes the others, too, and keeps onnxruntime from fusing anything.

        Raises:
            RunFailure: onnxruntime cannot load the model.
        """
        from onnxlint.analyses.probes import chosen, constants

        watches = chosen(self._graph, self._shapes, every=every or closely)
        if closely:
            watches += constants(self._graph, self._shapes)
        self.kept = list(kept_outputs(self._graph, self._shapes))
        level = AS_WRITTEN if closely else self.level
        try:
            self._load(watches, level)
        except RunFailure:
            outputs = {value.name for value in self._graph.outputs}
            watches = [watch for watch in watches if watch.name in outputs]
            self._load(watches, level)
        self._regroup(watches, self._guessed(watches))

    def open_inside(self, known: Container[str], *, constants: bool) -> bool:
        """Loads the model with probes on what fused kernels hide, if they do.

        On what is made of `constants` alone instead: beside the others, such probes would undo
        constant folding, and cost as much in every run.

        Raises:
            RunFailure: onnxruntime cannot load the model.
        """
        from onnxlint.analyses import probes

        if constants:
            watches = probes.constants(self._graph, self._shapes)
        else:
            watches = probes.inside(self._graph, self._shapes, known)
        if watches:
            self._load(watches, self.level)
            self._regroup(watches, self._guessed(watches))
        return bool(watches)

    @property
    def log(self) -> str:
        """What was printed about this model."""
        return self._worker.log()[self._logged :]

    def refusal(self, error: RunFailure) -> Refusal:
        """What onnxruntime refused, placed in the graph."""
        return read_refusal(self._graph, str(error))

    def _load(self, watches: list[Watch], level: Level) -> None:
        model = self._graph.model
        data = runnable(model, [watch.name for watch in watches])
        self.load_seconds = self._worker.load(data, model.files.folder, level)
        self._session = self._worker.session

    def run_all(
        self, attempt: Attempt, suffices: Callable[[list[Ran]], bool] = lambda runs: False
    ) -> tuple[list[Ran], dict[str, Statistics]]:
        """Runs the feeds, all or until that suffices; the statistics of all of them together.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
        """
        runs: list[Ran] = []
        watches, self._sizes = [watch for group in self._groups for watch in group], attempt.sizes
        self._regroup(watches, self._guessed(watches))
        try:
            for feed in attempt.feeds:
                ran = self.run(feed, attempt.samples_per_run, adding=True)
                if runs and ran.types == runs[-1].types:
                    ran.types = runs[-1].types  # once in memory, not a thousand times
                runs.append(ran)
                if suffices(runs):
                    break
        except RunFailure:
            self._worker.total()  # of no use without the others
            raise
        return runs, self._worker.total()

    def run(self, feeds: dict[str, Array], samples: int = 1, *, adding: bool = False) -> Ran:
        """Runs one feed; several times where the watched values are too many to fetch at once.

        `samples` is how many the first axis of what is fed counts; with `adding` the statistics
        stay in the worker.

        Raises:
            RunFailure: onnxruntime cannot run it.
        """
        from onnxlint.runtime.messages import Run

        first, *others = self._groups
        ran = self._worker.run(Run(feeds, first, self.kept, samples, adding))
        for group in others:
            more = self._worker.run(Run(feeds, group, [], samples, adding))
            ran.statistics.update(more.statistics)
            ran.types.update(more.types)
            ran.is_finite &= more.is_finite
            ran.seconds += more.seconds
            ran.probing += more.probing
        ran.fed = {name: array.shape for name, array in feeds.items()}
        if others:
            watches = [watch for group in self._groups for watch in group]
            self._regroup(watches, {name: _bytes(*seen) for name, seen in ran.types.items()})
        return ran

    def run_closely(self, feed: dict[str, Array]) -> Ran:
        """Runs one feed, with the statistics of what is fed among the others.

        Raises:
            RunFailure: onnxruntime cannot run it.
        """
        return _with_inputs(self.run(feed), feed)

    def _regroup(self, watches: list[Watch], sizes: dict[str, int]) -> None:
        """Splits what is watched by the bytes of each value; without any, nothing is fetched."""
        by_name = {watch.name: watch for watch in watches}
        parts = grouped({name: sizes.get(name, 0) for name in by_name})
        self._groups = [[by_name[name] for name in part] for part in parts] or [[]]

    def _guessed(self, watches: list[Watch]) -> dict[str, int]:
        """Bytes of each watched value before it is seen; unknown sizes are taken as 16."""
        shapes = {w.name: self._shapes.of(self._graph.main.values[w.name]) for w in watches}
        return {name: shape.nbytes(16, self._sizes) for name, shape in shapes.items() if shape}


def _bytes(dtype: str, shape: tuple[int, ...]) -> int:
    import numpy as np

    return math.prod(shape) * (8 if dtype == "str" else np.dtype(dtype).itemsize)


def grouped(sizes: Mapping[_Thing, int]) -> Iterator[list[_Thing]]:
    """Parts that are small enough to be fetched at once, of things that take so many bytes each.

    One that is larger than that is a part by itself.
    """
    group: list[_Thing] = []
    room = FETCH_BUDGET_BYTES
    for thing, size in sizes.items():
        if size > room and group:
            yield group
            group, room = [], FETCH_BUDGET_BYTES
        group.append(thing)
        room -= size
    if group:
        yield group


def kept_outputs(graph: Graph, shapes: Shapes) -> Iterator[str]:
    """Outputs that numpy can hold, while they are small enough together."""
    room = KEPT_BYTES // 8
    for value in graph.outputs:
        shape = shapes.of(value)
        if shape is None or shape.dtype not in FEEDABLE:
            continue
        room -= shape.nbytes(unknown=8)
        if room >= 0:
            yield value.name


def runnable(model: Model, watched: list[str]) -> bytes:
    """The serialized model with the watched values as outputs, its weights left in their files."""
    from onnx import ModelProto
    from onnx.helper import make_empty_tensor_value_info

    proto = ModelProto()
    proto.CopyFrom(model.proto)
    _restore_locations(model.files, proto)
    outputs = {output.name for output in proto.graph.output}
    proto.graph.output.extend(
        make_empty_tensor_value_info(name) for name in watched if name not in outputs
    )
    return bytes(proto.SerializeToString())


def _restore_locations(files: Files, model: ModelProto) -> None:
    """Points tensors of the model file at that file; where runtimes allow none, puts data back."""
    from onnxlint.model.preflight import all_tensors
    from onnxlint.model.wire import INLINE

    if not files.spans:
        return
    if files.model_file.parent == files.folder:
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location" and entry.value == INLINE:
                    entry.value = files.model_file.name
    for tensor in all_tensors(model):
        if any(entry.value == INLINE for entry in tensor.external_data):
            _put_back(tensor, files.view(INLINE, *_extent(tensor)))


def _extent(tensor: TensorProto) -> tuple[int, int]:
    numbers = {entry.key: entry.value for entry in tensor.external_data}
    return int(numbers["offset"]), int(numbers["length"])


def _put_back(tensor: TensorProto, data: memoryview) -> None:
    del tensor.external_data[:]
    tensor.ClearField("data_location")
    tensor.raw_data = bytes(data)


def told(feed: dict[str, Array]) -> str:
    """The inputs of a run: names, dtypes and shapes."""
    return ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feed.items())


def _with_inputs(ran: Ran, feed: dict[str, Array]) -> Ran:
    """Adds the statistics of what was fed, to tell NaN in the data from NaN of the model."""
    from onnxlint.runtime.statistics import measure

    ran.statistics.update(
        {name: measure(array) for name, array in feed.items() if array.dtype.kind == "f"}
    )
    return ran
