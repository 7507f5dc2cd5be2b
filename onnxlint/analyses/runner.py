"""One model in the worker: what is watched there, and in which groups it is fetched."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from onnxlint.analyses.endless import bound_loops
from onnxlint.analyses.heads import table_of
from onnxlint.analyses.meanings import FEEDABLE
from onnxlint.analyses.refusals import Refusal, read_refusal
from onnxlint.analyses.shapes import Shapes
from onnxlint.analyses.worker import RunFailure, Worker
from onnxlint.model.files import TensorError
from onnxlint.model.graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto, TensorProto

    from onnxlint.model.files import Files
    from onnxlint.model.load import Model
    from onnxlint.runtime.messages import Array, Level, Ran, Statistics, Watch
    from onnxlint.runtime.synthesis import Attempt

_Thing = TypeVar("_Thing")

FETCH_BUDGET_BYTES = 128 * 1024 * 1024
"""Watched values are fetched in groups of about this size, so that depth does not cost memory."""

FETCH_SHARE = 0.3
"""Or of this share of what the model takes anyway, where that is more, for each group costs a run:
1.3 times its memory are the goal."""

FEW_GROUPS = 2
"""Of more groups, a run that watches nothing tells first how much the model takes."""

KEPT_BYTES_A_SAMPLE = 4 * 1024 * 1024
"""Outputs up to this size together are kept whole, for the prediction rules: a choice, 32 MiB in
the samples that are run by default."""

AS_WRITTEN: Level = "none"
"""The level at which onnxruntime changes nothing."""


class Runner:
    """One model in the worker: which values are watched, and in which groups they are fetched."""

    def __init__(
        self, graph: Graph, shapes: Shapes, worker: Worker, level: Level = "all",
        *, synthetic: bool = False,
    ) -> None:  # fmt: skip
        self._synthetic = synthetic
        self._graph, self._shapes, self._worker, self.level = graph, shapes, worker, level
        self._groups: list[list[Watch]] = []
        self._sizes: Mapping[str, int] = {}
        self._measuring: dict[str, str] = {}
        self._measured = False
        self.kept: list[str] = []
        self.withheld: set[str] = set()
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

        watches = chosen(self._graph, self._shapes, every=every or closely, integers=every)
        if closely:
            watches += constants(self._graph, self._shapes)
        self.kept = list(kept_outputs(self._graph, self._shapes))
        level = AS_WRITTEN if closely else self.level
        try:
            self._load_measuring(watches, level)
        except RunFailure:
            outputs = {value.name for value in self._graph.outputs}
            watches = [watch for watch in watches if watch.name in outputs]
            self._load(watches, level)
        self.kept += _tables(self._graph, watches)
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
            self._load_measuring(watches, self.level)
            self._regroup(watches, self._guessed(watches))
        return bool(watches)

    @property
    def log(self) -> str:
        """What was printed about this model."""
        return self._worker.log()[self._logged :]

    def refusal(self, error: RunFailure) -> Refusal:
        """What onnxruntime refused, placed in the graph."""
        return read_refusal(self._graph, str(error))

    def _load_measuring(self, watches: list[Watch], level: Level) -> None:
        """Loads it so that a run can tell the sizes that are not known, unless that is in the way.

        What is no tensor has no size, and what is unknown may be no tensor.
        """
        unknown = [watch.name for watch in watches if not self._is_sized(watch.name)]
        try:
            self._load(watches, level, unknown)
        except RunFailure:
            if not unknown:
                raise
            self._load(watches, level)

    def _load(self, watches: list[Watch], level: Level, unknown: Sequence[str] = ()) -> None:
        self._measuring = {name: f"onnxlint-size:{name}" for name in unknown}
        names = [watch.name for watch in watches]
        data, folder = runnable(
            self._graph.model, names, self._measuring, synthetic=self._synthetic
        )
        self._worker.load(data, folder, level)
        self._session = self._worker.session
        self._measured = False

    def _is_sized(self, name: str) -> bool:
        """Whether the sizes of what is fed tell that of a value."""
        shape = self._shapes.of(self._graph.main.values[name])
        if shape is None or shape.dims is None:
            return False
        return all(isinstance(dim, int) or dim in self._symbols for dim in shape.dims)

    @cached_property
    def _symbols(self) -> frozenset[str]:
        """The free sizes of the inputs."""
        fed = filter(None, map(self._shapes.of, self._graph.inputs))
        return frozenset(dim for s in fed for dim in s.dims or () if isinstance(dim, str))

    def _measure(self, feed: dict[str, Array], samples: int) -> None:
        """Groups what is watched by the sizes that it has when this is fed.

        What inference does not know a run tells that fetches nothing else.
        """
        from onnxlint.runtime.messages import Run

        self._measured = True
        watches = [watch for group in self._groups for watch in group]
        sizes = self._guessed(watches)
        if self._measuring:
            names = list(self._measuring.values())
            outputs = self._worker.run(Run(feed, [], names, samples=samples)).outputs
            sizes |= {
                name: math.prod(outputs[measuring].tolist()) * self._width(name)
                for name, measuring in self._measuring.items()
            }
        self._regroup(watches, sizes)
        if len(self._groups) > FEW_GROUPS and not self._measuring:
            self._worker.run(Run(feed, [], [], 0, samples))
            self._regroup(watches, sizes)

    def _width(self, name: str) -> int:
        """Bytes of an element; those of float32 where that is not known."""
        shape = self._shapes.of(self._graph.main.values[name])
        return shape.bits // 8 if shape is not None and shape.bits >= 8 else 4

    def run_all(self, attempt: Attempt) -> tuple[list[Ran], dict[str, Statistics]]:
        """Runs all feeds; the statistics of all of them together.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
        """
        runs: list[Ran] = []
        self._sizes, self._measured = attempt.sizes, False
        try:
            for feed in attempt.feeds:
                ran = self.run(feed, attempt.samples_per_run, adding=True)
                if runs and ran.types == runs[-1].types:
                    ran.types = runs[-1].types  # once in memory, not a thousand times
                runs.append(ran)
            _forget(runs, self.withheld)
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

        if not self._measured:
            self._measure(feeds, samples)
        first, *others = self._groups
        room = KEPT_BYTES_A_SAMPLE * samples
        ran = self._worker.run(Run(feeds, first, self.kept, room, samples, adding), whole=False)
        self.withheld.update(ran.withheld)
        self.kept = [name for name in self.kept if name not in ran.withheld]
        for group in others:
            more = self._worker.run(Run(feeds, group, [], 0, samples, adding))
            ran.statistics.update(more.statistics)
            ran.types.update(more.types)
            ran.is_finite &= more.is_finite
        ran.fed = {name: array.shape for name, array in feeds.items()}
        if others:
            watches = [watch for group in self._groups for watch in group]
            self._regroup(watches, {name: nbytes(*seen) for name, seen in ran.types.items()})
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
        room = max(FETCH_BUDGET_BYTES, int(FETCH_SHARE * self._worker.peak))
        parts = grouped({name: sizes.get(name, 0) for name in by_name}, room)
        self._groups = [[by_name[name] for name in part] for part in parts] or [[]]

    def _guessed(self, watches: list[Watch]) -> dict[str, int]:
        """Bytes of each watched value before it is seen; unknown sizes are taken as 16."""
        shapes = {w.name: self._shapes.of(self._graph.main.values[w.name]) for w in watches}
        return {name: shape.nbytes(16, self._sizes) for name, shape in shapes.items() if shape}


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


def grouped(sizes: Mapping[_Thing, int], room: int) -> Iterator[list[_Thing]]:
    """Parts of things that take so many bytes each, of `room` bytes together at most.

    One that is larger than that is a part by itself.
    """
    group: list[_Thing] = []
    left = room
    for thing, size in sizes.items():
        if size > left and group:
            yield group
            group, left = [], room
        group.append(thing)
        left -= size
    if group:
        yield group


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
    watched: list[str],
    measured: Mapping[str, str] | None = None,
    *,
    synthetic: bool = False,
) -> tuple[bytes, Path]:
    """The serialized model with the watched values as outputs, and the folder of its weights.

    The shapes of those `measured` are outputs, too, by the names given. On `synthetic` input a loop
    must end. Weights stay in their files: the worker is told where those are, links followed.

    Raises:
        RunFailure: the model refers to a file that must not be opened.
    """
    from onnx import ModelProto
    from onnx.helper import make_empty_tensor_value_info, make_node

    proto = ModelProto()
    proto.CopyFrom(model.proto)
    for name, shape in (measured or {}).items():
        proto.graph.node.append(make_node("Shape", [name], [shape], name=shape))
        proto.graph.output.append(make_empty_tensor_value_info(shape))
    return serialised(proto, model.files, watched, synthetic=synthetic)


def serialised(
    proto: ModelProto, files: Files, watched: Iterable[str], *, synthetic: bool
) -> tuple[bytes, Path]:
    """A model that may be changed, with the watched values as outputs, and the folder of weights.

    Raises:
        RunFailure: the model refers to a file that must not be opened.
    """
    from onnx.helper import make_empty_tensor_value_info

    if synthetic:
        bound_loops(proto)
    try:
        folder = _point_to_files(files, proto)
    except TensorError as error:
        raise RunFailure(str(error)) from error
    outputs = {output.name for output in proto.graph.output}
    proto.graph.output.extend(
        make_empty_tensor_value_info(name) for name in watched if name not in outputs
    )
    return bytes(proto.SerializeToString()), folder


def _point_to_files(files: Files, model: ModelProto) -> Path:
    """Makes every tensor name the file itself that holds its data, seen from one folder.

    onnxruntime opens nothing outside of one folder, wherever links lead. It knows data in the model
    file for initializers of the main graph alone: that of others is put back, and so is what no
    location can tell.
    """
    from onnx import TensorProto

    from onnxlint.model.preflight import all_tensors
    from onnxlint.model.wire import INLINE

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
    from onnxlint.runtime.statistics import measure

    ran.statistics.update(
        {name: measure(array) for name, array in feed.items() if array.dtype.kind == "f"}
    )
    return ran
