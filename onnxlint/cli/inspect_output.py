"""How `onnxlint inspect MODEL` prints what it chose: text, JSON, CSV or a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from onnxlint.cli.colours import console, terminal_width
from onnxlint.safety.printable import json_text

if TYPE_CHECKING:
    from onnxlint.inspection.choosing import Choice
    from onnxlint.inspection.inspected import Inspected, Layer

FORMATS = ["text", "json", "html", "csv", "table"]
"""`table` is an older name of `text`."""

FOR_ONE = ("text", "json", "table")
"""Those that one node or value has."""


def check_inspect_format(name: str, *, is_one: bool) -> None:
    """Refuses a format that cannot be written.

    Raises:
        click.UsageError: a library for it is missing, or it is of tables only.
    """
    from onnxlint.reporters.registry import FormatError, check_format

    if is_one and name not in FOR_ONE:
        raise click.UsageError(f"--format {name} shows layers; one node or value has text and json")
    if name == "html":
        try:
            check_format(name)
        except FormatError as error:
            raise click.UsageError(f"--format: {error}") from error


def print_layers(
    seen: Inspected, layers: Sequence[Layer], choice: Choice, name: str, *, unfolds: bool,
    among: int, unknown: int,
) -> None:  # fmt: skip
    """Prints the chosen layers, of so many; of `unknown` others it is not known if they belong."""
    from onnxlint.inspection.csv_rows import csv_text
    from onnxlint.inspection.html_page import html_text

    told = [*choice.told(len(layers), among, unknown)]
    if name == "json":
        left_out = {"left_out": len(seen.layers) - len(layers), "not_known": unknown}
        click.echo(json_text({**seen.document(layers), **left_out}))
    elif name == "csv":
        click.echo(csv_text(layers), nl=False)
    elif name == "html":
        click.echo(
            html_text(seen, layers, unfolds=unfolds, facts=choice.columns, told=told), nl=False
        )
    else:
        _print_text(seen, layers, choice, told, unfolds=unfolds)


def _print_text(
    seen: Inspected, layers: Sequence[Layer], choice: Choice, told: Sequence[str], *, unfolds: bool
) -> None:
    from onnxlint.inspection.table import summary

    printer = console()
    for line in summary(seen, layers, width=terminal_width(), unfolds=unfolds,
                        facts=choice.columns, told=told):  # fmt: skip
        if isinstance(line, str):
            click.echo(line)
        else:
            printer.print(line, soft_wrap=True)
