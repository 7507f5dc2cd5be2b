"""The way from a model file to a report, for one model and for many."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.job import Job
from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.source import InMemory, in_memory
from onnxlint.model.graph.place import shortened
from onnxlint.planner import Planner
from onnxlint.remote.address import entered
from onnxlint.remote.names import with_names
from onnxlint.report import ModelReport
from onnxlint.session import JudgingSession
from onnxlint.settings import Settings
from onnxlint.severity import Stage
from onnxlint.watcher import Watcher

if TYPE_CHECKING:
    from onnx import ModelProto

    from onnxlint.analyses.execution.worker import Workers


def lint(
    model: str | Path | InMemory,
    *,
    folder: Path | None = None,
    config: Path | None = None,
    trust_config: bool = False,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    preview: bool = False,
    stage: Stage | None = None,
    rules: Iterable[Path] = (),
    settings: Settings | None = None,
    cache: Path | None = None,
) -> ModelReport:
    """Lints one model as the command does; one that cannot be read is told in the report.

    Args:
        model: a path, an address such as `s3://…`, or `-` for standard input; or a model in
            memory: bytes, an `onnx.ModelProto`, an `onnx_ir.Model`, or a
            `torch.onnx.ONNXProgram`.
        folder: where the external data of a model in memory lies; without it, the working folder.
            An `onnx_ir.Model` knows its own.
        config: a configuration file; without it the nearest one holds.
        trust_config: whether one that lies with the model, and not at or above the working
            directory, may do more than declare what the model is.
        select: codes, prefixes or names of the rules to run.
        ignore: those not to run.
        preview: whether rules run, too, that may still change or go.
        stage: how far training is; without it the configuration's, else `trained`.
        rules: files and folders with rules of one's own.
        settings: data, samples, seed, limits; without it the configuration's. Its stage, targets,
            inputs and outputs win over the configuration's where they are set.
        cache: a folder for reports, which are used again while nothing changes that they depend
            on; without it none is kept.

    Raises:
        ConfigError: the configuration or a selector cannot be used.
        PackError: a rule pack does not load.
        TypeError: `model` is none of these.
    """
    planner = Planner(
        config, trust_config, tuple(rules), _names(select), _names(ignore), preview, stage,
        settings=settings,
    )  # fmt: skip
    if isinstance(model, str | Path):
        return _linted(planner.job(entered(str(model))), cache)
    job = planner.job("-")  # whose configuration is that of the working folder, too
    try:
        with in_memory(model, folder) as source:
            return _linted(replace(job, path=source.name, source=source))
    except ModelError as error:
        return job.completed(_unread(error.path, error), seconds=0.0)


def _names(selectors: str | Iterable[str]) -> tuple[str, ...]:
    """Selectors of rules; one text is what the command line takes: `"ACT,RUN001"`."""
    return tuple(selectors.split(",") if isinstance(selectors, str) else selectors)


def _linted(job: Job, cache: Path | None = None) -> ModelReport:
    from onnxlint.job_pool import with_stale

    (report,) = with_stale([(job, _known_or_made(job, cache))])
    return report


def _known_or_made(job: Job, folder: Path | None) -> ModelReport:
    if folder is None:
        return lint_model(job)
    from onnxlint.report_cache import ReportCache

    cache = ReportCache(folder)
    looked = cache.look_up(job)
    if looked.report is not None:
        return looked.report
    report = lint_model(replace(job, remembers=folder))
    cache.keep(looked, job, report)
    return report


def lint_many(
    paths: Iterable[str | Path],
    *,
    jobs: int = 1,
    config: Path | None = None,
    trust_config: bool = False,
    select: str | Iterable[str] = (),
    ignore: str | Iterable[str] = (),
    preview: bool = False,
    stage: Stage | None = None,
    rules: Iterable[Path] = (),
    settings: Settings | None = None,
    cache: Path | None = None,
) -> Generator[ModelReport]:
    """Lints many models, `jobs` at a time, and yields their reports in the order of the models.

    Each is linted in a process of its own, where the platform can fork, so that none can cost
    another its report. The other arguments are those of `lint`.

    Raises:
        ConfigError: a configuration that is trusted, or a selector, cannot be used; the report of
            a model says so where the file lies with it.
        PackError: a rule pack does not load.
        TypeError: `paths` is one path.
        ValueError: `jobs` is not a positive number.
    """
    from onnxlint.job_pool import run_jobs
    from onnxlint.report_cache import ReportCache

    if isinstance(paths, str | Path):
        raise TypeError("lint_many() takes several paths; lint() takes one")
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}; it must be at least 1")
    planner = Planner(
        config, trust_config, tuple(rules), _names(select), _names(ignore), preview, stage,
        settings=settings,
    )  # fmt: skip
    kept = None if cache is None else ReportCache(cache)
    return run_jobs(
        planner.jobs(entered(str(path)) for path in paths), lint_model, jobs, cache=kept
    )


def lint_model(
    job: Job, *, watcher: Watcher | None = None, workers: Workers | None = None
) -> ModelReport:
    """Does one job in this process; `workers` serves many models, and stays open."""
    start = time.perf_counter()
    try:
        with (
            JudgingSession(job, watcher, workers, is_linted_again=False) as session,
            session.opened() as model,
            session.judged(model) as runner,
        ):
            report = runner.report(model.path, model.sha256)
            report = replace(report, exporter=exporter_of(model.proto))
            if job.portrays:
                from onnxlint.portraying.portray import portrait

                session.watcher.begins("what the page shows")
                seen = portrait(runner.analyses, runs=session.runs_model)
                report = replace(report, portrait=seen)
    except ModelError as error:
        report = _unread(job.path, error)
    return with_names(job.completed(report, seconds=time.perf_counter() - start))


def exporter_of(proto: ModelProto) -> tuple[str, str]:
    """What wrote a model, by its own word; whatever bytes stand there."""
    told = (proto.producer_name, proto.producer_version)
    name, version = (shortened(text) for text in told)
    return name, version


def _unread(path: str | Path, error: ModelError) -> ModelReport:
    return ModelReport(str(path), error=f"{error.problem}; {error.remedy}")
