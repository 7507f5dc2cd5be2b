"""From options and configurations to what is done with each model, before any is read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from onnxlint.remote.address import is_remote
from onnxlint.report import ModelReport
from onnxlint.severity import Severity, Stage
from onnxlint.toml_tables import exists, is_file

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.planner import Planner
    from onnxlint.promises import Provenance
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
    public_key: Path | None = None
    certificate_chain: tuple[Path, ...] = ()
    baseline: tuple[Path, ...] = ()
    budget: float | None = None


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
        "baselines": options.baseline or None,
        "samples": options.samples,
        "seed": options.seed,
        "time_limit": options.time_limit,
        "memory_limit": options.memory_limit and parse_bytes(options.memory_limit),
        "budget": options.budget,
        "full_trace": options.trace and options.trace == "full",
        "witnesses": options.save_witness,
        "timed": options.time or None,
        "layer": options.layer,
        "tsne": options.tsne or None,
        "provenance": _signed_by(options),
    }
    return Planner(
        config=options.config, trust_config=options.trust_config, rules=options.rules,
        select=options.select, ignore=options.ignore, preview=options.preview, stage=options.stage,
        fail_on=options.fail_on, targets=options.target, static_only=options.static_only,
        overrides=overrides, accepted=options.accepted, accepts=not options.no_accepted,
    )  # fmt: skip


def _signed_by(options: Options) -> Provenance | None:
    """Who must have signed the models, as the command line says."""
    from onnxlint.promises import Provenance, Signers

    key, certificates = options.public_key, [str(e.absolute()) for e in options.certificate_chain]
    if key is None and not certificates:
        return None
    if key is not None and certificates:
        message = "--public-key and --certificate-chain verify different signatures; give one"
        raise click.UsageError(message)
    signers = Signers(
        public_key=None if key is None else str(key.absolute()), certificates=certificates
    )
    return Provenance(signature=signers)


def cache_of(options: Options) -> ReportCache | None:
    """Where reports are kept; None where they are not.

    Raises:
        click.UsageError: the folder that the command line names cannot be used.
    """
    if options.no_cache:
        return None
    from onnxlint.report_cache import ReportCache

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
    if data is None or is_remote(data):  # reading it says what is wrong
        return
    if ":" not in data.name and not exists(data):
        raise click.UsageError(f"{option} {str(data)!r} does not exist; check the path")


def check_files(settings: Settings) -> None:
    """Whether there is all that a reference, labels and simple models need.

    Raises:
        click.UsageError: it is not.
    """
    reference = settings.reference
    if reference is not None and not is_remote(reference) and not exists(reference):
        told = f"the reference {str(reference)!r} does not exist; check the path"
        raise click.UsageError(told)
    if settings.tsne and find_spec("sklearn") is None:
        told = "--tsne requires scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(told)
    _check_signers(settings)
    labels = settings.labels
    if settings.series is None:  # of which each checkpoint may be judged by what trained it alone
        _check_training(settings)
    if labels is None:
        for option, value in (("compare-simple", settings.compare_simple),
                              ("baseline", settings.baselines)):  # fmt: skip
            if value:
                raise click.UsageError(f"--{option} requires --labels")
        return
    if settings.data is None:
        raise click.UsageError("--labels requires --data")
    check_labels(labels, settings.data)
    for baseline in settings.baselines:
        check_data(baseline, "--baseline")
    if settings.compare_simple and find_spec("sklearn") is None:
        message = "--compare-simple requires scikit-learn: pip install 'onnxlint[baseline]'"
        raise click.UsageError(message)


def _check_signers(settings: Settings) -> None:
    """Whether signatures can be verified as is asked for.

    Raises:
        click.UsageError: they cannot.
    """
    signers = settings.provenance.signature
    if signers is None or signers.is_empty:
        return
    from onnxlint.analyses.static.signature_trust import TrustError, check

    try:
        check(signers)
    except TrustError as error:
        raise click.UsageError(f"verifying signatures: {error}") from error


def _check_training(settings: Settings) -> None:
    """Whether samples of training, and their labels, come with others to compare them with.

    Raises:
        click.UsageError: they do not.
    """
    data, labels = settings.train_data, settings.train_labels
    if data is None and labels is None:
        return
    if data is None:
        raise click.UsageError("--train-labels requires --train-data")
    if settings.data is None:
        message = "--train-data requires --data: samples that training did not see"
        raise click.UsageError(message)
    if labels is None:
        return
    if settings.labels is None:
        raise click.UsageError("--train-labels requires --labels: those of --data")
    check_labels(labels, data, "--train-")


def check_labels(labels: LabelSource, data: Path | None, prefix: str = "--") -> None:
    """Whether there are labels: a file, or folders of images that are the data, too.

    Raises:
        click.UsageError: there are none.
    """
    if is_remote(labels.file) or (exists(labels.file) and labels.file.is_dir()):
        return  # whatever is wrong with it, reading it says
    if not is_file(labels.file):
        raise click.UsageError(f"{prefix}labels {str(labels.file)!r} is not a file; check the path")
    if labels.file == data and labels.key is None:
        message = (
            f"{prefix}labels and {prefix}data are one file; select a column: "
            f"{labels.file.name}:COLUMN"
        )
        raise click.UsageError(message)
