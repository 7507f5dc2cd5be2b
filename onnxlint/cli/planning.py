"""From options and configurations to what is done with each model, before any is read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from onnxlint.report import ModelReport
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import exists, is_file

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.planner import Planner
    from onnxlint.report_cache import ReportCache
    from onnxlint.settings import LabelSource, Settings


class Options(Struct, frozen=True):
    """The command line, as it was given; None where an option was not."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    preview: bool
    stage: Stage | None
    target: tuple[str, ...]
    fail_on: Severity | None
    data: Path | None
    reference: Path | None
    labels: Path | None
    compare_simple: bool
    samples: int | None
    seed: int | None
    time_limit: float | None
    memory_limit: str | None
    static_only: bool
    trace: str | None
    save_witness: Path | None
    config: Path | None
    trust_config: bool
    rules: tuple[Path, ...]
    accepted: Path | None
    no_accepted: bool
    no_cache: bool = True
    cache_dir: Path | None = None
    time: bool = False
    layer: str | None = None
    tsne: bool = False
    train_data: Path | None = None
    train_labels: Path | None = None


def options_of(given: dict[str, Any]) -> Options:
    """The command line from click's parameters."""
    stage, fail_on = given["stage"], given["fail_on"]
    return Options(
        **given | {"stage": stage and Stage(stage), "fail_on": fail_on and Severity(fail_on)}
    )


def planner_of(options: Options) -> Planner:
    """Plans models as the command line says."""
    from onnxlint.planner import Planner
    from onnxlint.settings import LabelSource
    from onnxlint.toml_tables import parse_bytes

    overrides = {
        "data": options.data,
        "reference": options.reference,
        "labels": options.labels and LabelSource.of(options.labels),
        "train_data": options.train_data,
        "train_labels": options.train_labels and LabelSource.of(options.train_labels),
        "compare_simple": options.compare_simple or None,
        "samples": options.samples,
        "seed": options.seed,
        "time_limit": options.time_limit,
        "memory_limit": options.memory_limit and parse_bytes(options.memory_limit),
        "full_trace": options.trace and options.trace == "full",
        "witnesses": options.save_witness,
        "timed": options.time or None,
        "layer": options.layer,
        "tsne": options.tsne or None,
    }
    return Planner(
        config=options.config, trust_config=options.trust_config, rules=options.rules,
        select=options.select, ignore=options.ignore, preview=options.preview, stage=options.stage,
        fail_on=options.fail_on, targets=options.target, static_only=options.static_only,
        overrides=overrides, accepted=options.accepted, accepts=not options.no_accepted,
    )  # fmt: skip


def cache_of(options: Options) -> ReportCache | None:
    """Where reports are kept; None where they are not.

    Raises:
        click.UsageError: the folder that the command line names cannot be used.
    """
    from onnxlint.report_cache import ReportCache

    if options.no_cache:
        return None
    folder = options.cache_dir
    cache = ReportCache.usual() if folder is None else ReportCache(folder)
    if cache.obstacle is None:
        return cache
    if folder is None:
        return None
    raise click.UsageError(
        f"--cache-dir {str(folder)!r} {cache.obstacle}; name another, or give --no-cache"
    )


def planned(
    planner: Planner, models: Mapping[str, str | None], options: Options
) -> list[Job | ModelReport]:
    """A job for each model, or its report where there can be none; models come with problems.

    Raises:
        click.UsageError: what the command line asks for is not there.
        ConfigError, PackError: what we trust cannot be used.
    """
    from onnxlint.job import Job

    check_data(options.data)
    check_data(options.train_data, "--train-data")
    able = planner.jobs(path for path, problem in models.items() if not problem)
    for job in able:
        if isinstance(job, Job):
            check_files(job.settings)
    jobs = iter(able)
    return [
        ModelReport(path, error=problem) if problem else next(jobs)
        for path, problem in models.items()
    ]


def check_data(data: Path | None, option: str = "--data") -> None:
    """Whether the data that an option of the command line names is there.

    Raises:
        click.UsageError: it is not.
    """
    if data is not None and ":" not in data.name and not exists(data):
        raise click.UsageError(f"{option} {str(data)!r} does not exist; check the path")


def check_files(settings: Settings) -> None:
    """Whether there is all that a reference, labels and simple models need.

    Raises:
        click.UsageError: it is not.
    """
    if settings.reference is not None and not exists(settings.reference):
        told = f"the reference {str(settings.reference)!r} does not exist; check the path"
        raise click.UsageError(told)
    if settings.tsne and find_spec("sklearn") is None:
        told = "--tsne requires scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(told)
    labels = settings.labels
    if settings.series is None:  # of which each checkpoint may be judged by what trained it alone
        _check_training(settings)
    if labels is None:
        if settings.compare_simple:
            raise click.UsageError("--compare-simple requires --labels")
        return
    if settings.data is None:
        raise click.UsageError("--labels requires --data")
    check_labels(labels, settings.data)
    if settings.compare_simple and find_spec("sklearn") is None:
        message = "--compare-simple requires scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(message)


def _check_training(settings: Settings) -> None:
    """Whether samples of training come with their labels, and with others to compare them with.

    Raises:
        click.UsageError: they do not.
    """
    data, labels = settings.train_data, settings.train_labels
    if data is None and labels is None:
        return
    if data is None or labels is None:
        option, needed = ("--train-labels", "--train-data") if labels else (
            "--train-data", "--train-labels")  # fmt: skip
        raise click.UsageError(f"{option} requires {needed}")
    if settings.data is None or settings.labels is None:
        message = "--train-data requires --data and --labels: samples that training did not see"
        raise click.UsageError(message)
    check_labels(labels, data, "--train-")


def check_labels(labels: LabelSource, data: Path | None, prefix: str = "--") -> None:
    """Whether there are labels: a file, or folders of images that are the data, too.

    Raises:
        click.UsageError: there are none.
    """
    if exists(labels.file) and labels.file.is_dir():
        return  # whatever is wrong with it, reading it says
    if not is_file(labels.file):
        raise click.UsageError(f"{prefix}labels {str(labels.file)!r} is not a file; check the path")
    if labels.file == data and labels.key is None:
        message = (
            f"{prefix}labels and {prefix}data are one file; select a column: "
            f"{labels.file.name}:COLUMN"
        )
        raise click.UsageError(message)
