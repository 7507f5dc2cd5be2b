"""Times the kernels of a model with onnxruntime's own profiler; in the worker process."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.runtime.protocol import Failed, Kernel, Profile, Profiled, Reply

if TYPE_CHECKING:
    import onnxruntime
    from onnx import GraphProto

_SUFFIX = "_kernel_time"

_LONG = 1.0
"""Seconds of a run from which only FEW are made."""

_FEW = 2

_GRAPH = "optimised.onnx"

_LARGEST_PROFILE = 1 << 28
"""Bytes of a profile that are read: a million events."""


def profile(request: Profile, options: onnxruntime.SessionOptions) -> Reply:
    """Runs the model a few times, and tells what each kernel took in each of them."""
    import onnxruntime as ort

    scratch = Path(request.scratch)
    options.enable_profiling = True
    options.profile_file_prefix = str(scratch / "profile")
    if request.keeps_graph:
        options.optimized_model_filepath = str(scratch / _GRAPH)
        key = "session.optimized_model_external_initializers_file_name"
        options.add_session_config_entry(key, "optimised.data")
    try:
        session = ort.InferenceSession(request.model, options, providers=["CPUExecutionProvider"])
        runs = _run(session, request)
        events = _events(Path(session.end_profiling()))
    except Exception as error:  # onnxruntime's own kinds share no public base
        return Failed(str(error))
    ends: dict[str, tuple[list[str], list[str]]] = {}
    with contextlib.suppress(Exception):  # without it names tell which node a kernel is
        ends = dict(_ends(scratch / _GRAPH))
    return Profiled(list(_kernels(events, ends, runs)), runs)


def _run(session: onnxruntime.InferenceSession, request: Profile) -> int:
    """Warms up, and runs; how often."""
    import onnxruntime as ort

    feeds = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in request.feeds.items()}
    outputs = [output.name for output in session.get_outputs()]
    start = time.perf_counter()
    session.run_with_ort_values(outputs, feeds)
    runs = request.runs if time.perf_counter() - start < _LONG else min(_FEW, request.runs)
    for _ in range(runs):
        session.run_with_ort_values(outputs, feeds)
    return runs


def _events(file: Path) -> list[dict[str, Any]]:
    if file.stat().st_size > _LARGEST_PROFILE:
        raise ValueError(f"the profile has more than {_LARGEST_PROFILE:,} bytes")
    events: list[dict[str, Any]] = json.loads(file.read_bytes().decode(errors="replace"))
    return events


def _kernels(
    events: Sequence[dict[str, Any]], ends: dict[str, tuple[list[str], list[str]]], runs: int
) -> Iterator[Kernel]:
    """The kernels in the order of their first call; the warm-up is left out."""
    starts = sorted(e["ts"] for e in events if e.get("name") == "model_run")[-runs:]
    found: dict[str, Kernel] = {}
    for event, own in _own_times([e for e in events if e.get("cat") == "Node"]):
        name = str(event["name"])
        run = sum(start <= event["ts"] for start in starts) - 1
        if not name.endswith(_SUFFIX) or run < 0:
            continue
        name = name.removesuffix(_SUFFIX)
        if name not in found:
            op = str(event.get("args", {}).get("op_name", ""))
            found[name] = Kernel(name, op, [0.0] * runs, *ends.get(name, ([], [])))
        found[name].microseconds[run] += own
    yield from found.values()


def _own_times(
    events: Sequence[dict[str, Any]],
) -> Iterator[tuple[dict[str, Any], float]]:
    """Each event with its duration, less those of what ran inside it: the body of a loop."""
    pending: list[tuple[dict[str, Any], list[float]]] = []
    for event in sorted(events, key=lambda each: (each["tid"], each["ts"], -each["dur"])):
        while pending and not _is_within(event, pending[-1][0]):
            yield _closed(pending.pop())
        if pending:
            pending[-1][1].append(event["dur"])
        pending.append((event, []))
    while pending:
        yield _closed(pending.pop())


def _is_within(event: dict[str, Any], outer: dict[str, Any]) -> bool:
    end = outer["ts"] + outer["dur"]
    return bool(event["tid"] == outer["tid"] and event["ts"] + event["dur"] <= end)


def _closed(
    entry: tuple[dict[str, Any], list[float]],
) -> tuple[dict[str, Any], float]:
    event, inside = entry
    return event, max(0.0, event["dur"] - sum(inside))


def _ends(file: Path) -> Iterator[tuple[str, tuple[list[str], list[str]]]]:
    """By the name of each node of the optimised model what it reads and what it puts out."""
    import onnx

    graphs: list[GraphProto] = [onnx.load_model(file, load_external_data=False).graph]
    for graph in graphs:
        for node in graph.node:
            yield node.name, ([*node.input], [*node.output])
            graphs += [entry.g for entry in node.attribute if entry.HasField("g")]
