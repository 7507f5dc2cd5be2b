"""`onnxlint schema`: print the JSON Schema of the configuration or of a JSON report."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument(
    "what",
    type=click.Choice(["config", "report", "jsonl", "diff", "history"]),
    metavar="config|report|jsonl|diff|history",
)
def command(what: str) -> None:
    """Print the JSON Schema of the configuration file, of the JSON report, or of a line of it.

    jsonl is for 'check --format jsonl', diff and history for the JSON of 'onnxlint diff' and
    'onnxlint history'.
    """
    from importlib.resources import files

    text = files("onnxlint").joinpath("schemas", f"{what}.json").read_text(encoding="utf-8")
    click.echo(text, nl=False)
