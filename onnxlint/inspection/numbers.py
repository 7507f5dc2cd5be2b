"""The numbers of a value: of the first run, or as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses import Analyses
from onnxlint.inspection.costing import one_sample
from onnxlint.inspection.slices import Index
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Array

MOST_BYTES = 256 * 1024 * 1024
"""What is fetched of a run; a choice, twice that is held for a moment."""

MOST_NUMBERS = 10_000
"""Elements that are printed: a choice, some hundred lines."""


class NoNumbers(Exception):  # noqa: N818 - a fact about the value
    """The numbers of a value are not to be had; the message says why and what to do."""


def arrays(
    analyses: Analyses, values: Sequence[Value], *, static_only: bool = False
) -> list[Array]:
    """The elements of these values.

    Raises:
        NoNumbers: one of them has none that can be had.
    """
    graph = analyses.get(Graph)
    found = {value: graph.constant(value) for value in values if value.tensor_proto is not None}
    computed = [value for value in values if found.get(value) is None]
    if computed and static_only:
        raise NoNumbers(f"{computed[0].name!r} is computed; leave out --static-only")
    if computed:
        found |= _fetched(analyses, graph, computed)
    return [array for value in values if (array := found[value]) is not None]


def of_one_sample(analyses: Analyses, values: Sequence[Value], room: int) -> dict[Value, Array]:
    """The elements of values of the main graph in a run of the first sample.

    What is no tensor, or takes with those before it more than so many bytes, is left out.

    Raises:
        NoNumbers: the model cannot be run again.
    """
    from onnxlint.analyses.execution.execution import Execution

    execution = analyses.get(Execution)
    if execution.attempt is None:
        raise NoNumbers(f"no run succeeded: {execution.failure}")
    got = _run(analyses, one_sample(analyses), values, room)
    return {value: got[value.name] for value in values if value.name in got}


def _fetched(analyses: Analyses, graph: Graph, values: Sequence[Value]) -> dict[Value, Array]:
    """What the first run of the model gives, as it is executed without changes by onnxruntime."""
    from onnxlint.analyses.execution.execution import Execution

    _require_main(graph, values)
    execution = analyses.get(Execution)
    if execution.attempt is None:
        raise NoNumbers(f"no run succeeded: {execution.failure}")
    got = _run(analyses, execution.attempt.feeds[0], values)
    for value in values:
        if value.name not in got:
            raise NoNumbers(f"{value.name!r} is larger than {MOST_BYTES >> 20} MiB, or no tensor")
    return {value: got[value.name] for value in values}


def _run(
    analyses: Analyses, feed: dict[str, Array], values: Sequence[Value], room: int = MOST_BYTES
) -> dict[str, Array]:  # fmt: skip
    """What is fed, and what a run of it gives of these values, by name."""
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.probed_session import AS_WRITTEN, runnable
    from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
    from onnxlint.runtime.protocol import Run

    names = [value.name for value in values if value.name not in feed]
    if not names:
        return dict(feed)
    worker, is_synthetic = analyses.get(Worker), analyses.get(Execution).synthetic
    try:
        model = analyses.get(Graph).model
        data, folder = runnable(model, names, synthetic=is_synthetic)
        worker.load(data, folder, AS_WRITTEN)
        return feed | worker.run(Run(feed, [], names, room), whole=False).outputs
    except (RunFailure, WorkerDied) as error:
        raise NoNumbers(f"cannot be fetched from a run: {error}") from error


def _require_main(graph: Graph, values: Sequence[Value]) -> None:
    for value in values:
        if value.scope is not graph.main:
            raise NoNumbers(f"{value.name!r} stands in {value.scope.path}; numbers are shown of "
                            "values of the main graph, of others the statistics")  # fmt: skip


def part(array: Array, index: Index) -> Array:
    """The chosen elements.

    Raises:
        NoNumbers: there is no such part, or it is too large to be shown.
    """
    import numpy as np

    try:
        found = np.asarray(array[index])
    except IndexError as error:
        dims = "×".join(map(str, array.shape)) or "a scalar"  # noqa: RUF001
        raise NoNumbers(f"--slice does not fit a value of {dims}: {error}") from error
    if found.size > MOST_NUMBERS:
        raise NoNumbers(f"--slice chooses {found.size:,} elements (limit {MOST_NUMBERS:,}); choose "
                        "fewer, or write all with --dump")  # fmt: skip
    return found
