"""One model in the worker, and what is watched there."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.runtime_errors import RuntimeFailure, read_refusal
from onnxlint.analyses.execution.tapped_model import can_tap, numbered, tap
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.input_semantics import FEEDABLE
from onnxlint.analyses.static.endless_loops import bound_loops
from onnxlint.analyses.static.output_heads import table_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.graph.graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto, TensorProto

    from onnxlint.analyses.execution.gathering import Gathering
    from onnxlint.model.file.load import Model
    from onnxlint.model.file.mapped_files import Files
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.runtime.protocol import Array, Level, Ran, Run, Seen, Statistics, Watch

KEPT_BYTES_A_SAMPLE = 4 * 1024 * 1024
"""Outputs up to this size together are kept whole, for the prediction rules: a choice, 32 MiB in
the samples that are run by default."""

_NUMPY = {"float": "float32", "double": "float64"}
"""What numpy calls types that ONNX calls otherwise."""

AS_WRITTEN: Level = "none"
"""The level at which onnxruntime changes nothing."""


class Runner:
    """One model in the worker, and which values are watched."""

    def __init__(
        self, watching: Watching, worker: Worker, level: Level = "all", *, synthetic: bool = False
    ) -> None:
        self._synthetic = synthetic
        self._watching, self._worker, self.level = watching, worker, level
        self._graph, self._shapes = watching.graph, watching.shapes
        self._watches: list[Watch] = []
        self.kept: list[str] = []
        self.withheld: set[str] = set()
        self.gathering: Gathering | None = None
        self.is_spare_finite: bool | None = None
        self._session: int | None = None
        self._as_shipped = False
        self.lanes = watching.lanes
        """How many runs are made side by side."""
        worker.start()
        self._logged = len(worker.log())

    @property
    def is_open(self) -> bool:
        """Whether what it loaded still is: others use the worker, too."""
        return self._session == self._worker.session

    @property
    def is_open_as_shipped(self) -> bool:
        """Whether it is, and only what kernels give is watched: its outputs are the model's."""
        return self.is_open and self._as_shipped

    def open(
        self, *, every: bool = False, closely: bool = False, integers: bool = False
    ) -> None:  # fmt: skip
        """Loads the model with its probes; where they are in the way, without them.

        `every` float that depends on an input is watched instead of those where kernels end;
        `closely` takes the others, too, and keeps onnxruntime from fusing anything. `integers` are
        watched beside them.

        Raises:
            RunFailure: onnxruntime cannot load the model.
        """
        watches = self._watching.chosen(every=every or closely, integers=every or integers)
        if closely:
            watches += self._watching.constants()
        self.kept = list(kept_outputs(self._graph, self._shapes))
        level = AS_WRITTEN if closely else self.level
        self._as_shipped = not (every or closely)
        try:
            self._load_watching(watches, level)
        except RunFailure:
            outputs = {value.name for value in self._graph.outputs}
            self._load([watch for watch in watches if watch.name in outputs], level)
        self.kept += _tables(self._graph, self._watches)
        if self.gathering is not None:
            self.gathering.begin({*self.kept, *(watch.name for watch in self._watches)})

    def open_inside(self, known: Container[str], *, constants: bool) -> bool:
        """Loads the model with probes on what fused kernels hide, if they do.

        On what is made of `constants` alone instead: beside the others, such probes would undo
        constant folding, and cost as much in every run.

        Raises:
            RunFailure: onnxruntime cannot load the model.
        """
        looked = self._watching
        watches = looked.constants() if constants else looked.inside(known)
        if watches:
            self._as_shipped = False
            self._load_watching(watches, self.level, tapping=not constants)
        return bool(watches)

    def open_only(self, names: Container[str]) -> bool:
        """Loads the model as it is written, with probes on these values, if they are numbers.

        Raises:
            RunFailure: onnxruntime cannot load the model.
        """
        every = self._watching.chosen(every=True, integers=True) + self._watching.constants()
        watches = [watch for watch in every if watch.name in names and not watch.sizes_only]
        if watches:
            self._as_shipped = False
            self._load(watches, AS_WRITTEN)
        return bool(watches)

    @property
    def log(self) -> str:
        """What was printed about this model."""
        return self._worker.log()[self._logged :]

    def refusal(self, error: RunFailure) -> RuntimeFailure:
        """What onnxruntime refused, placed in the graph."""
        return read_refusal(self._graph, str(error))

    def _load_watching(self, watches: list[Watch], level: Level, *, tapping: bool = True) -> None:
        """Loads it with taps on what is watched, else with more outputs.

        Graph outputs are fetched as they are, and what is kept whole is fetched, too.
        """
        fetched = {value.name for value in self._graph.outputs} | {*_tables(self._graph, watches)}
        taps = [watch.name for watch in watches if watch.name not in fetched]
        if taps and tapping and can_tap(self._graph.model.proto):
            with contextlib.suppress(RunFailure):  # what is not a tensor cannot be tapped
                self._load(watches, level, taps)
                return
        self._load(watches, level)

    def _load(self, watches: list[Watch], level: Level, taps: Sequence[str] = ()) -> None:
        names = [watch.name for watch in watches if watch.name not in taps]
        tapped = numbered(self._graph, taps) if taps else {}
        data, folder = runnable(self._graph.model, names, tapped, synthetic=self._synthetic)
        expected = dict(self._expected(taps))
        self._worker.load(data, folder, level, taps=taps, lanes=self.lanes, expected=expected)
        self._session = self._worker.session
        self._watches = watches
        self._load_again = partial(self._load, watches, level, taps)

    def _expected(self, names: Sequence[str]) -> Iterator[tuple[str, Seen]]:
        """The type of each of these values that is the same in every run."""
        for name in names:
            shape = self._shapes.of(self._graph.main.values.get(name))
            if shape is not None and shape.dims is not None:
                sizes = tuple(size for size in shape.dims if isinstance(size, int))
                if len(sizes) == len(shape.dims):
                    yield name, (_NUMPY.get(shape.dtype, shape.dtype), sizes)

    def run_all(
        self, attempt: Attempt, enough: Callable[[Ran], int] | None = None,
        spare: dict[str, Array] | None = None,
    ) -> tuple[list[Ran], dict[str, Statistics]]:  # fmt: skip
        """Runs all feeds, or as many as are `enough`; the statistics of all of them together.

        How many those are the first run tells: as many as run side by side at least. Where others
        ran and a lane would be idle beside the last one, the `spare` feed is run in it, as
        `are_finite` does, and `is_spare_finite` tells what came of it.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
        """
        self.is_spare_finite = None
        try:
            return self._run_all(attempt, enough, spare)
        except _SpareError:  # whoever wants it runs it again, and hears why
            self._load_again()
            return self._run_all(attempt, enough, None)

    def _run_all(
        self, attempt: Attempt, enough: Callable[[Ran], int] | None,
        spare: dict[str, Array] | None,
    ) -> tuple[list[Ran], dict[str, Statistics]]:  # fmt: skip
        runs: list[Ran] = []
        if self.gathering is not None:
            self.gathering.clear()
        try:
            most = len(attempt.feeds)
            coming = _Coming(attempt.feeds)
            while len(runs) < most:
                feeds = coming.take(len(runs), min(self._together(coming), most - len(runs)))
                following = len(runs) + len(feeds)
                self._worker.first = partial(coming.make, following, self._together(coming))
                beside = spare if runs and len(feeds) < self._together(coming) else None
                for ran in self._run(feeds, attempt.samples_per_run, adding=True, spare=beside):
                    if runs and ran.types == runs[-1].types:
                        ran.types = runs[-1].types  # once in memory, not a thousand times
                    runs.append(ran)
                if enough is not None:
                    most, enough = min(most, enough(runs[0])), None
            _forget(runs, self.withheld)
        except RunFailure:
            self._worker.total()  # of no use without the others
            raise
        finally:
            self._worker.first = None
        return runs, self._worker.total()

    def _together(self, coming: _Coming) -> int:
        """How many feeds are run at once."""
        return self.lanes if self.gathering is None and coming.are_small else 1

    def run(self, feeds: dict[str, Array], samples: int = 1) -> Ran:
        """Runs one feed; `samples` is how many the first axis of what is fed counts.

        Raises:
            RunFailure: onnxruntime cannot run it.
        """
        return self._run([feeds], samples)[0]

    def _run(
        self, feeds: list[dict[str, Array]], samples: int, *, adding: bool = False,
        spare: dict[str, Array] | None = None,
    ) -> list[Ran]:  # fmt: skip
        """Runs some feeds at once; with `adding` the statistics stay in the worker."""
        from onnxlint.runtime.protocol import Run

        room = KEPT_BYTES_A_SAMPLE * samples
        gathering = self.gathering if adding else None
        kept = self.kept if gathering is None else [*self.kept, *gathering.wanted(self.kept)]
        requests = [Run(feed, self._watches, kept, room, samples, adding) for feed in feeds]
        runs = self._run_together(requests, spare)
        for feed, ran in zip(feeds, runs, strict=True):
            if gathering is not None:
                gathering.take(ran, feed, self.kept)
            self.withheld.update(ran.withheld)
            ran.fed = {name: array.shape for name, array in feed.items()}
        self.kept = [name for name in self.kept if name not in self.withheld]
        return runs

    def _run_together(self, requests: list[Run], spare: dict[str, Array] | None) -> list[Ran]:
        from onnxlint.runtime.protocol import Run

        if spare is None:
            return self._worker.run_together(requests, whole=False)
        request = Run(spare, self._watches, [], only_finite=True)
        try:
            *runs, told = self._worker.run_together([*requests, request], whole=False)
        except (RunFailure, WorkerDied) as error:
            raise _SpareError from error
        self.is_spare_finite = told.is_finite
        return runs

    def are_finite(self, feeds: Sequence[dict[str, Array]]) -> list[bool]:
        """Whether all that is watched is finite, in a run of each feed.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
        """
        from onnxlint.runtime.protocol import Run

        requests = [Run(feed, self._watches, [], only_finite=True) for feed in feeds]
        return [ran.is_finite for ran in self._worker.run_together(requests)]

    def outputs(self, feeds: Sequence[dict[str, Array]], names: list[str]) -> list[Ran]:
        """The named outputs of a run of each feed in what is open; nothing is watched in them.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
        """
        from onnxlint.runtime.protocol import Run

        return self._worker.run_together([Run(feed, [], names) for feed in feeds])

    def run_closely(self, feed: dict[str, Array]) -> Ran:
        """Runs one feed, with the statistics of what is fed among the others.

        Raises:
            RunFailure: onnxruntime cannot run it.
        """
        return _with_inputs(self.run(feed), feed)


