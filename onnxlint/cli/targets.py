"""`onnxlint targets [TARGET]`: where a model can be said to run, and what is known of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from onnxlint.analyses.targets.targets import Target


@click.command("targets")
@click.argument("name", metavar="[TARGET]", required=False)
def command(name: str | None) -> None:
    """List the targets for --target; of one TARGET, say what is known of it, and from where."""
    from onnxlint.analyses.targets.targets import TargetError, resolve

    if name is None:
        _table()
        return
    try:
        target = resolve(name)
    except TargetError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(description(target)))


def description(target: Target) -> Iterator[str]:
    """The lines of a target's page."""
    from onnxlint.analyses.targets.targets import releases

    yield click.style(f"{target.name}", bold=True) + f": {target.title}"
    known = [release.version for release in releases(target.family)]
    facts = {
        "releases known": ", ".join(known),
        "newest IR version": target.ir_version,
        "newest opsets": ", ".join(f"{domain or 'ai.onnx'} {newest}"
                                   for domain, newest in target.opsets.items()),
        "operators": None if target.kernels is None else f"{len(target.kernels)} are known to run",
        "other operators": target.host and f"run on {target.host.name}",
        "vendors' operators": ", ".join(sorted(target.domains)),
        "functions": target.functions,
        "float16": target.float16,
        "bfloat16": target.bfloat16,
        "int64": target.int64,
        "Resize modes": ", ".join(sorted(target.resize_modes or ())),
    }  # fmt: skip
    for what, fact in facts.items():
        yield f"  {what:<20}{fact or 'not known'}"
    for source in target.sources:
        yield f"  from: {source.document} ({source.date})"


def _table() -> None:
    from rich.console import Console
    from rich.table import Table

    from onnxlint.analyses.targets.targets import families, family, releases

    table = Table(box=None, pad_edge=False)
    for heading in ("Target", "Releases", "What it is"):
        table.add_column(heading, no_wrap=heading != "What it is")
    for name in families():
        known = [release.version for release in releases(name)]
        span = f"{known[0]} to {known[-1]}" if len(known) > 1 else "".join(known)
        table.add_row(name, span, family(name).title)
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)
