"""`onnxlint history [MODEL]`: trends over recorded runs, and what came and went between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onnxlint.cli.colours import color_option
from onnxlint.cli.streams import require_working_directory
from onnxlint.safety.printable import json_text, printable

if TYPE_CHECKING:
    from onnxlint.history.trends import Story

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("history")
@click.argument("model", required=False)
@click.option("--db", type=_FILE, required=True, metavar="DB",
              help="File that 'onnxlint check --record' wrote.")  # fmt: skip
@click.option("--last", type=click.IntRange(1), metavar="N",
              help="Only the last N runs of each model.  [all]")  # fmt: skip
@click.option("--format", "-f", "format_", type=click.Choice(["text", "json", "html"]),
              default="text", help="Format of the history.  [text]")  # fmt: skip
@click.option("--output", "-o", type=_FILE, metavar="FILE",
              help="Write the history to FILE instead of standard output.")  # fmt: skip
@color_option
def command(
    model: str | None, db: Path, last: int | None, format_: str, output: Path | None
) -> None:
    """Show recorded runs: trends of each model, and which findings came and went.

    MODEL is a path, or the first 8 or more hex digits of a model's SHA-256; models at other paths
    that had the same bytes are shown, too. Without it, each model has its errors and warnings.

    \b
      onnxlint models/ --record history.db
      onnxlint history --db history.db
      onnxlint history model.onnx --db history.db --last 20
    """
    require_working_directory()
    from onnxlint.cli.output import write_report, write_to_terminal
    from onnxlint.history.store import HistoryError, read
    from onnxlint.history.trends import stories

    _check(format_, db, output)
    try:
        told = _chosen(model, stories(read(db)), last)
    except HistoryError as error:
        raise click.ClickException(str(error)) from error
    shown = _rendered(told, format_, detailed=model is not None)
    if output is None:
        write_to_terminal(shown)
    else:
        write_report(shown, output, f"--output {str(output)!r}")


def _check(format_: str, db: Path, output: Path | None) -> None:
    from onnxlint.cli.output import is_same
    from onnxlint.reporters.registry import FormatError, check_format

    if output is not None and is_same(output, db):
        raise click.UsageError("--output would overwrite the file of --db; choose another name")
    if format_ == "html":
        try:
            check_format(format_)
        except FormatError as error:
            raise click.UsageError(f"--format: {error}") from error


def _chosen(model: str | None, told: list[Story], last: int | None) -> list[Story]:
    from msgspec.structs import replace

    from onnxlint.digests import sha256_of
    from onnxlint.history.trends import of_model

    if model is not None:
        path = Path(model)
        try:
            digest = sha256_of(path) if path.is_file() else None
        except OSError:  # it is known by its path
            digest = None
        told = of_model(told, model, digest)
        if not told:
            raise click.ClickException(
                f"no run of {model!r} is recorded; 'onnxlint history --db' lists the models"
            )
    return [replace(story, steps=story.steps[-last:]) for story in told] if last else told


def _rendered(told: Sequence[Story], format_: str, *, detailed: bool) -> str:
    from onnxlint.history import text

    if format_ == "json":
        return json_text(text.document(told)) + "\n"
    if format_ == "html":
        from onnxlint.history.trends import sparkline
        from onnxlint.reporters.html.printing import rendered
        from onnxlint.version import __version__

        return rendered("history.html.jinja", (), told=told, legend=text.LEGEND,
                        changes=text.CHANGES, most=text.MOST_FINDINGS, sparkline=sparkline,
                        version=__version__)  # fmt: skip
    return "".join(f"{printable(line)}\n" for line in text.lines(told, detailed=detailed))
