"""`--executor`: models are judged by workers that somebody else started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.fleet.doors import Door
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
def workers(executor: str | None, jobs: int | None, *, quiet: bool) -> Iterator[Door]:
    """The workers that `--executor` names; where something ends this early, they are given up."""
    from onnxlint.fleet.doors import opened

    door = opened(executor, jobs)
    is_done = False
    try:
        if door.note is not None and not quiet:
            say(door.note)
        yield door
        is_done = True
    finally:
        door.close(at_once=not is_done)


@contextmanager
def elsewhere(executor: str | None, *, quiet: bool) -> Iterator[Elsewhere | None]:
    """Who judges, if `--executor` names somebody."""
    if executor is None:
        yield None
        return
    from onnxlint.fleet.elsewhere import judged_by

    with one_sentence(), workers(executor, None, quiet=quiet) as door:
        yield partial(judged_by, door)