class _SpareError(Exception):
    """A run failed that had a spare one beside it: either of them."""


class _Coming:
    """The feeds that are run next, made while the model runs on those before."""

    def __init__(self, feeds: Sequence[dict[str, Array]]) -> None:
        self._feeds = feeds
        self._made: dict[int, dict[str, Array]] = {}
        self.are_small = True
        """Whether several of them may be in memory, as far as is known."""

    def make(self, begin: int, count: int) -> None:
        """Makes so many of those from one on, if they may be in memory beside others."""
        if self.are_small:
            with contextlib.suppress(Exception):  # whoever takes it meets it again
                for index in range(begin, min(begin + count, len(self._feeds))):
                    self._made[index] = self._feeds[index]

    def take(self, begin: int, count: int) -> list[dict[str, Array]]:
        """So many feeds, from one on."""
        made, self._made = self._made, {}
        numbers = range(begin, begin + count)
        taken = [made[at] if at in made else self._feeds[at] for at in numbers]
        sizes = (sum(array.nbytes for array in feed.values()) for feed in taken)
        self.are_small = max(sizes) <= KEPT_BYTES_A_SAMPLE
        return taken


def _forget(runs: list[Ran], names: set[str]) -> None:
    """An output that was too large in one run is held of none."""
    for ran in runs if names else ():
        for name in [*ran.outputs]:
            if name in names or name.partition("[")[0] in names:
                del ran.outputs[name]


