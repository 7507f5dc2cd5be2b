"""Event files that TensorBoard reads: one for each step, and one for the graph.

Written with tensorboardX: its records and messages, without the queue and the clock of its writer,
so that the same model gives the same bytes. A step that is written again takes the place of itself.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.report import ModelReport
from onnxlint.safety.writing import placed, plain_mode
from onnxlint.viewers.picture import Picture

if TYPE_CHECKING:
    from tensorboardX.proto.event_pb2 import Event

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
