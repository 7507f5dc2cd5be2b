"""What `check` does for `--fix` and `--diff`: where fixed models go, and how a diff is shown."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict, replace

from onnxlint.cli.output import fixed_models, write_report, write_to_terminal
from onnxlint.cli.read_files import check_unread, named_files, of_jobs
from onnxlint.fixing import FixRequest, fix_model
from onnxlint.remote.address import is_remote
from onnxlint.report import ModelReport
from onnxlint.reporters.summary import counted, unlinted
from onnxlint.safety.printable import printable
from onnxlint.safety.writing import obstacle

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.cli.planning import Options
    from onnxlint.job import Job
    from onnxlint.judging import Lint
    from onnxlint.watcher import Watcher


def fixer(target: Path | None, *, diff: bool, unverified: bool) -> Lint:
    """Fixes a model as the command line asks."""
    return partial(_fix, request=FixRequest(target, diff, unverified))


def check_fixing(
    jobs: Sequence[Job | ModelReport], target: Path | None, options: Options, *, diff: bool,
    formats: Sequence[str],
) -> None:  # fmt: skip
    """Finds mistakes before any model is read."""
    paths = [job.path for job in jobs]
    if importlib.util.find_spec("onnx_ir") is None:
        raise click.UsageError("--fix requires onnx-ir: pip install 'onnxlint[fix]'")
    if diff and target is not None:
        raise click.UsageError("--diff does not write a model: remove --fix-output")
    if diff and not {"text", "full"}.issuperset(formats):
        raise click.UsageError("--diff prints a diff instead of a report: remove --format")
    remote = next(filter(is_remote, paths), None)
    if remote is not None:
        raise click.UsageError(f"{remote} is remote: download it, then fix the copy")
    if not diff and target is None and "-" in paths:
        message = "--fix of a model from standard input requires --fix-output FILE"
        raise click.UsageError(message)
    if target is not None:
        _check_target(paths, target)
        _check_inputs(jobs, paths, target, options)


def _check_target(paths: list[str], target: Path) -> None:
    names, named = [Path(path).name for path in paths], f"--fix-output {str(target)!r}"
    if target.is_dir():
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise click.UsageError(f"{named}: several models are named {min(twice)!r}")
        if "-" in paths:
            raise click.UsageError("--fix-output must be a file for a model from standard input")
    elif len(paths) > 1:
        raise click.UsageError(f"{named} must be a folder for {len(paths)} models")
    elif not target.parent.is_dir():
        raise click.UsageError(f"{named}: folder {str(target.parent)!r} does not exist")
    elif (problem := obstacle(target)) is not None:
        raise click.UsageError(f"{named} {problem}; choose another name")


def _check_inputs(
    jobs: Sequence[Job | ModelReport], paths: list[str], target: Path, options: Options
) -> None:
    """A fixed model takes the place of no file that is read for another purpose."""
    read = [*named_files(asdict(options)), *of_jobs(jobs)]
    for file in fixed_models(target, paths):
        check_unread(f"--fix-output {str(target)!r}", file, read)


def _fix(
    job: Job, request: FixRequest, *, watcher: Watcher, workers: Workers | None
) -> ModelReport:
    """Fixes one model, into a folder under its own name."""
    if request.target is not None and request.target.is_dir():
        request = replace(request, target=request.target / Path(job.path).name)
    return fix_model(job, request, watcher=watcher, workers=workers)


def show_diff(reports: list[ModelReport], output: Path | None, *, quiet: bool) -> int:
    """Shows the diffs, says beside them what would be fixed, and gives the exit code.

    2 where a model could not be worked on, 1 where there is something to fix, else 0.
    """
    shown = "".join(map(_coloured, reports))
    if output is None:
        write_to_terminal(shown)
    else:
        write_report(shown, output, f"--output {str(output)!r}")
    mendings = [report.mending for report in reports if report.mending is not None]
    if not quiet:
        would = sum(len(mending.fixed) for mending in mendings)
        changed = sum(bool(mending.fixed) for mending in mendings)
        models = counted(len(reports), "model")
        _tell(f"would fix {counted(would, 'finding')} in {changed:,} of {models}")
    for report in reports:
        reasons = [] if report.mending is None else report.mending.refused
        for reason, refused in groupby(() if quiet else reasons, key=lambda refusal: refusal[1]):
            _tell(f"would not fix {len(list(refused)):,} in {report.path}: {reason}")
        if report.error is not None:
            _tell(f"{report.path}: {unlinted(report)}: {report.error}")
    if not all(report.complete for report in reports):
        return 2
    return int(any(mending.fixed for mending in mendings))


def _tell(line: str) -> None:
    click.echo(printable(line), err=True)


_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def _coloured(report: ModelReport) -> str:
    diff = report.mending.diff if report.mending is not None else ""
    lines = diff.splitlines(keepends=True)
    return "".join(click.style(line, fg=_COLOURS.get(line[0])) for line in lines)
