"""The option of every command that reads models or data from remote addresses."""

from __future__ import annotations

import click

from onnxlint.remote.allowance import VARIABLE, allow
from onnxlint.toml_tables import ConfigError, parse_bytes


def _allowed(_ctx: click.Context, _parameter: click.Parameter, given: str | None) -> None:
    try:
        allow(None if given is None else parse_bytes(given))
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


download_option = click.option(
    "--max-download",
    metavar="SIZE",
    callback=_allowed,
    expose_value=False,
    envvar=VARIABLE,
    help="Read at most this much for one model, or its data, from a remote address such as s3://…, "
    "beside what is in the cache.  [10GiB]",
)
