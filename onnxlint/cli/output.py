"""Where a report goes: to standard output or a file, which is never one that is read."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from onnxlint.cli.models import FOLDER_SUFFIXES
from onnxlint.cli.read_files import check_unread, is_same, models, named_files, of_jobs
from onnxlint.cli.streams import CLOSED
from onnxlint.safety.writing import replacing

if TYPE_CHECKING:
    from onnxlint.cli.formats import Wanted
    from onnxlint.cli.planning import Options
    from onnxlint.job import Job
    from onnxlint.report import ModelReport

RULE_ENDINGS = (".py", ".toml")
"""No report is called so, but rules and configurations are, and they name each other."""

READ_BYTES = 64 * 1024
"""Of an existing file, this much is read to see that it is a text; weights and samples show within
a few bytes that they are none."""


def check_reports(
    wanted: Sequence[Wanted],
    fix_output: Path | None,
    jobs: Sequence[Job | ModelReport],
    options: Options,
) -> None:
    """Refuses a report file that is anything else, before any model is read."""
    files = [(each.option, each.file) for each in wanted if each.file is not None]
    for index, (option, file) in enumerate(files):
        for other, another in files[:index]:
            if is_same(file, another):
                told = f"{other} and {option} name one file; choose another name"
                raise click.UsageError(told)
        if _is_standard_output(file) and any(each.file is None for each in wanted):
            told = "is standard output, where another report goes; choose another name"
            raise click.UsageError(f"{option} {told}")
        _check_report(option, file, fix_output, jobs, options)


def _check_report(
    named: str, output: Path, fix_output: Path | None, jobs: Sequence[Job | ModelReport],
    options: Options,
) -> None:  # fmt: skip
    paths = [job.path for job in jobs]
    if output.suffix.lower() in FOLDER_SUFFIXES:
        told = f"{named.partition(' ')[0]} names the report, --fix-output the fixed model"
        raise click.UsageError(f"{named} is the name of a model: {told}")
    if not output.parent.is_dir():
        raise click.UsageError(f"{named}: folder {str(output.parent)!r} does not exist")
    for fixed in fixed_models(fix_output, paths):
        if is_same(output, fixed):
            raise click.UsageError(f"{named} is also the file of --fix-output; choose another name")
    check_unread(named, output, (*models(paths), *named_files(asdict(options)), *of_jobs(jobs)))
    check_replaceable(output, named)


def fixed_models(fix_output: Path | None, paths: Iterable[str]) -> list[Path]:
    """The files that --fix-output makes; none where there is no such option."""
    if fix_output is None:
        return []
    if fix_output.is_dir():
        return [fix_output / Path(path).name for path in paths]
    return [fix_output]


def check_replaceable(output: Path, named: str) -> None:
    """An existing file that is not text is not an earlier report, but weights or samples."""
    if output.is_symlink() and os.path.realpath(output) == os.path.abspath(output):  # noqa: PTH100
        raise click.UsageError(f"{named} is a link to itself; choose another name")
    if not output.is_file() or _is_standard_output(output):
        return
    problem = None if _is_text(output) else "is not a text file"
    if output.suffix.lower() in RULE_ENDINGS:
        problem = "is named like a rule file or a configuration"
    if problem is not None:
        raise click.UsageError(f"{named} exists and {problem}: remove it or choose another name")


def _is_text(file: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with file.open("rb") as handle:
            return "\0" not in decoder.decode(handle.read(READ_BYTES))  # whose end may be cut
    except UnicodeDecodeError:
        return False
    except OSError:  # to be told when it cannot be written either
        return True


def _is_standard_output(output: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), output.stat())
    except (OSError, ValueError, AttributeError):  # it is closed, or no file at all
        return False


def write_to_terminal(text: str) -> None:
    """Writes to standard output."""
    if sys.stdout is None:
        raise click.ClickException(CLOSED)
    click.echo(text, nl=False, color=None)


def pages_folder(output: Path) -> Path:
    """Where the pages of single models are, beside the page that lists them."""
    return output.with_name(f"{output.stem}-models")


def make_folder(folder: Path, named: str) -> None:
    """Makes the folder for the pages of single models, where it is not there yet.

    Raises:
        click.UsageError: that is not possible.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        told = f"folder {str(folder)!r} for the pages of models: {error.strerror or error}"
        raise click.UsageError(f"{named}: {told}") from error


def write_report(rendered: str, output: Path, named: str) -> None:
    """Writes what was asked for to a file, whole or not at all; `named` is the option for it."""
    text = click.unstyle(rendered)
    if _is_standard_output(output):
        click.echo(text, nl=False)
        return
    check_replaceable(output, named)
    data = text.encode("utf-8", "backslashreplace")
    try:
        if output.exists() and not output.is_file():  # a pipe, a terminal, /dev/null
            with output.open("wb") as stream:
                stream.write(data)
            return
        with replacing(output) as file:
            file.write(data)
    except OSError as error:
        raise click.UsageError(f"{named}: {error.strerror or error}") from error
