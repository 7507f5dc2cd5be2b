"""`onnxlint test-rules PATH…`: run the examples of rules."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from onnxlint.cli.colours import color_option
from onnxlint.safety.printable import printable_lines


@click.command("test-rules")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]…")
@click.option("--select", multiple=True, metavar="RULE", help="Test only these rules.")
@color_option
def command(paths: tuple[Path, ...], select: tuple[str, ...]) -> None:
    """Check that each rule reports the Bad examples and does not report its Good ones.

    PATH is a file or folder of rules, or a configuration with [[rule]] tables; without it, all
    installed rules and those of the configuration are tested.
    """
    from onnxlint.config import find, load
    from onnxlint.rules.packs import Registry, rules_in_path
    from onnxlint.testing import problems

    registry = Registry() if paths else load(find("-")).registry()
    rules = registry.rules
    for path in paths:
        for rule in rules_in_path(path):
            registry.add(rule, str(path))
            rules.append(rule)
    chosen = {rule.code for name in select for rule in registry.select(name)}
    rules = [rule for rule in rules if not select or rule.code in chosen]
    failed = 0
    for rule in rules:
        found = problems(rule)
        failed += bool(found)
        mark = click.style("FAIL", fg="red") if found else click.style("ok", fg="green")
        click.echo(f"{mark:>4} {rule.code} {rule.name}")
        for problem in found:
            click.echo(f"     {printable_lines(problem)}")
    click.echo(f"{len(rules) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not rules else 0)
