"""`onnxlint series CKPT…`: what the checkpoints of one training run show over time."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from onnxlint.cli.check import command as check
from onnxlint.cli.models import expand
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory
from onnxlint.cli.viewers import Viewers
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.cli.planning import Options
    from onnxlint.job import Job
    from onnxlint.planner import Planner
    from onnxlint.settings import CheckpointFiles

SECTIONS = {
    "Input data": ("data", "labels", "train_data", "train_labels", "samples", "seed"),
    "Rules": ("select", "ignore", "preview", "rules", "config", "trust_config"),
    "Execution": ("steps", "static_only", "time_limit", "memory_limit", "jobs"),
    "Report": ("fail_on", "max_warnings", "exit_zero", "show", "show_not_applicable", "no_hints",
               "quiet", "verbose", "formats", "output", "tensorboard", "color"),
}  # fmt: skip

_OWN = {"steps", "train_data", "train_labels", "jobs", "tensorboard"}
_UNASKED = {
    "stage": None, "target": (), "reference": None, "compare_simple": False, "trace": None,
    "save_witness": None, "accepted": None, "no_accepted": False,
}  # fmt: skip
"""Options of `check` that say nothing about a series."""

_FILE = click.Path(path_type=Path)


def _steps(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> tuple[int, ...]:
    try:
        numbers = tuple(int(number) for number in (given or "").split(",") if number.strip())
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is not a list of whole numbers: 0,100,200") from error
    if any(number < 0 for number in numbers):
        raise click.BadParameter(f"{given!r} has a negative step")
    return numbers


def _series(
    *, models: tuple[str, ...], formats: tuple[str, ...], output: Path | None, quiet: bool,
    verbose: bool, show: str | None, show_not_applicable: bool, no_hints: bool,
    max_warnings: int | None, exit_zero: bool, steps: tuple[int, ...], jobs: int,
    train_data: Path | None, train_labels: Path | None, tensorboard: Path | None, **given: Any,
) -> None:  # fmt: skip
    """Judge a training run by its checkpoints: which layers learn, and which one to ship.

    CKPT are exports of one run, or globs; they are ordered by the step in their metadata or name,
    epoch_2 before epoch_10. Layers are matched by structure and weights, not by name. --data and
    --labels are samples that were kept out of training, --train-data and --train-labels those
    that were not.

    \b
      onnxlint series 'run/epoch_*.onnx'
      onnxlint series init.onnx mid.onnx end.onnx --steps 0,500,1000
      onnxlint series run/*.onnx --data val.npz --labels val.npz:y
      onnxlint series run/*.onnx --data val.npz --labels val.npz:y \\
          --train-data train.npz --train-labels train.npz:y -f json -o series.json
    """
    begin = time.perf_counter()
    require_working_directory()
    from onnxlint.cli.formats import wanted_reports
    from onnxlint.cli.output import check_reports
    from onnxlint.cli.planning import options_of, planner_of
    from onnxlint.cli.presentation import Presentation
    from onnxlint.cli.progress import judged
    from onnxlint.cli.reporting import Reporting
    from onnxlint.cli.verdict import outcome_of
    from onnxlint.pipeline import lint_model

    viewers = Viewers.of(tensorboard, None, None)
    wanted = wanted_reports(formats, output)
    options = options_of(given | _UNASKED)
    _check_training(train_data, train_labels)
    files = _checkpoints(models, steps, jobs)
    planner = _with_series(planner_of(options), files, train_data, train_labels)
    job = _job(planner, files, options)
    for each in files.files:
        check_reports(wanted, None, [replace(job, path=str(each))], options)
    looks = Presentation(show, quiet, verbose, show_not_applicable, not no_hints)
    reporting = Reporting(wanted, looks.run([job], planner.packs))
    with closing(judged([job], lint_model, parallel=1, quiet=quiet)) as done:
        reports = [*reporting.models(done)]
    outcome = outcome_of(
        [job], reports, most_warnings=max_warnings, exit_zero=exit_zero,
        is_selected=bool(options.select), seconds=time.perf_counter() - begin,
    )  # fmt: skip
    reporting.end(outcome)
    if reports[0].series is not None:
        for told in viewers.write_series(reports[0].series):
            click.echo(printable(told), err=True)
    raise SystemExit(outcome.exit_code)


def _check_training(data: Path | None, labels: Path | None) -> None:
    """Refuses what is not there of the data that the run was trained on."""
    from onnxlint.cli.planning import check_labels
    from onnxlint.settings import LabelSource
    from onnxlint.toml_tables import exists

    if (data is None) != (labels is None):
        lacks, has = ("labels", "data") if labels is None else ("data", "labels")
        raise click.UsageError(f"--train-{has} requires --train-{lacks}")
    if data is None or labels is None:
        return
    if ":" not in data.name and not exists(data):
        raise click.UsageError(f"--train-data {str(data)!r} does not exist; check the path")
    check_labels(LabelSource.of(labels), data)


def _checkpoints(models: tuple[str, ...], steps: tuple[int, ...], jobs: int) -> CheckpointFiles:
    from onnxlint.checkpoints import SeriesError, checkpoint_files, natural

    found: list[str] = []
    for name in models:
        files = expand([name])
        for problem in filter(None, files.values()):
            raise click.UsageError(problem)
        found += [file for file in sorted(files, key=natural) if file not in found]
    if "-" in found:
        raise click.UsageError("a series is read from files, not from standard input")
    try:
        return checkpoint_files(found, steps, jobs=jobs)
    except SeriesError as error:
        raise click.UsageError(str(error)) from error


def _with_series(
    planner: Planner, files: CheckpointFiles, data: Path | None, labels: Path | None
) -> Planner:
    from onnxlint.settings import LabelSource

    source = None if labels is None else LabelSource.of(labels)
    own = {"series": files, "train_data": data, "train_labels": source}
    return replace(planner, overrides={**planner.overrides, **own})


def _job(planner: Planner, files: CheckpointFiles, options: Options) -> Job:
    """What is done with the last checkpoint: the rules that look at the series judge it.

    Raises:
        click.UsageError: none of those that are selected does, or a file is not there.
    """
    from onnxlint.analyses import closure
    from onnxlint.analyses.series.series import Series
    from onnxlint.cli.planning import check_data, check_files

    check_data(options.data)
    job = planner.job(str(files.files[-1]))
    check_files(job.settings)
    others = {rule.code for rule in job.rules
              if not any(Series in closure(kind) for kind in rule.requests.values())}  # fmt: skip
    job = job.without(others)
    if not job.rules:
        raise click.UsageError(
            "no selected rule judges a series; 'onnxlint check' runs the others on one model"
        )
    return job


command = sectioned(SECTIONS)(
    "series",
    callback=_series,
    help=_series.__doc__,
    params=[
        click.Argument(["models"], nargs=-1, required=True, metavar="CKPT…"),
        click.Option(
            ["--steps"], callback=_steps, metavar="N,N,…",
            help="Steps of the checkpoints, in their order.  [from metadata, else from names]",
        ),
        click.Option(
            ["--train-data"], type=_FILE, metavar="PATH",
            help="Samples that the run was trained on, as for --data.",
        ),
        click.Option(
            ["--train-labels"], type=_FILE, metavar="PATH",
            help="Ground-truth labels for --train-data, as for --labels.",
        ),
        click.Option(
            ["--jobs", "-j"], type=click.IntRange(1), default=1, metavar="N",
            help="Number of checkpoints to look at in parallel.  [1]",
        ),
        click.Option(
            ["--tensorboard"], type=_FILE, metavar="DIR",
            help="Write the curves for TensorBoard, each checkpoint as a step.",
        ),
        *(
            each for each in check.params
            if each.name in {name for names in SECTIONS.values() for name in names} - _OWN
        ),
    ],
)  # fmt: skip
