"""Writes what `onnxlint --help` prints to onnxlint/cli/help.txt: printing it then loads nothing."""

from __future__ import annotations

from pathlib import Path

from click import Context

from onnxlint.__main__ import COLUMNS
from onnxlint.cli.main import cli

FILE = Path(__file__).parents[2] / "onnxlint" / "cli" / "help.txt"


def text() -> str:
    """The help as click formats it in this many columns."""
    settings = {**cli.context_settings, "terminal_width": COLUMNS - 2}
    return cli.get_help(Context(cli, info_name="onnxlint", **settings)) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii", newline="\n")
