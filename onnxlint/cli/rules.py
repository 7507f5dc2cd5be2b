"""`onnxlint rules`: list the rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxlint.cli.colours import color_option, console
from onnxlint.nearest import nearest
from onnxlint.safety.printable import json_text, printable

if TYPE_CHECKING:
    from onnxlint.rules.packs import Registry
    from onnxlint.rules.rule import Rule


@click.command("rules")
@click.argument("selectors", nargs=-1, metavar="[RULE]…")
@click.option(
    "--severity",
    type=click.Choice(["error", "warning", "info"]),
    help="List only rules with this default severity.",
)
@click.option("--pack", metavar="PACK", help="List only the rules of this pack or file.")
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Load additional rules from a file (Python, or TOML with [[rule]]) or a folder.",
)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table",
              show_default=True, help="Format of the list.")  # fmt: skip
@color_option
def command(
    selectors: tuple[str, ...], severity: str | None, pack: str | None, rules: tuple[Path, ...],
    format_: str,
) -> None:  # fmt: skip
    """List all rules, or those that RULE selects: codes, prefixes or names.

    Rules from the configuration of the working directory are included.
    """
    from onnxlint.config import find, load

    registry = load(find("-")).registry(rules)
    chosen = registry.rules
    if selectors:
        codes = {rule.code for name in selectors for rule in registry.select(name)}
        chosen = [rule for rule in chosen if rule.code in codes]
    if pack is not None:
        chosen = [rule for rule in chosen if rule in _of_pack(pack, registry)]
    if severity is not None:
        chosen = [rule for rule in chosen if rule.severity == severity]
    if format_ == "json":
        listed = [{**described(rule), "pack": registry.owner(rule)} for rule in chosen]
        click.echo(json_text(listed))
        return
    _table(chosen)


def _of_pack(pack: str, registry: Registry) -> list[Rule]:
    """The rules of a pack, as it is installed or as its package is called, or of a file."""
    named = {pack, pack.replace("-", "_")}
    rules = [rule for rule in registry.rules if registry.owner(rule) in named]
    if not rules:
        owners = sorted({registry.owner(rule) for rule in registry.rules})
        near = nearest(pack, owners)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(owners)}"
        raise click.UsageError(f"no pack {pack!r}; {hint}")
    return rules


def described(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "summary": rule.documentation.summary,
        "asks_for": [kind.__name__ for kind in rule.requests.values()],
        "since": rule.since or None,
        "status": rule.status,
        "default": rule.default,
        "ops": sorted(rule.ops),
        "stages": sorted(stage.value for stage in rule.stages),
        "options": {
            name: {"type": getattr(option.type, "__name__", str(option.type)),
                   "unit": option.unit or None, "description": option.description or None,
                   "default": option.default}
            for name, option in rule.options.items()
        },
        "references": [*rule.documentation.references.values()],
    }  # fmt: skip


def _table(rules: list[Rule]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("Code", "Name", "Severity", "Finds"):
        table.add_column(heading, no_wrap=heading != "Finds")
    for rule in rules:
        summary = " ".join(rule.documentation.summary.split())
        table.add_row(rule.code, rule.name, graded(rule), Text(printable(summary)))
    printer = console(otherwise=200)
    printer.print(table)
    off, previews = sum(not rule.default for rule in rules), sum(rule.preview for rule in rules)
    printer.print(
        f"{len(rules)} rule{'s' * (len(rules) != 1)}"
        + (f", {off} off by default" if off else "")
        + (f", {previews} in preview (--preview)" if previews else "")
    )


def graded(rule: Rule) -> str:
    """Its severity, and whether it runs only if asked for."""
    return rule.severity.value + ("" if rule.default else ", off") + ", preview" * rule.preview