def nbytes(dtype: str, shape: tuple[int, ...]) -> int:
    """Bytes of an array of a numpy dtype; of strings, those of their addresses."""
    import numpy as np

    return math.prod(shape) * (8 if dtype == "str" else np.dtype(dtype).itemsize)


def kept_outputs(graph: Graph, shapes: Shapes) -> Iterator[str]:
    """Outputs that numpy can hold, while they are small enough together."""
    room = KEPT_BYTES_A_SAMPLE
    for value in graph.outputs:
        shape = shapes.of(value)
        if shape is None or shape.dtype not in FEEDABLE:
            continue
        room -= shape.nbytes(unknown=8)
        if room >= 0:
            yield value.name


def _tables(graph: Graph, watches: list[Watch]) -> Iterator[str]:
    """What is watched of the tensors that outputs made of maps come from."""
    names = {watch.name for watch in watches}
    tables = ((value, table_of(value)) for value in graph.outputs)
    return (table.name for value, table in tables if table is not value and table.name in names)


def runnable(
    model: Model,
    watched: Iterable[str],
    tapped: Mapping[str, int] | None = None,
    *,
    synthetic: bool = False,
) -> tuple[bytes, Path]:
    """The serialized model with the watched values as outputs, and the folder of its weights.

    Those `tapped` are shown in the run. On `synthetic` input a loop must end. Weights stay in their
    files: the worker is told where those are, links followed.

    Raises:
        RunFailure: the model refers to a file that must not be opened.
    """
    return serialised(model.proto, model.files, watched, tapped, synthetic=synthetic)


