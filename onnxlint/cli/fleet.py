"""`onnxlint fleet MODEL… --to FOLDER`: lint many models, on many machines, into a dataset."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.check import command as check
from onnxlint.cli.elsewhere import one_sentence, say, workers
from onnxlint.cli.models import expand
from onnxlint.cli.sections import sectioned
from onnxlint.cli.streams import require_working_directory

if TYPE_CHECKING:
    from onnxlint.fleet.doors import Door
    from onnxlint.fleet.overview import Overview
    from onnxlint.fleet.running import Fleet

SECTIONS = {
    "Models": ("models_from",),
    "Results": ("to", "restart", "no_parquet", "formats", "output", "fail_on", "exit_zero",
                "quiet", "color"),
    "Workers": ("executor", "jobs", "budget", "time_limit", "memory_limit", "max_download"),
    "Rules": ("select", "ignore", "preview", "stage", "target", "rules", "config", "trust_config",
              "accepted", "no_accepted"),
    "Input data": ("data", "samples", "seed", "static_only"),
}  # fmt: skip

_OWN = {"models_from", "to", "restart", "no_parquet", "formats", "output", "executor", "jobs"}
_UNASKED = {
    "labels": None, "train_data": None, "train_labels": None, "compare_simple": False,
    "reference": None, "trace": None, "save_witness": None,
}  # fmt: skip
"""Options of `check` that are about one model."""

FORMATS = ("text", "json", "html")


def _fleet(
    *, models: tuple[str, ...], models_from: Path | None, to: Path, restart: bool,
    no_parquet: bool, formats: tuple[str, ...], output: Path | None, executor: str | None,
    jobs: int | None, quiet: bool, exit_zero: bool, **given: Any,
) -> None:  # fmt: skip
    """Lint many models, on this machine or on a cluster, into a dataset.

    MODEL is a file, a folder or a glob. Results are kept in the folder --to as they come, as JSON
    Lines and Parquet; the same command goes on after an interruption, and lints again what has
    changed. Without MODEL, the folder's summary is shown.

    \b
      onnxlint fleet models/ --to results/ -j 8
      onnxlint fleet --models-from list.txt --to results/ --executor dask://scheduler:8786
      onnxlint fleet --to results/ -f html=summary.html
    """
    require_working_directory()
    wanted = _wanted(formats, output)
    with one_sentence():
        if models or models_from is not None:
            paths = _paths(models, models_from)
            overview = _judged(paths, to, given, restart=restart, no_parquet=no_parquet,
                               executor=executor, jobs=jobs, quiet=quiet)  # fmt: skip
        else:
            overview = _kept(to)
    _write(overview, wanted)
    if not overview.tally.judged and not overview.tally.exit_code:
        told = "no rule ran: check --select, --ignore and the configuration"
        raise click.ClickException(told)
    code = overview.tally.exit_code
    raise SystemExit(0 if exit_zero and code == 1 else code)


def _paths(models: Sequence[str], file: Path | None) -> list[str]:
    """Every model, once, in the order in which they are named.

    Raises:
        click.UsageError: there is none, or one is not there.
    """
    found = expand(models)
    for problem in filter(None, found.values()):
        raise click.UsageError(problem)
    paths = dict.fromkeys(found)
    if file is not None:
        paths |= dict.fromkeys(_lines(file))
    if "-" in paths:
        raise click.UsageError("a fleet is read from files; - is for --models-from")
    if not paths:
        raise click.UsageError(f"--models-from {str(file)!r} names no model")
    return [*paths]


def _lines(file: Path) -> Iterator[str]:
    """The paths that a file names, a line each."""
    try:
        stream = sys.stdin.buffer if str(file) == "-" else file.open("rb")
        with stream:
            for line in stream:
                path = os.fsdecode(line.rstrip(b"\r\n"))
                if path:
                    yield path
    except OSError as error:
        told = f"--models-from {str(file)!r}: {error.strerror or error}"
        raise click.UsageError(told) from error


def _judged(
    paths: list[str], to: Path, given: dict[str, Any], *, restart: bool, no_parquet: bool,
    executor: str | None, jobs: int | None, quiet: bool,
) -> Overview:  # fmt: skip
    from onnxlint.cli.planning import check_data, options_of, planner_of
    from onnxlint.fleet.folder import FleetFolder
    from onnxlint.fleet.overview import Overview
    from onnxlint.fleet.planning import FleetPlanner
    from onnxlint.fleet.running import Fleet

    _check_parquet(no_parquet=no_parquet)
    options = options_of(given | _UNASKED)
    check_data(options.data)
    planner = FleetPlanner(planner_of(options))
    planner.check(paths)
    fleet = Fleet(paths, planner, to, with_tables=not no_parquet)
    with FleetFolder(to).locked(), ExitStack() as stack:
        reached = workers(executor, jobs, quiet=quiet)
        if restart:  # nothing is thrown away for workers that are not there
            door = stack.enter_context(reached)
        known = fleet.prepare(anew=restart)
        if known == len(paths):
            fleet.finish()
        else:
            door = door if restart else stack.enter_context(reached)
            _run(fleet, door, known, len(paths), quiet=quiet)
        return Overview(fleet.tally, len(paths))


def _run(fleet: Fleet, door: Door, known: int, models: int, *, quiet: bool) -> None:
    """Judges what is not known; whatever ends it, what was done is kept, and that is told."""
    from onnxlint.cli.progress import progress

    if known and not quiet:
        say(f"{known:,} of {models:,} results are there already")
    is_done = False
    try:
        with progress(models, quiet) as bar:
            bar.step(known)
            fleet.judge(door, bar.step)
        is_done = True
    finally:
        kept = sum(fleet.store.known)
        if kept and not is_done:
            say(f"{kept:,} of {models:,} results are kept; the same command goes on from there")


def _check_parquet(*, no_parquet: bool) -> None:
    from importlib.util import find_spec

    if not no_parquet and find_spec("pyarrow") is None:
        told = "Parquet requires pyarrow: pip install 'onnxlint[data]', or give --no-parquet"
        raise click.UsageError(told)


def _kept(to: Path) -> Overview:
    """What is in a folder."""
    from onnxlint.fleet.folder import FleetFolder
    from onnxlint.fleet.overview import Overview
    from onnxlint.fleet.store import Store

    manifest = FleetFolder(to).manifest()
    if manifest is None:
        told = f"--to {str(to)!r} holds no results; name models, too"
        raise click.UsageError(told)
    tally = Store(to, (), with_tables=False).tally()
    return Overview(tally, manifest.models)


def _wanted(formats: Iterable[str], output: Path | None) -> list[tuple[str, Path | None, str]]:
    """The summaries that are asked for, each with its file, and the option that names it.

    Raises:
        click.UsageError: a format does not exist, or two would go to one place.
    """
    wanted: list[tuple[str, Path | None, str]] = []
    for given in formats or ("text",):
        name, has_file, file = given.partition("=")
        if name not in FORMATS or (has_file and not file):
            told = f"--format {given!r} is unknown; give one of {', '.join(FORMATS)}, or NAME=FILE"
            raise click.UsageError(told)
        wanted.append((name, Path(file) if file else None, f"--format {given!r}"))
    open_ones = [each for each in wanted if each[1] is None]
    if len(open_ones) > 1 or (output is not None and not open_ones):
        told = "give each --format but one a file of its own: --format html=FILE"
        raise click.UsageError(told)
    if output is not None:
        at = wanted.index(open_ones[0])
        wanted[at] = (open_ones[0][0], output, f"--output {str(output)!r}")
    if any(name == "html" for name, _, _ in wanted):
        _check_html()
    return wanted


def _check_html() -> None:
    from onnxlint.reporters.registry import FormatError, check_format

    try:
        check_format("html")
    except FormatError as error:
        raise click.UsageError(f"--format: {error}") from error


def _write(overview: Overview, wanted: Iterable[tuple[str, Path | None, str]]) -> None:
    from onnxlint.cli.output import write_report, write_to_terminal
    from onnxlint.fleet import overview as summaries

    for name, file, option in wanted:
        shown = getattr(summaries, name)(overview)
        if file is None:
            write_to_terminal(shown)
        else:
            write_report(shown, file, option)


_FILE = click.Path(dir_okay=False, path_type=Path)

command = sectioned(SECTIONS)(
    "fleet",
    callback=_fleet,
    help=_fleet.__doc__,
    params=[
        click.Argument(["models"], nargs=-1, metavar="[MODEL]…"),
        click.Option(
            ["--models-from"], type=click.Path(path_type=Path), metavar="FILE",
            help="Also lint the models that FILE names, a path per line; - for standard input.",
        ),
        click.Option(
            ["--to"], type=click.Path(path_type=Path), required=True, metavar="FOLDER",
            help="Folder for the results, which an earlier run may have begun to write.",
        ),
        click.Option(
            ["--restart"], is_flag=True, help="Remove earlier results, and lint all models anew.",
        ),
        click.Option(["--no-parquet"], is_flag=True, help="Write JSON Lines only."),
        click.Option(
            ["--format", "-f", "formats"], multiple=True, metavar="NAME[=FILE]",
            help="Format of the summary: text, json or html. Several, each but one with a file.  "
            "[text]",
        ),
        click.Option(
            ["--output", "-o"], type=_FILE, metavar="FILE",
            help="Write the summary to FILE instead of standard output.",
        ),
        click.Option(
            ["--executor"], metavar="WHERE",
            help="Workers: dask://HOST:PORT, or MODULE:ATTRIBUTE of an executor of "
            "concurrent.futures, or of a function that makes one.  [processes of this machine]",
        ),
        click.Option(
            ["--jobs", "-j"], type=click.IntRange(1), metavar="N",
            help="Number of models to lint in parallel; with --executor, to hand out at a time.  "
            "[1; with --executor, as many as keep its workers busy]",
        ),
        *(
            each for each in check.params
            if each.name in {name for names in SECTIONS.values() for name in names} - _OWN
        ),
    ],
)  # fmt: skip
