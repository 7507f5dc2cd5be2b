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
    from onnxlint.history.records import Recorded
    from onnxlint.history.trends import Story

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("history")
@click.argument("model", required=False)
@click.option("--db", required=True, metavar="DB",
              help="File that 'onnxlint check --record' wrote, or the tracking URI of "
              "MLflow.")  # fmt: skip
@click.option("--last", type=click.IntRange(1), metavar="N",
              help="Only the last N runs of each model.  [all]")  # fmt: skip
@click.option("--format", "-f", "format_", type=click.Choice(["text", "json", "html"]),
              default="text", help="Format of the history.  [text]")  # fmt: skip
@click.option("--output", "-o", type=_FILE, metavar="FILE",
              help="Write the history to FILE instead of standard output.")  # fmt: skip
@click.option("--prune", type=click.IntRange(1), metavar="N",
              help="Remove all but the last N runs of each model from the file, and show "
              "nothing.")  # fmt: skip
@color_option
def command(
    model: str | None, db: str, last: int | None, format_: str, output: Path | None,
    prune: int | None,
) -> None:  # fmt: skip
    """Show recorded runs: trends of each model, and which findings came and went.

    MODEL is a path, or the first 8 or more hex digits of a model's SHA-256; models at other paths
    that had the same bytes are shown, too. Without it, each model has its errors and warnings.
    A series is known by the folder of its checkpoints.

    \b
      onnxlint models/ --record history.db
      onnxlint history --db history.db
      onnxlint history model.onnx --db history.db --last 20
    """
    require_working_directory()
    from onnxlint.cli.output import write_report, write_to_terminal
    from onnxlint.history.store import HistoryError
    from onnxlint.history.trends import stories

    _check(format_, db, output)
    try:
        if prune is not None:
            _prune(db, prune, model)
            return
        told = _chosen(model, stories(_read(db)), last)
    except HistoryError as error:
        raise click.ClickException(str(error)) from error
    shown = _rendered(told, format_, detailed=model is not None)
    if output is None:
        write_to_terminal(shown)
    else:
        write_report(shown, output, f"--output {str(output)!r}")


def _read(db: str) -> list[Recorded]:
    from onnxlint.history import mlflow_runs, store

    return mlflow_runs.read(db) if mlflow_runs.is_address(db) else store.read(Path(db))


def _prune(db: str, keep: int, model: str | None) -> None:
    from onnxlint.cli.output import write_to_terminal
    from onnxlint.findings import counted
    from onnxlint.history import mlflow_runs, store

    if mlflow_runs.is_address(db):
        raise click.UsageError("--prune is for files; delete runs of MLflow with 'mlflow gc'")
    if model is not None:
        raise click.UsageError("--prune is for all models of the file; leave out MODEL")
    gone, left = store.prune(Path(db), keep)
    told = f"removed {counted(gone, 'run')} of models, kept {left:,}"
    write_to_terminal(f"{printable(told)}\n")


def _check(format_: str, db: str, output: Path | None) -> None:
    from onnxlint.cli.read_files import is_same
    from onnxlint.reporters.registry import FormatError, check_format

    if output is not None and is_same(output, Path(db)):
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
        from onnxlint.history import page
        from onnxlint.reporters.html.printing import rendered
        from onnxlint.version import __version__

        views = [page.StoryView(number, story) for number, story in enumerate(told, 1)]
        return rendered("history.html.jinja", ["history"], told=views, version=__version__)
    return "".join(f"{printable(line)}\n" for line in text.lines(told, detailed=detailed))
