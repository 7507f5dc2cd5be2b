"""A judge that is started before anybody knows what it is to judge.

To load numpy, onnx and its schemas takes as long as the command line, the configuration and the
rules together: so the two go on side by side. Whoever plans a few jobs of a usual kind tells it
what they are. For any other the process is ended, and a judge is forked that knows all by birth.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection, Sequence
from functools import partial
from typing import BinaryIO, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.bundle import rest_bundle
from onnxlint.job import Job
from onnxlint.judge_process import answer, become_judge
from onnxlint.judges import Process, reported
from onnxlint.judging import Lint, judging, workers_for
from onnxlint.remote.address import is_remote
from onnxlint.remote.names import are_given
from onnxlint.rules.index import Index, index_of
from onnxlint.rules.rule import Rule, Written
from onnxlint.runtime.worker.ahead import has_streams
from onnxlint.safety.note import Note

try:  # what `pickle` takes of it; the rest of that loads for longer than this takes
    from _pickle import PicklingError, dumps, load
except ImportError:
    from pickle import PicklingError, dumps, load

MOST_JOBS = 16
"""Jobs that are told; a choice: what more of them take, nobody begins with."""

_started: _Started | None = None


class _Started(Struct, frozen=True):
    """The process, and what it does with a job."""

    process: Process
    lint: Lint


class _Told(Struct, frozen=True):
    """Jobs without their rules, the codes of these, and the module of each code."""

    jobs: tuple[Job, ...]
    codes: tuple[tuple[str, ...], ...]
    modules: dict[str, str]


def start_judge(lint: Lint) -> None:
    """Starts the process, where it ends with this one whatever happens."""
    global _started
    if sys.platform == "linux" and has_streams():
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command has it
        with contextlib.suppress(OSError):  # too few processes: whoever wants a judge is told
            _started = _Started(Process.forked(partial(_life, lint)), lint)


def taken_over(jobs: Sequence[Job], lint: Lint) -> Process | None:
    """The process, which knows the jobs now; None where there is none that could do them."""
    global _started
    started, _started = _started, None
    if started is None:
        return None
    told = _told(jobs) if lint is started.lint else None
    try:
        if told is not None:
            _write(started.process.requests, told)
            return started.process
    except OSError:  # it has ended
        pass
    _end(started.process)
    return None


def _told(jobs: Sequence[Job]) -> bytes | None:
    """What tells of the jobs; None where they hang on what only this process has."""
    if not 0 < len(jobs) <= MOST_JOBS or are_given() or not all(map(_is_usual, jobs)):
        return None
    rules = {rule.code: rule.module for job in jobs for rule in job.rules}
    codes = tuple(tuple(rule.code for rule in job.rules) for job in jobs)
    try:
        return dumps(_Told(tuple(replace(job, rules=()) for job in jobs), codes, rules))
    except (PicklingError, TypeError, AttributeError):
        return None


def _is_usual(job: Job) -> bool:
    """Whether nothing of a job is in memory alone or far away, and loading has no limit."""
    settings = job.settings
    models = (job.path, settings.reference, *settings.baselines)
    are_here = not any(each is not None and is_remote(each) for each in models)
    are_indexed = all(isinstance(rule.written, Written) for rule in job.rules)
    return are_here and are_indexed and job.source is None and settings.memory_limit is None


def _write(pipe: int, told: bytes) -> None:
    left = memoryview(told)
    while left:
        left = left[os.write(pipe, left) :]


def _end(process: Process) -> None:
    os.kill(process.child, signal.SIGKILL)
    os.waitpid(process.child, 0)
    process.note.close()
    for pipe in (process.requests, process.replies):
        os.close(pipe)


def _life(
    lint: Lint, requests: int, replies: int, note: Note, inherited: Collection[int]
) -> NoReturn:
    """The judge's whole life."""
    become_judge(inherited)
    with contextlib.suppress(Exception):  # who judges meets it again, and tells of it
        _load()
    with os.fdopen(requests, "rb") as lines:
        try:
            jobs = _jobs(lines)
        except EOFError:  # nobody wants it
            os._exit(0)
        judge = judging(jobs, lint, workers_for(jobs))
        rest_bundle()
        answer(partial(reported, judge), lines, replies, note)
    os._exit(0)


def _load() -> None:
    """What is needed for each model that is not run."""
    import numpy  # noqa: F401

    import onnxlint.analyses.reported
    import onnxlint.model.file.load
    import onnxlint.model.graph.surroundings  # noqa: F401
    from onnxlint.analyses.static.inference_process import set_up_schemas

    set_up_schemas()


def _jobs(stream: BinaryIO) -> list[Job]:
    """The jobs that are told.

    Raises:
        EOFError: none are.
    """
    told: _Told = load(stream)
    packs = {module.partition(".")[0] for module in told.modules.values()}
    index = {name: each for pack in packs for name, each in index_of(pack).items()}
    rules = {code: _indexed(code, module, index) for code, module in told.modules.items()}
    return [
        replace(job, rules=tuple(rules[code] for code in codes))
        for job, codes in zip(told.jobs, told.codes, strict=True)
    ]


def _indexed(code: str, module: str, index: Index) -> Rule:
    (entry,) = [each for each in index[module].rules if each.code == code]
    return entry.rule(module)
