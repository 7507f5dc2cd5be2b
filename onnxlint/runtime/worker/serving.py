"""What the process that runs onnxruntime does for whoever started it.

It reads requests from standard input and writes replies to standard output. Native code may crash
it, hang it or make it ask for too much memory: none of that reaches the linter.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from msgspec import Struct

from onnxlint.runtime import COMPILED, protocol
from onnxlint.runtime.protocol import (
    AllRan,
    Array,
    Failed,
    Load,
    Loaded,
    Profile,
    Ran,
    Reply,
    Run,
    Seen,
    Together,
    Total,
    Totalled,
)
from onnxlint.runtime.statistics.accumulate import Totals
from onnxlint.runtime.statistics.compiled import usable_threads
from onnxlint.runtime.statistics.measure import is_finite
from onnxlint.runtime.worker.expected import Expected
from onnxlint.runtime.worker.lanes import Sums, beside
from onnxlint.runtime.worker.taps import Taps
from onnxlint.safety.limits import end_with_parent, limit_memory, share_cores, usable_cores

if TYPE_CHECKING:
    import onnxruntime

_LEVELS = {
    "all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED",
    "basic": "ORT_ENABLE_BASIC", "none": "ORT_DISABLE_ALL",
}  # fmt: skip


_LARGEST_KEPT = 1 << 16
"""Bytes of an array of a loop's iteration that is measured together with others."""

_MOST_KEPT = 1 << 24
"""Bytes of such arrays, and their number, that are kept."""


FEW_CORES = 4
"""On so many, or on a share of more, threads that wait busily for the next kernel take them from
the linter's rules and from the statistics: of two, a third of the processor time of ResNet-50's
run, and half of loading it."""


WORTH_A_THREAD = 0.5e-3
"""Seconds that a run must take to be made beside another: a thread takes a tenth of a millisecond
to start, and more to get a core where two jobs share two. 200 models of three layers each take
a seventh less time with two jobs."""


class Session(Struct):
    """A model that is loaded, the taps in it, what is added up of its runs, and what was seen."""

    model: onnxruntime.InferenceSession
    taps: Taps
    sums: Sums
    known: dict[str, Seen]
    quickest: float = inf
    """Seconds that the shortest of its runs took."""

    @property
    def threads(self) -> int:
        """How many of its runs are made at once; what is added up is the same."""
        is_worth = usable_threads() > 1 and self.quickest >= WORTH_A_THREAD
        return self.sums.lanes if is_worth else 1