def serialised(
    proto: ModelProto, files: Files, watched: Iterable[str],
    tapped: Mapping[str, int] | None = None, *, synthetic: bool,
) -> tuple[bytes, Path]:  # fmt: skip
    """The same of a model that is not one of a file.

    Raises:
        RunFailure: the model refers to a file that must not be opened.
    """
    written = proto.SerializeToString()  # a search in it takes a hundredth of a walk
    may_loop, names_files = synthetic and b"Loop" in written, b"location" in written
    if may_loop or names_files:
        proto = _copy(proto)
    if may_loop:
        bound_loops(proto)
    try:
        folder = _point_to_files(files, proto) if names_files else files.gathered(())[0]
    except TensorError as error:
        raise RunFailure(str(error)) from error
    if may_loop or names_files:
        written = proto.SerializeToString()
    return bytes(written) + _beside(proto, watched, tapped or {}), folder


def _copy(proto: ModelProto) -> ModelProto:
    from onnx import ModelProto

    copy = ModelProto()
    copy.CopyFrom(proto)
    return copy


def _beside(proto: ModelProto, watched: Iterable[str], tapped: Mapping[str, int]) -> bytes:
    """More outputs and taps: who reads a message behind another one takes both as one."""
    from onnx import ModelProto

    more = ModelProto()
    outputs = {output.name for output in proto.graph.output}
    for name in watched:
        if name not in outputs:
            more.graph.output.add(name=name)
    if tapped:
        tap(more, tapped)
    return bytes(more.SerializeToString())


def _point_to_files(files: Files, model: ModelProto) -> Path:
    """Makes every tensor name the file itself that holds its data, seen from one folder.

    onnxruntime opens nothing outside of one folder, wherever links lead. It knows data in the model
    file for initializers of the main graph alone: that of others is put back, and so is what no
    location can tell.
    """
    from onnx import TensorProto

    from onnxlint.model.file.protobuf_wire import INLINE
    from onnxlint.model.preflight import all_tensors

    tensors = [
        (number, tensor, {entry.key: entry.value for entry in tensor.external_data})
        for number, tensor in enumerate(all_tensors(model))
        if tensor.external_data
    ]
    locations = {entries.get("location", "") for _, _, entries in tensors}
    folder, names = files.gathered(locations - {""})
    for number, tensor, entries in tensors:
        location = entries.get("location", "")
        in_main_graph = number < len(model.graph.initializer)
        if location in names and (location != INLINE or in_main_graph):
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = names[location]
        elif location and tensor.data_location == TensorProto.EXTERNAL:
            _put_back(tensor, files.view(location, *_extent(tensor, entries)))
    return folder


def _extent(tensor: TensorProto, entries: Mapping[str, str]) -> tuple[int, int]:
    """Offset and length of a tensor's data; without a length its dims and dtype tell it."""
    from onnxlint.model.preflight import tensor_bytes

    return int(entries.get("offset") or 0), int(entries.get("length") or tensor_bytes(tensor))


def _put_back(tensor: TensorProto, data: memoryview) -> None:
    del tensor.external_data[:]
    tensor.ClearField("data_location")
    tensor.raw_data = bytes(data)


def told(feed: dict[str, Array]) -> str:
    """The inputs of a run: names, dtypes and shapes."""
    return ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feed.items())


def _with_inputs(ran: Ran, feed: dict[str, Array]) -> Ran:
    """Adds the statistics of what was fed, to tell NaN in the data from NaN of the model."""
    from onnxlint.runtime.statistics.measure import measure

    ran.statistics.update(
        {name: measure(array) for name, array in feed.items() if array.dtype.kind == "f"}
    )
    return ran
