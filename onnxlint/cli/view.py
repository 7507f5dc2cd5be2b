"""`onnxlint view MODEL`: opens a model in Netron, where that is installed."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import click

from onnxlint.safety.printable import printable

ADDRESS = "127.0.0.1"
"""Nobody on another machine reads the model."""

UNFIT = frozenset("\"'<>&#?%\\")
"""What Netron's server would take for a part of its page, or of an address."""


@click.command("view")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), metavar="N",
              help="Port on this machine; 0 takes any.  [8080, or a free one]")  # fmt: skip
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def command(model: Path, port: int | None, no_browser: bool) -> None:
    """Open MODEL in Netron, on this machine only, until Ctrl-C.

    Netron reads the file itself; while it runs, it also hands out other files of the model's
    folder, such as external data, to programs of this machine.

    \b
      onnxlint view model.onnx
      onnxlint view model.onnx --no-browser --port 9000
    """
    if find_spec("netron") is None:
        raise click.UsageError("'view' requires Netron: pip install 'onnxlint[view]'")
    _check(model)
    import netron

    logging.getLogger("netron").setLevel(logging.WARNING)  # it would tell the address again
    try:
        address = netron.start(str(model), (ADDRESS, port), browse=not no_browser)
    except OSError as error:
        told = f"port {port} cannot be used: {error.strerror}; choose another --port"
        raise click.ClickException(told) from error
    click.echo(printable(f"{model}: http://{address[0]}:{address[1]} (Ctrl-C ends it)"))
    netron.wait()


def _check(model: Path) -> None:
    """Whether there is a file that Netron's server can hand out.

    Raises:
        click.UsageError: there is none.
    """
    shown = printable(repr(str(model)))
    if not model.is_file():
        what = "is not a file" if model.exists() else "does not exist"
        raise click.UsageError(f"{shown} {what}; check the path")
    unfit = [sign for sign in str(model) if sign in UNFIT or not sign.isprintable()]
    if unfit:
        told = f"Netron shows no file with {unfit[0]!r} in its path; rename or copy it"
        raise click.UsageError(f"{shown}: {told}")
