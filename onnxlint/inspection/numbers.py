"""The numbers of a value: of the first run that reaches it, or as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Analyses
from onnxlint.inspection.slices import Index
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.inner_numbers import Spot
    from onnxlint.runtime.protocol import Array

MOST_BYTES = 256 * 1024 * 1024
"""What is fetched of a run; a choice, twice that is held for a moment."""

MOST_RUNS = 64
"""Runs that are made to reach a subgraph, such as a branch that is seldom taken."""

MOST_NUMBERS = 10_000
"""Elements that are printed: a choice, some hundred lines."""


class NoNumbers(Exception):  # noqa: N818 - a fact about the value
    """The numbers of a value are not to be had; the message says why and what to do."""


class Numbers(Struct, frozen=True):
    """Arrays, and where those of a subgraph or function were taken."""

    arrays: list[Array]
    spot: Spot | None = None


def numbers(
    analyses: Analyses, values: Sequence[Value], *, static_only: bool = False,
    iteration: int | None = None, call: Node | None = None,
) -> Numbers:  # fmt: skip
    """The elements of these values, all of one scope.

    Raises:
        NoNumbers: one of them has none that can be had.
    """
    graph = analyses.get(Graph)
    found = {value: graph.constant(value) for value in values if value.tensor_proto is not None}
    computed = [value for value in values if found.get(value) is None]
    if computed and static_only:
        raise NoNumbers(f"{computed[0].name!r} is computed; leave out --static-only")
    spot = None
    if computed and computed[0].scope is not graph.main:
        got, spot = _fetched_inside(analyses, graph, computed, iteration or 0, call)
        found |= got
    elif iteration is not None or call is not None:
        raise NoNumbers("--iteration and --call are for values inside If, Loop, Scan and functions")
    elif computed:
        found |= _fetched(analyses, graph, computed)
    return Numbers([array for value in values if (array := found[value]) is not None], spot)


def of_one_sample(analyses: Analyses, values: Sequence[Value], room: int) -> dict[Value, Array]:
    """The elements of values of the main graph in a run of the first sample.

    What is no tensor, or takes with those before it more than so many bytes, is left out.

    Raises:
        NoNumbers: the model cannot be run again.
    """
    from onnxlint.analyses.execution.profile import one_sample

    got = _run(analyses, one_sample(_ran(analyses)), values, room)
    return {value: got[value.name] for value in values if value.name in got}


def _fetched(analyses: Analyses, graph: Graph, values: Sequence[Value]) -> dict[Value, Array]:
    """What the first run of the model gives, as it is executed without changes by onnxruntime."""
    execution = _ran(analyses)
    assert execution.attempt is not None
    got = _run(analyses, execution.attempt.feeds[0], values)
    return _required({v: got[v.name] for v in values if v.name in got}, values)


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
        raise NoNumbers(f"a run that fetches the values failed: {error}") from error


def _fetched_inside(
    analyses: Analyses, graph: Graph, values: Sequence[Value], iteration: int, call: Node | None
) -> tuple[dict[Value, Array], Spot]:
    from onnxlint.analyses.execution.inner_numbers import InnerNumbers, NotReached
    from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied

    execution = _ran(analyses)
    assert execution.attempt is not None
    inner = InnerNumbers(graph, analyses.get(Worker), execution)
    feeds = execution.attempt.feeds[:MOST_RUNS]
    try:
        found, spot = inner.of(values, feeds, MOST_BYTES, iteration, call)
    except (RunFailure, WorkerDied) as error:
        raise NoNumbers(f"a run that fetches the values failed: {error}") from error
    except NotReached as error:
        raise NoNumbers(str(error)) from error
    return _required(found, values), spot


def _ran(analyses: Analyses) -> Execution:
    from onnxlint.analyses.execution.execution import Execution

    try:
        execution = analyses.get(Execution)
    except NotApplicable as reason:
        raise NoNumbers(str(reason)) from reason
    if execution.attempt is None:
        raise NoNumbers(f"no run succeeded: {execution.failure}")
    return execution


def _required(found: Mapping[Value, Array], values: Sequence[Value]) -> dict[Value, Array]:
    for value in values:
        if value not in found:
            raise NoNumbers(f"{value.name!r} is larger than {MOST_BYTES >> 20} MiB, or no tensor")
    return dict(found)


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
