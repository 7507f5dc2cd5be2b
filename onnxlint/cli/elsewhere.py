"""`--executor`: models are judged by workers that somebody else started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.job_pool import Elsewhere


@contextmanager
def one_sentence() -> Iterator[None]:
    """What goes wrong with workers, or with the folder of a fleet, is one sentence."""
    from onnxlint.fleet.errors import FleetError

    try:
        yield
    except FleetError as error:
        raise click.ClickException(str(error)) from error


def say(text: str) -> None:
    """Tells whoever waits."""
    click.echo(printable(text), err=True)


@contextmanager
def elsewhere(executor: str | None) -> Iterator[Elsewhere | None]:
    """Who judges, if `--executor` names somebody."""
    if executor is None:
        yield None
        return
    from onnxlint.fleet.doors import opened
    from onnxlint.fleet.elsewhere import judged_by

    with one_sentence():
        door = opened(executor, None)
        is_done = False
        try:
            if door.note is not None:
                say(door.note)
            yield partial(judged_by, door)
            is_done = True
        finally:
            door.close(at_once=not is_done)