def main() -> None:
    """Serves requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit, parent = map(int, sys.argv[1:])
    limit_memory(limit)
    end_with_parent(parent)
    requests, replies = sys.stdin.buffer, _private_stdout()
    import onnxruntime  # noqa: F401 - before the first request, while the linter reads the model

    session: Session | None = None
    reply: Reply
    while (request := protocol.read_request(requests)) is not None:
        if isinstance(request, Load):
            session = None
            session, reply = _load(request)
        elif isinstance(request, Profile):
            session = None  # two models may need too much memory
            reply = _profile(request)
        elif isinstance(request, Total):
            reply = Totalled({} if session is None else session.sums.total())
        elif session is None:
            reply = Failed("there is no session")
        elif isinstance(request, Together):
            reply = AllRan(_run_together(session, request.runs))
        else:
            reply = _run(session, request, _totals(session, request))
        protocol.send(replies, reply)
        del reply  # outputs may keep the memory of their session alive, beside that of the next


def _private_stdout() -> BinaryIO:
    """Standard output for replies alone: what native code prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _load(request: Load) -> tuple[Session | None, Reply]:
    import onnxruntime as ort

    share_cores(request.jobs)
    ort.set_seed(0)  # so that what a model draws is the same in every report
    taps = Taps(request.taps, request.most_shown)
    options = _options(request)
    options.enable_mem_pattern = False  # a second block of memory, as large as what is watched
    # its threads would wait busily after a run, on the cores that take statistics then
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if request.lanes > 1:
        options.intra_op_num_threads = max(1, usable_threads() // request.lanes)
    elif request.jobs > 1:
        options.intra_op_num_threads = usable_cores()
    if usable_threads() <= FEW_CORES or request.jobs > 1:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if request.in_order:
        options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
    try:
        if request.has_ours:
            options.register_custom_ops_library(COMPILED)
            taps.listen()
        session = ort.InferenceSession(request.model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds share no public base
        return None, Failed(str(error))
    return Session(session, taps, Sums(request.lanes), request.expected), Loaded()


def _options(request: Load | Profile) -> onnxruntime.SessionOptions:
    import onnxruntime as ort

    options = ort.SessionOptions()
    level = getattr(ort.GraphOptimizationLevel, _LEVELS[request.level])
    options.graph_optimization_level = level
    key = "session.model_external_initializers_file_folder_path"
    options.add_session_config_entry(key, request.folder)
    return options


def _profile(request: Profile) -> Reply:
    from onnxlint.runtime.worker.profiling import profile

    return profile(request, _options(request))


def _totals(session: Session, request: Run) -> Totals:
    """What the statistics of a run are added to."""
    return session.sums.next(request.samples) if request.adding else Totals(session.sums.threads)


def _run_together(session: Session, runs: list[Run]) -> list[Ran | Failed]:
    """Runs them lane by lane, the lanes side by side where that takes less time."""
    for request in runs:
        if request.like is not None:
            request.feeds = runs[request.like].feeds | request.feeds
    jobs = [(request, _totals(session, request)) for request in runs]
    return beside(lambda job: _run(session, *job), jobs, session.threads)


def _run(session: Session, request: Run, totals: Totals) -> Ran | Failed:
    seen = _Seeing(request, totals)
    fetched_names = [watch.name for watch in request.watched if watch.name not in session.taps]
    kept_names = [name for name in request.kept if name not in session.taps]
    names = list(dict.fromkeys([*kept_names, *fetched_names]))
    feeds = request.feeds | {name: signs.array() for name, signs in request.signs.items()}
    start = time.perf_counter()
    expected = Expected(session.taps, totals, request, session.known)
    with session.taps.shown_to(seen.take) as listener, expected.told(session.taps):
        try:
            fetched = _execute(session.model, names, feeds)
        except Exception as error:  # onnxruntime's own kinds share no public base
            return Failed(str(error))
    seconds = time.perf_counter() - start
    session.quickest = min(session.quickest, seconds)
    seen.types |= expected.measured()
    session.known.update(seen.types)
    seen.take_repeated()
    seen.take_all({n: fetched[n] for n in fetched_names if _is_array(fetched[n])})
    outputs, withheld = _sent(request, fetched | seen.kept | seen.held)
    told = (*(watch.name for watch in request.watched), *request.held)
    return Ran(
        statistics={} if request.adding else seen.totals.statistics(),
        outputs=outputs,
        withheld=withheld,
        types={name: seen.types[name] for name in told if name in seen.types},
        is_finite=seen.is_finite,
        peak=_peak_memory(),
        seconds=seconds,
        shown={name: count for name, count in listener.shown.items() if count > 1},
    )


class _Seeing:
    """Takes the statistics of what one run shows and gives."""

    def __init__(self, request: Run, totals: Totals) -> None:
        self._watches = {watch.name: watch for watch in request.watched}
        self._samples, self._held = request.samples, request.held
        self._kept, self._only_finite = frozenset(request.kept), request.only_finite
        self._room = request.room
        self.kept: dict[str, Any] = {}
        self._met: Counter[str] = Counter()
        self.held: dict[str, Array] = {}
        self.totals = totals
        self.types: dict[str, Seen] = {}
        self.is_finite = True
        self._repeated: dict[tuple[str, tuple[int, ...]], list[Array]] = {}
        self._bytes = 0

    def take(self, name: str, array: Array) -> None:
        """A value as it is shown in the run, in a loop again and again."""
        if name in self._kept:
            self._keep(name, array)
        if name in self._held:
            self._hold(name, array)
        if name not in self._watches:
            return
        if name not in self.types or array.nbytes > _LARGEST_KEPT or self._only_finite:
            self.take_all({name: array})
            return
        key = name, array.shape
        self._repeated.setdefault(key, []).append(array.copy())
        self._bytes += array.nbytes + 1
        if self._bytes > _MOST_KEPT:
            self.take_repeated()

    def _keep(self, name: str, array: Array) -> None:
        """Of what is too large to be sent, the shape alone."""
        fits = array.nbytes <= self._room
        self.kept[name] = array.copy() if fits else np.broadcast_to(array.dtype.type(), array.shape)

    def _hold(self, name: str, array: Array) -> None:
        self.types.setdefault(name, _type(array))
        if self._met[name] == self._held[name]:
            self.held[name] = array.copy()
        self._met[name] += 1

    def take_repeated(self) -> None:
        """What was kept of later iterations: many small arrays are measured faster at once."""
        for (name, _), arrays in self._repeated.items():
            self.is_finite &= self.totals.add_repeated(self._watches[name], arrays)
        self._repeated, self._bytes = {}, 0

    def take_all(self, arrays: dict[str, Array]) -> None:
        watched = [self._watches[name] for name in arrays]
        if self._only_finite:
            real = (arrays[watch.name] for watch in watched if not watch.sizes_only)
            self.is_finite = self.is_finite and all(map(is_finite, real))
        else:
            self.is_finite &= self.totals.add(watched, arrays, self._samples)
        self.types |= {name: _type(array) for name, array in arrays.items()}


def _sent(request: Run, fetched: dict[str, Any]) -> tuple[dict[str, Array], list[str]]:
    """The kept outputs while there is room for them, and the names of the others."""
    outputs: dict[str, Array] = {}
    withheld: list[str] = []
    room = request.room
    for name in (*request.kept, *(name for name in request.held if name in fetched)):
        parts = dict(_arrays(name, fetched.get(name)))  # nothing, where no tap showed it
        size = sum(map(_message_bytes, parts.values()))
        if size > room:
            withheld.append(name)
            continue
        room -= size
        outputs |= parts
    return outputs, withheld


def _message_bytes(array: Array) -> int:
    if array.dtype.kind in "OUS":
        return sum(8 + len(str(text)) for text in array.reshape(-1).tolist())
    return array.nbytes


def _peak_memory() -> int:
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _type(array: Array) -> Seen:
    return ("str" if array.dtype.kind in "OUS" else array.dtype.name), array.shape


def _execute(
    session: onnxruntime.InferenceSession, names: list[str], feeds: dict[str, Array]
) -> dict[str, Any]:
    """Fetches the named values; without any, runs all the same, and numpy need not hold a thing."""
    import onnxruntime as ort

    if names:
        return dict(zip(names, session.run(names, feeds), strict=True))
    if any(array.dtype.kind in "OUS" for array in feeds.values()):
        session.run(None, feeds)  # texts are known to this way of running alone
        return {}
    values = {name: ort.OrtValue.ortvalue_from_numpy(array) for name, array in feeds.items()}
    session.run_with_ort_values([output.name for output in session.get_outputs()], values)
    return {}


def _arrays(name: str, value: Any) -> Iterator[tuple[str, Array]]:
    """An output as arrays: a sequence element by element, a map as its keys and its values."""
    if _is_array(value):
        yield name, value
    elif isinstance(value, dict):
        yield from _arrays(f"{name} keys", list(value))
        yield from _arrays(f"{name} values", list(value.values()))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _arrays(f"{name}[{index}]", element)
    elif value is not None:
        yield name, np.asarray(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)
