"""`onnxlint explain RULE`: a rule's documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onnxlint.cli.colours import color_option, terminal_width
from onnxlint.safety.printable import printable, printable_lines

if TYPE_CHECKING:
    from onnxlint.rules.rule import Rule


WIDEST = 90
"""Columns of text; longer lines are hard to read."""


@click.command("explain")
@click.argument("selector", metavar="RULE")
@click.option("--rules", multiple=True, type=click.Path(path_type=Path), metavar="PATH",
              help="Load additional rules from a file (Python, or TOML with [[rule]]) or a "
                   "folder.")  # fmt: skip
@color_option
def command(selector: str, rules: tuple[Path, ...]) -> None:
    """Explain RULE, a code or a name: what it finds, why it matters, how to fix it."""
    from onnxlint.config import find, load

    for rule in load(find("-")).registry(rules).select(selector):
        click.echo("\n".join(explanation(rule)))


def explanation(rule: Rule) -> Iterator[str]:
    """The lines of a rule's page."""
    documentation = rule.documentation
    yield click.style(f"{rule.code} {rule.name}", bold=True) + f" ({rule.severity.value})"
    yield ""
    yield _wrapped(documentation.summary)
    yield from ("", _wrapped(". ".join(standing(rule)) + "."))
    for title, text in (("Why", documentation.why), ("Fix", documentation.fix)):
        if text:
            yield from ("", click.style(title, bold=True), _wrapped(text))
    if rule.options:
        yield from ("", click.style("Options", bold=True))
        for name, option in rule.options.items():
            kind = option.unit or getattr(option.type, "__name__", str(option.type))
            yield printable(f"  [rules.{rule.name}] {name} = {option.default}  ({kind})")
            if option.description:
                yield _wrapped(option.description, "    ")
    texts = [("Pattern", text) for text in documentation.patterns]
    texts += [("Bad", text) for text in documentation.bad]
    texts += [("Use instead", text) for text in documentation.instead]
    texts += [("Good", text) for text in documentation.good if text not in documentation.instead]
    for title, text in texts:
        lines = textwrap.indent(printable_lines(cleandoc(text)), "  ")
        yield from ("", click.style(title, bold=True), lines)
    if documentation.references:
        yield from ("", click.style("References", bold=True))
        yield from map(_reference, documentation.references.items())
    yield ""


def standing(rule: Rule) -> Iterator[str]:
    """Sentences on its status, its first version, and what makes it run."""
    since = f", since {rule.since}" if rule.since else ""
    yield f"{rule.status.capitalize()}{since}"
    if rule.preview:
        yield "Preview rules may still change or be removed"
    if not rule.default:
        yield f"Off by default; --select {rule.code} runs it"
    elif rule.preview:
        yield f"--preview or --select {rule.code} runs it"


def _reference(cited: tuple[str, str]) -> str:
    words, address = cited
    return printable(f"  {address}" if words == address else f"  {words}: {address}")


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(
        printable(" ".join(text.split())),
        min(terminal_width() or WIDEST, WIDEST),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
