"""Whether what is printed has colours: `--color`, the environment's word, else the terminal's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


def color_option(command: Command) -> Command:
    """Adds `--color`, which holds for all that the command prints."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        expose_value=False,
        is_eager=True,
        callback=_choose,
        help="Colour the output; 'auto': on a terminal, and as NO_COLOR, FORCE_COLOR and TERM=dumb "
        "say.  [auto]",
    )(command)


def _choose(context: click.Context, _parameter: click.Parameter, choice: str) -> None:
    context.color = {"always": True, "never": False}.get(choice, of_environment())


def of_environment() -> bool | None:
    """Whether the environment asks for colours; None where it says nothing."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if is_dumb() else None


def is_dumb() -> bool:
    """Whether the terminal knows neither colours nor a cursor that moves."""
    return os.environ.get("TERM", "").lower() in {"dumb", "unknown"}


def has_colours(stream: Any) -> bool:
    """Whether what goes to a stream has colours."""
    context = click.get_current_context(silent=True)
    chosen = of_environment() if context is None else context.color
    return bool(stream is not None and stream.isatty() if chosen is None else chosen)


def console(*, err: bool = False, otherwise: int | None = None) -> Console:
    """A console for tables and bars; `otherwise` is its width where it is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    coloured = has_colours(stream)
    return Console(
        file=stream,
        width=None if stream is None or stream.isatty() else otherwise,
        highlight=False,
        no_color=not coloured,
        color_system="standard" if coloured else None,
        force_terminal=True if coloured else None,
    )


def terminal_width() -> int | None:
    """Columns of the terminal that standard output is; None where it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    import shutil  # loads three compressions

    return shutil.get_terminal_size().columns
