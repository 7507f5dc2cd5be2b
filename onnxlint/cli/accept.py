"""`onnxlint accept MODEL…`: write down what is known, so that only new findings are reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.check import SECTIONS
from onnxlint.cli.check import command as check
from onnxlint.cli.colours import color_option
from onnxlint.cli.models import expand
from onnxlint.cli.planning import cache_of, options_of, planned, planner_of
from onnxlint.cli.progress import judged
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory
from onnxlint.findings import ENGINE_PREFIX
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable
from onnxlint.safety.writing import replacing

if TYPE_CHECKING:
    from onnxlint.acceptance import Accepted
    from onnxlint.job import Job
    from onnxlint.report import ModelReport

_SECTIONS = {
    **{title: SECTIONS[title] for title in ("Rules", "Input data", "Execution")},
    "Accepted findings": ("file", "prune", "quiet", "color"),
}
_OWN = ("accepted", "no_accepted", "save_witness", "trace")
"""Options of a check that have no meaning here, or are this command's own."""


@click.command("accept", cls=sectioned(_SECTIONS))
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@click.option("--file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="File of accepted findings.  [onnxlint-accepted.json beside the configuration, "
                   "or in the working directory]")  # fmt: skip
@click.option("--prune", is_flag=True,
              help="Only take out accepted findings that are gone; accept no new one.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Say nothing, and show no progress bar.")
@color_option
def command(
    models: tuple[str, ...], file: Path | None, prune: bool, quiet: bool, jobs: int, **given: Any
) -> None:
    """Accept the findings of models: later runs report only what is new.

    MODEL is a file, a folder or a glob. Lints the models as 'onnxlint check' does with the same
    options, and writes one entry for each finding, without measured numbers. An entry holds while
    its finding stays, also where nodes are renamed; a finding that becomes graver is new.

    \b
      onnxlint accept models/                 accept what is found now
      onnxlint accept models/ --prune         forget what is no longer found
    """
    require_working_directory()
    from onnxlint.pipeline import lint_model

    if "-" in models:
        raise click.UsageError("standard input has no path to accept findings by; name a file")
    unset = dict.fromkeys(("fail_on", *_OWN))
    options = options_of(given | unset | {"accepted": file, "no_accepted": False})
    planner = planner_of(options)
    planner.is_accepting = True
    tasks = planned(planner, expand(models), options)
    _check_folders(tasks)
    reports = [*judged(tasks, lint_model, parallel=jobs, quiet=quiet, cache=cache_of(options))]
    _tell_problems(reports)
    for before, done in _by_file(tasks, reports):
        after = before.updated(done, only_prune=prune, never=_mandatory(tasks))
        if after != before:
            _write(after)
        if not quiet:
            _tell(before, after)
    raise SystemExit(0 if all(report.complete for report in reports) else 2)


def _check_folders(tasks: Iterable[Job | ModelReport]) -> None:
    """Refuses, before anything is linted, a file whose folder is not there."""
    accepted = (getattr(task, "accepted", None) for task in tasks)
    for file in sorted({each.file for each in accepted if each is not None}):
        if not file.parent.is_dir():
            told = f"folder {str(file.parent)!r} does not exist; create it, or correct the path"
            raise click.UsageError(f"{file}: {told}")


def _by_file(
    tasks: Iterable[Job | ModelReport], reports: Iterable[ModelReport]
) -> Iterator[tuple[Accepted, list[ModelReport]]]:
    """The files of accepted findings, each with the reports of its models."""
    groups: dict[Path, tuple[Accepted, list[ModelReport]]] = {}
    for task, report in zip(tasks, reports, strict=True):
        accepted = getattr(task, "accepted", None)
        if accepted is not None:
            groups.setdefault(accepted.file, (accepted, []))[1].append(report)
    yield from groups.values()


def _mandatory(tasks: Iterable[Job | ModelReport]) -> frozenset[str]:
    return frozenset().union(*(getattr(task, "mandatory", ()) for task in tasks))


def _write(accepted: Accepted) -> None:
    try:
        with replacing(accepted.file) as stream:
            stream.write(accepted.text().encode())
    except OSError as error:
        raise click.UsageError(f"{accepted.file}: {error.strerror or error}") from error


def _tell_problems(reports: Iterable[ModelReport]) -> None:
    """What could not be looked at, and what the engine itself found."""
    for report in reports:
        if report.error is not None:
            click.echo(printable(f"cannot lint {report.path}: {report.error}"), err=True)
        for finding in report.findings:
            if finding.code.startswith(ENGINE_PREFIX) and not finding.is_note:
                told = f"{report.path}: {finding.code} is not accepted: {finding.message}"
                click.echo(printable(told), err=True)


def _tell(before: Accepted, after: Accepted) -> None:
    """What has changed in a file."""
    change = len(after.entries) - len(before.entries)
    changed = f", {abs(change):,} {'more' if change > 0 else 'fewer'}" if change else ""
    told = f"{after.file}: {counted(len(after.entries), 'finding')} accepted{changed}"
    click.echo(printable(told))


_named = {parameter.name for parameter in command.params} | {*_OWN}
_shared = {name for names in _SECTIONS.values() for name in names} - _named - {"executor"}
command.params += [option for option in check.params if option.name in _shared]
