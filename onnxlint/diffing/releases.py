"""From two model files to what changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.job import Job
from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.model.file.source import InMemory, Source, in_memory, spooled
from onnxlint.planner import Planner
from onnxlint.release_diff import ReleaseDiff
from onnxlint.report import ModelReport, decode, encode
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Worker


class DiffError(Exception):
    """Two models cannot be compared; the message is one sentence for a person."""


def diff(
    old: str | Path | InMemory,
    new: str | Path | InMemory,
    *,
    config: Path | None = None,
    trust_config: bool = False,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    rules: Iterable[Path] = (),
    settings: Settings | None = None,
    static_only: bool = False,
) -> ReleaseDiff:
    """What changed between two releases of a model, as `onnxlint diff` tells it.

    Both are linted as the configuration of the new one says, and run on the same samples, in
    processes of their own.

    Args:
        old: the earlier model: a path, `-` for standard input, or a model in memory as for `lint`.
        new: the later one.
        config: a configuration file; without it the one that holds for the new model does.
        trust_config: whether one that lies with the model may do more than declare what it is.
        select: codes, prefixes or names of the rules to run.
        ignore: those not to run.
        rules: files and folders with rules of one's own.
        settings: data, labels, samples, seed, limits; without it the configuration's.
        static_only: whether neither is run.

    Raises:
        DiffError: one of them cannot be read or judged, or the data fits neither.
        ConfigError: the configuration or a selector cannot be used.
        PackError: a rule pack does not load.
    """
    planner = Planner(
        config, trust_config, tuple(rules), tuple(select), tuple(ignore), settings=settings,
        static_only=static_only,
    )  # fmt: skip
    return planned_diff(planner, old, new).diff


class Seen(Struct, frozen=True):
    """What changed, and the reports of both models; with portraits where the planner asks."""

    diff: ReleaseDiff
    old: ModelReport
    new: ModelReport


def planned_diff(planner: Planner, old: str | Path | InMemory, new: str | Path | InMemory) -> Seen:
    """The same, as a planner says."""
    if old == new == "-":
        raise DiffError("both models are standard input; name a file for one of them")
    try:
        with ExitStack() as stack:
            job = planner.job(str(new) if isinstance(new, str | Path) else "-")
            jobs = [_job(job, model, stack) for model in (old, new)]
            return _compared_jobs(jobs)
    except ModelError as error:
        raise DiffError(str(error)) from error


def _job(job: Job, model: str | Path | InMemory, stack: ExitStack) -> Job:
    """The job for one of the two: but for the model, the same for both."""
    if model == "-":
        return _of(job, stack.enter_context(spooled()))
    if isinstance(model, str | Path):
        return replace(job, path=str(model))
    return _of(job, stack.enter_context(in_memory(model)))


def _of(job: Job, source: Source) -> Job:
    return replace(job, path=source.name, source=source)


def _compared_jobs(jobs: Sequence[Job]) -> Seen:
    """Compares first: where that cannot be done, nothing needs to be linted."""
    from onnxlint.diffing.findings import findings_changed
    from onnxlint.job_pool import run_jobs
    from onnxlint.pipeline import lint_model

    found = _looked_at(jobs)
    old, new = run_jobs(_shown(*jobs), lint_model)
    come, gone = findings_changed(old.findings, new.findings)
    changed = replace(
        found,
        findings_new=tuple(come),
        findings_gone=tuple(gone),
        findings_kept=len(new.findings) - len(come),
        incomplete=(*found.incomplete, *(told for each in (old, new) for told in _gaps(each))),
    )
    return Seen(changed, old, new)


def _shown(old: Job, new: Job) -> list[Job]:
    """The same jobs; a portrait of the new model shows it beside the old one, layer by layer."""
    if not new.portrays or old.source is not None:
        return [old, new]
    from onnxlint.analyses import closure
    from onnxlint.analyses.comparison.reference import Reference

    judging = {rule.code for rule in new.rules for kind in rule.requests.values()
               if Reference in closure(kind)}  # fmt: skip
    beside = replace(new.without(judging), settings=replace(new.settings, reference=Path(old.path)))
    return [old, beside]


def _gaps(report: ModelReport) -> list[str]:
    """Why a model's findings may not be all that there are."""
    if report.error is not None:
        return [f"{report.path}: {report.error}"]
    return [] if report.complete else [f"{report.path}: not every rule could judge it"]


def _looked_at(jobs: Sequence[Job]) -> ReleaseDiff:
    """The comparison, made in a child process: the models may be anybody's."""
    from onnxlint.safety.forked import Crashed, Isolated

    settings = jobs[0].settings
    allowed = Budget.build(settings)
    budget = Budget(2 * allowed.seconds, allowed.memory)
    try:
        answer = Isolated(partial(_answer, jobs=jobs, budget=budget), b"", budget).result()
    except Crashed as error:
        raise DiffError(f"the models cannot be compared: {error}") from error
    if answer[:1] == _SENTENCE:
        raise DiffError(json.loads(answer[1:]))
    return decode(answer[1:], ReleaseDiff)


_SENTENCE, _RESULT = b"s", b"r"
"""How an answer begins that says why there is no result, or is one."""


def _answer(_: bytes, *, jobs: Sequence[Job], budget: Budget) -> bytes:
    try:
        return _RESULT + encode(_look(jobs, budget))
    except (ModelError, DataError) as error:
        return _SENTENCE + json.dumps(str(error)).encode()


def _look(jobs: Sequence[Job], budget: Budget) -> ReleaseDiff:
    import numpy as np

    from onnxlint.analyses import Analyses
    from onnxlint.diffing.comparison import compared
    from onnxlint.model.file.load import open_model

    with ExitStack() as stack:
        stack.enter_context(np.errstate(all="ignore"))
        worker = None if jobs[0].static_only else _worker(jobs[0], budget, stack)
        sides = []
        for job in jobs:
            settings = replace(job.settings, reference=None, witnesses=None)
            analyses = stack.enter_context(closing(Analyses(settings, budget)))
            analyses.give(stack.enter_context(open_model(job.source or job.path, budget)))
            if worker is not None:
                analyses.give(worker)
            sides.append(analyses)
        old, new = sides
        return compared(old, new, (jobs[0].path, jobs[1].path), static_only=worker is None)


def _worker(job: Job, budget: Budget, stack: ExitStack) -> Worker:
    """The process that runs both models, one after the other."""
    from onnxlint.analyses.execution.worker import Workers

    workers = stack.enter_context(closing(Workers()))
    worker = workers.with_limits(job.settings.time_limit, job.settings.memory_limit)
    worker.serve(budget)
    return worker
