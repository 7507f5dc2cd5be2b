"""Event files that TensorBoard reads: one for each step, and one for the graph.

Written with tensorboardX: its records and messages, without the queue and the clock of its writer,
so that the same model gives the same bytes. A step that is written again takes the place of itself.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.report import ModelReport
from onnxlint.safety.writing import placed, plain_mode
from onnxlint.series_report import Curve, SeriesReport
from onnxlint.viewers.picture import Picture

if TYPE_CHECKING:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

LARGEST_STEP = 10**10 - 1
"""As many digits as the name of a file has for it: files are read in the order of their names."""

VERSION = "brain.Event:2"
"""What the first record of every event file says."""


LIBRARY = ("tensorboardX", "tensorboard")
"""What writes them, and our extra."""


def write_step(
    folder: Path, step: int, picture: Picture, report: ModelReport | None = None
) -> None:
    """Writes one model as a step of the run in a folder.

    Raises:
        OSError: the folder cannot be written.
    """
    from tensorboardX.proto.event_pb2 import Event

    from onnxlint.viewers.paths import Paths
    from onnxlint.viewers.tensorboard_graph import graph_def
    from onnxlint.viewers.tensorboard_summaries import Summaries

    paths = Paths(picture)
    time = picture.modified
    folder.mkdir(parents=True, exist_ok=True)
    graph = graph_def(picture, paths).SerializeToString(deterministic=True)
    _write(folder / _name(0, "graph"), [Event(wall_time=time, graph_def=graph)], time)
    events = (
        Event(wall_time=time, step=step, summary=each)
        for each in Summaries(picture, paths, report).all()
    )
    _write(folder / _name(step, "step"), events, time)


def write_series(folder: Path, series: SeriesReport) -> None:
    """Writes the curves of a series as scalars, each checkpoint as the step that it is.

    Raises:
        OSError: the folder cannot be written.
    """
    from tensorboardX.proto.event_pb2 import Event

    folder.mkdir(parents=True, exist_ok=True)
    for at, step in enumerate(series.steps):
        event = Event(wall_time=0.0, step=step, summary=_at(series, at))
        _write(folder / _name(min(step, LARGEST_STEP), "series"), [event], 0.0)


def _at(series: SeriesReport, at: int) -> Summary:
    """The numbers of one checkpoint; those of an interval belong to the checkpoint at its end."""
    from tensorboardX.proto.summary_pb2 import Summary

    values = [
        Summary.Value(tag=tag, simple_value=number)
        for tag, curve in _curves(series)
        if (place := at - (len(series.steps) - len(curve))) >= 0
        and (number := curve[place]) is not None
    ]
    return Summary(value=values)


def _curves(series: SeriesReport) -> Iterator[tuple[str, Curve]]:
    yield from series.scalars()
    for tensor in series.tensors:
        name = f"{tensor.place} {tensor.parameter}"
        yield f"update/{name}", tensor.update
        yield f"mean/{name}", tensor.mean
    for each in series.activations:
        yield f"scale/{each.place}", each.rms
        yield f"dead/{each.place}", each.dead
        yield f"saturated/{each.place}", each.saturated


def _name(number: int, kind: str) -> str:
    return f"events.out.tfevents.{number:010}.onnxlint-{kind}"


def _write(file: Path, events: Iterable[Event], time: float) -> None:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter

    with tempfile.TemporaryDirectory(prefix="onnxlint-") as folder:
        made = Path(folder) / "events"
        writer = RecordWriter(str(made))
        for event in [Event(wall_time=time, file_version=VERSION), *events]:
            writer.write(event.SerializeToString(deterministic=True))
        writer.close()
        with made.open("rb") as source, placed(file, plain_mode()) as target:
            shutil.copyfileobj(source, target)
