"""A command whose `--help` lists its options by what they are for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import click

LAST = "Other"
"""The section of options that no other names, `--help` for one."""


_RANGE = re.compile(r"\s*\[[^\[\]]*[<>]=?x\b[^\[\]]*\]$|\s*\[x[<>]=?[^\[\]]*\]$")
"""How click ends the help of a number: its limits, which the error for another number tells."""


def sectioned(sections: Mapping[str, Iterable[str]]) -> type[click.Command]:
    """A class of commands with these sections, each with the names of its parameters."""
    section_of = {name: title for title, names in sections.items() for name in names}

    class Sectioned(click.Command):
        def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            listed: dict[str, list[tuple[str, str]]] = {title: [] for title in (*sections, LAST)}
            for parameter in self.get_params(ctx):
                record = parameter.get_help_record(ctx)
                if record is not None and parameter.param_type_name == "option":
                    title = section_of.get(parameter.name or "", LAST)
                    listed[title].append((record[0], _RANGE.sub("", record[1])))
            for title, records in listed.items():
                if records:
                    with formatter.section(title):
                        formatter.write_dl(records)

    return Sectioned
