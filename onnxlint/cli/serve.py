"""`onnxlint serve`: a resident process, so that commands start with everything loaded."""

from __future__ import annotations

import os
import sys

import click


@click.command("serve")
@click.option("--idle", type=click.FloatRange(min=0, min_open=True), default=15.0,
              show_default=True, metavar="MINUTES",
              help="End when no command asked for so long.")  # fmt: skip
@click.option("--detach", is_flag=True, help="Go on in the background; nothing if one runs.")
def command(idle: float, detach: bool) -> None:
    """Keep onnxlint loaded, for editors and hooks that lint on every save.

    While it runs, 'onnxlint MODEL…' of the same user and installation is run by a copy of this
    process, with the same output and exit code, and starts several times as fast. It listens at a
    socket that only this user can open, ends when it is idle or when the installed code changes,
    and serves no command that a changed file, locale or PYTHON variable would let come out
    otherwise. ONNXLINT_NO_SERVER=1 goes without it.

    \b
      onnxlint serve                  until Ctrl-C, or 15 minutes without a command
      onnxlint serve --detach         in the background, as a hook would start it
      onnxlint serve --idle 480       for a working day
    """
    if not hasattr(os, "fork"):
        raise click.UsageError("'serve' requires a system with fork; lint without it")
    from onnxlint.cli.main import main
    from onnxlint.resident.request import address
    from onnxlint.resident.server import Server, ServerError, is_served

    if detach and is_served(address()):
        return
    try:
        server = Server(idle * 60, main)
    except ServerError as error:
        raise click.ClickException(str(error)) from error
    if detach:
        _go_on_in_the_background()
    else:
        click.echo(f"serving onnxlint commands at {server.path} (Ctrl-C ends it)", err=True)
    server.run()


def _go_on_in_the_background() -> None:
    """Leaves the caller with a child that nothing of its terminal ends."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    sys.stdin = sys.stdout = sys.stderr = open(os.devnull, "r+")  # noqa: PTH123, SIM115
