"""`onnxlint targets [TARGET]`: where models are deployed, and what is known of these targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from onnxlint.cli.colours import color_option, console

if TYPE_CHECKING:
    from onnxlint.analyses.targets.targets import Target


@click.command("targets")
@click.argument("name", metavar="[TARGET]", required=False)
@color_option
def command(name: str | None) -> None:
    """List the known deployment targets; for one TARGET, show its facts and their sources."""
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
        "operators": None if target.kernels is None else f"{len(target.kernels)} supported",
        "other operators": target.host and f"run on {target.host.name}",
        "vendor operators": ", ".join(sorted(target.domains)),
        "functions": target.functions,
        "float16": target.float16,
        "bfloat16": target.bfloat16,
        "int64": target.int64,
        "Resize modes": ", ".join(sorted(target.resize_modes or ())),
    }  # fmt: skip
    for what, fact in facts.items():
        yield f"  {what:<20}{fact or 'unknown'}"
    for source in target.sources:
        yield f"  from: {source.document} ({source.date})"


def _table() -> None:
    from rich.table import Table

    from onnxlint.analyses.targets.targets import families, family, releases

    table = Table(box=None, pad_edge=False)
    for heading in ("Target", "Releases", "Description"):
        table.add_column(heading, no_wrap=heading != "Description")
    for name in families():
        known = [release.version for release in releases(name)]
        span = f"{known[0]} to {known[-1]}" if len(known) > 1 else "".join(known)
        table.add_row(name, span, family(name).title)
    console(otherwise=200).print(table)
