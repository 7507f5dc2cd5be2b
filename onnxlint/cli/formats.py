"""Which reports are asked for, and where each goes: `--format`, its targets, and `--output`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import Struct

from onnxlint.reporters.registry import (
    ALIASES,
    FOR_PEOPLE,
    WITH_PORTRAITS,
    FormatError,
    check_format,
)

STANDARD_OUTPUT = "-"


class Wanted(Struct, frozen=True):
    """One report: its format, and its file, None for standard output; `option` names the latter."""

    name: str
    file: Path | None = None
    option: str = ""

    @property
    def is_for_people(self) -> bool:
        """Whether it is to be read on a terminal."""
        return self.name in FOR_PEOPLE

    @property
    def shows_portraits(self) -> bool:
        """Whether it shows more of a model than what was found."""
        return self.name in WITH_PORTRAITS


def wanted_reports(formats: Sequence[str], output: Path | None) -> list[Wanted]:
    """What the command line asks for; without `--format` it is the full text.

    Raises:
        click.UsageError: a format does not exist, or two reports would go to one place.
        PackError: a pack's format does not load.
    """
    reports = [_parsed(text) for text in formats] or [Wanted("full")]
    untargeted = [report for report in reports if report.file is None]
    if len(untargeted) > 1:
        names = " and ".join(report.name for report in untargeted[:2])
        raise click.UsageError(
            f"--format: {names} would both go to standard output; give one a file: "
            f"--format {untargeted[1].name}=FILE"
        )
    if output is None:
        return reports
    if not untargeted:
        told = "every --format names its own file; remove --output or a file"
        raise click.UsageError(f"--output {str(output)!r} has no report: {told}")
    targeted = Wanted(untargeted[0].name, output, f"--output {str(output)!r}")
    return [targeted if report is untargeted[0] else report for report in reports]


def _parsed(text: str) -> Wanted:
    """`sarif`, or `sarif=FILE`."""
    name, has_target, target = text.partition("=")
    name = name.strip().lower()
    name = ALIASES.get(name, name)
    if has_target and not target:
        raise click.UsageError(f"--format {text!r} names no file; write {name}=FILE")
    try:
        check_format(name)
    except FormatError as error:
        raise click.UsageError(f"--format: {error}") from error
    if not has_target or target == STANDARD_OUTPUT:
        return Wanted(name)
    return Wanted(name, Path(target), f"--format {text!r}")
