"""`onnxlint rules`: list the rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.safety.printable import json_text, printable

if TYPE_CHECKING:
    from onnxlint.rules.rule import Rule


@click.command("rules")
@click.argument("selectors", nargs=-1, metavar="[RULE]…")
@click.option(
    "--severity",
    type=click.Choice(["error", "warning", "info"]),
    help="List rules of this default severity alone.",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Add the rules of a file (Python, TOML with [[rule]]) or folder.",
)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table",
              show_default=True, help="How to list them.")  # fmt: skip
def command(
    selectors: tuple[str, ...], severity: str | None, rules: tuple[Path, ...], format_: str
) -> None:
    """List the rules, or those that RULE selects: codes, prefixes or names.

    Those of the configuration that holds for the working directory are among them.
    """
    from onnxlint.config import find, load

    registry = load(find("-")).registry(rules)
    chosen = registry.rules
    if selectors:
        codes = {rule.code for name in selectors for rule in registry.select(name)}
        chosen = [rule for rule in chosen if rule.code in codes]
    if severity is not None:
        chosen = [rule for rule in chosen if rule.severity == severity]
    if format_ == "json":
        listed = [{**described(rule), "pack": registry.owner(rule)} for rule in chosen]
        click.echo(json_text(listed))
        return
    _table(chosen)


def described(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "summary": rule.documentation.summary,
        "asks_for": [kind.__name__ for kind in rule.requests.values()],
        "default": rule.default,
        "ops": sorted(rule.ops),
        "stages": sorted(stage.value for stage in rule.stages),
        "options": {
            name: {"type": getattr(option.type, "__name__", str(option.type)),
                   "default": option.default}
            for name, option in rule.options.items()
        },
    }  # fmt: skip


def _table(rules: list[Rule]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Code", "Name", "Severity", "Finds"):
        table.add_column(heading, no_wrap=heading != "Finds")
    for rule in rules:
        summary = " ".join(rule.documentation.summary.split())
        severity = rule.severity.value + ("" if rule.default else ", off")
        table.add_row(rule.code, rule.name, severity, Text(printable(summary)))
    wide = None if sys.stdout.isatty() else 200
    console = Console(width=wide, highlight=False)
    console.print(table)
    off = sum(not rule.default for rule in rules)
    console.print(f"{len(rules)} rules" + (f", {off} off by default" if off else ""))
