"""A judge that is started before the command knows what to do, and loads what it will need.

Loading takes half of a short run. The command loads its own part, plans, and looks into the cache
meanwhile, on another core; then the judge is given its jobs, as if it had been forked there. It is
a judge like any other from then on. Where the jobs cannot be told to another process, or there is
one core only, there is none, and judges are forked when they are needed.
"""

from __future__ import annotations

import os

CORES = 2
"""With fewer of them nothing is gained."""

_CHUNK = 1 << 16


class EarlyJudge:
    """The judge, seen from the command: its process, and the pipes to and from it."""

    def __init__(self, process: int, requests: int, replies: int) -> None:
        self.process, self.requests, self.replies = process, requests, replies

    def end(self) -> None:
        """Ends one that nobody needs."""
        import signal

        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.requests)
        os.close(self.replies)


_waiting: list[EarlyJudge] = []


def start(arguments: list[str]) -> None:
    """Starts it, where arguments of the command seem to ask for the linting of a model."""
    if not _wants_judge(arguments) or not hasattr(os, "fork") or _cores() < CORES:
        return
    theirs, requests = os.pipe()
    replies, ours = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(theirs)
        os.close(ours)
        _waiting.append(EarlyJudge(child, requests, replies))
        return
    try:
        os.close(requests)
        os.close(replies)
        _live(theirs, ours, parent)
    finally:
        os._exit(1)


def _wants_judge(arguments: list[str]) -> bool:
    first = arguments[0] if arguments else ""
    may_be_check = first == "check" or first.startswith("-") or first.endswith(".onnx")
    return may_be_check and any(each.endswith(".onnx") for each in arguments)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def taken() -> EarlyJudge | None:
    """The judge, for whoever has jobs for it, once; None where there is none."""
    return _waiting.pop() if _waiting else None


def end_unused() -> None:
    """Ends it if nobody has taken it."""
    if (left := taken()) is not None:
        left.end()


def _live(requests: int, replies: int, parent: int) -> None:
    """The judge's whole life."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # whoever reads what the command prints does not wait for its judge
        os.dup2(null, stream)
    os.close(null)
    from onnxlint.judge_process import serve
    from onnxlint.safety.forked import settle

    settle(parent)
    _load(requests)
    order = _order(requests)
    from onnxlint.job_pool import judge_of

    serve(judge_of(order), requests, replies, ())


def _load(requests: int) -> None:
    """Loads what every static run uses, until there is something to do."""
    import importlib
    import select

    from onnxlint.light_onnx import use_light_onnx

    use_light_onnx()
    for module in _MODULES:
        if select.select([requests], [], [], 0)[0]:
            return
        try:
            importlib.import_module(module)
        except ImportError:  # whoever needs it is told
            return


_MODULES = (
    "numpy",
    "onnxlint.pipeline",
    "onnxlint.job_pool",
    "onnxlint.analyses.execution.worker",
    "onnxlint.model.file.load",
    "onnxlint.analyses.static.shapes",
    "onnxlint.model.graph.graph",
    "onnxlint.model.graph.surroundings",
    "onnxlint.analyses.static.layers",
    "onnxlint.analyses.static.weights",
    "onnxlint.analyses.static.schemas",
    "onnxlint.analyses.static.quantisation",
    "onnxlint.analyses.static.texts",
    "onnxlint.analyses.targets.operator_support",
    "onnxlint.analyses.inputs.inputs",
    "onnxlint.model.patterns",
    "onnxlint.model.edit.draft",
    "onnxlint.runtime.statistics.measure",
)


def _order(requests: int) -> bytes:
    """What is to be done: its length in eight bytes, and as many bytes."""
    length = int.from_bytes(_read(requests, 8), "big")
    return _read(requests, length)


def _read(requests: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(requests, min(length, _CHUNK))
        if not part:  # the command ended without any
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def give(judge: EarlyJudge, order: bytes) -> bool:
    """Tells it what is to be done; whether it is there to hear it."""
    left = memoryview(len(order).to_bytes(8, "big") + order)
    try:
        while left:
            left = left[os.write(judge.requests, left) :]
    except BrokenPipeError:
        return False
    return True
